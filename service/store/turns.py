"""Whose turn it is to write to the SQLite file, and how many writes share one commit.

SQLite has one writer, and a safe commit waits for the disk. Threads that wait for their turn therefore write into the
transaction that is open, each inside a savepoint, and the last of them commits for all; each returns only then.
https://www.sqlite.org/lang_savepoint.html
"""

import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
MOST = 32
_PATIENCE = 0.2


class Shared:
    """One transaction that several threads write into."""

    def __init__(self, connection: Connection, stack: ExitStack) -> None:
        self.connection = connection
        self.stack = stack
        self.size = 0
        self.done = threading.Event()
        self.error: BaseException | None = None


class Turns:
    """Runs work on the engine, one after the other in this process and among processes."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._open: Shared | None = None
        self._handle: IO[bytes] | None = None
        self._process = 0

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed. What it raises undoes only its own writes."""
        self._enter()
        try:
            shared = self._open or self._start()
            try:
                with shared.connection.begin_nested():
                    result = work(shared.connection)
            finally:
                shared.size += 1
                if self._waiting == 0 or shared.size >= MOST:
                    self._finish(shared)
        finally:
            self._lock.release()
        self._await(shared)
        return result

    def close(self) -> None:
        if self._handle is not None and self._process == os.getpid():
            self._handle.close()
            self._handle = None

    def _enter(self) -> None:
        with self._count:
            self._waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._count:
                self._waiting -= 1

    def _start(self) -> Shared:
        with ExitStack() as stack:
            handle = self._opened()
            # SQLite's own waiting sleeps up to 100 ms between tries; this wakes at once, also when a holder is killed.
            fcntl.flock(handle, fcntl.LOCK_EX)
            stack.callback(fcntl.flock, handle, fcntl.LOCK_UN)
            connection = stack.enter_context(self._engine.connect())
            connection.begin()
            self._open = Shared(connection, stack.pop_all())
        return self._open

    def _finish(self, shared: Shared) -> None:
        self._open = None
        try:
            with shared.stack:
                shared.connection.commit()
        except BaseException as error:
            shared.error = error
            raise
        finally:
            shared.done.set()

    def _await(self, shared: Shared) -> None:
        """Return when the transaction is committed; who was to commit it may have been interrupted while waiting."""
        while not shared.done.wait(_PATIENCE):
            with self._lock:
                if self._open is shared:
                    self._finish(shared)
        if shared.error is not None:
            raise shared.error

    def _opened(self) -> IO[bytes]:
        # A lock belongs to the open file, which a forked child would share with its parent.
        if self._handle is None or self._process != os.getpid():
            self._handle = self._file.open("ab")
            self._process = os.getpid()
        return self._handle
