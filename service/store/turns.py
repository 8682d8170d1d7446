"""Whose turn it is to write to the SQLite file, and how many writes share one commit.

SQLite has one writer, and a safe commit waits for the disk and costs as much as what it keeps. Threads that wait for
their turn therefore write into the transaction that is open, where each can be undone by itself, and the last of them
commits for all; each returns only then. Who is about to write says so, and is waited for a little before a transaction
is opened.

Getting ready to write and writing are work for the processor, which a thread does best without another in between: one
at a time does either. Only while a commit waits for the disk, or a transaction for that of another process, the next
gets ready.
https://www.sqlite.org/lang_savepoint.html
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
MOST = 32
_PATIENCE = 0.2
# For how many of those who are about to write the first one waits, and how long: a commit is worth waiting for company,
# but another process could write meanwhile.
_ENOUGH = 4
_GATHERING = 0.03
# What begins, undoes and keeps one piece of work in a transaction. The first needs no savepoint of its own: for one,
# SQLite copies every page before it changes it.
_FIRST = ((), ("ROLLBACK", "BEGIN IMMEDIATE"), ())
_BESIDE_OTHERS = (("SAVEPOINT own",), ("ROLLBACK TO own", "RELEASE own"), ("RELEASE own",))


class Torn(Exception):
    """The database has ended the transaction by itself, as it does when the disk is full: nothing of it is kept."""


class Shared:
    """One transaction that several threads write into."""

    def __init__(self, connection: Connection, stack: ExitStack) -> None:
        self.connection = connection
        self.stack = stack
        self.size = 0
        self.done = threading.Event()
        self.error: BaseException | None = None

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`; what it raises undoes only its own writes."""
        cursor = self.connection.connection.cursor()
        begin, undo, keep = _BESIDE_OTHERS if self.size else _FIRST
        for statement in begin:
            cursor.execute(statement)
        try:
            result = work(self.connection)
        except BaseException:
            for statement in undo if self.is_whole() else ():
                cursor.execute(statement)
            raise
        for statement in keep:
            cursor.execute(statement)
        return result

    def is_whole(self) -> bool:
        driver = self.connection.connection.driver_connection
        return driver is not None and bool(driver.in_transaction)


class Turns:
    """Runs work on the engine, one after the other in this process and among processes."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine = engine
        self._file = file
        self._lock = threading.Lock()
        # Held by who gets ready, and for all who write into a transaction by whoever opened it.
        self._working = threading.Lock()
        self._change = threading.Condition()
        self._coming = 0
        self._waiting = 0
        self._open: Shared | None = None
        self._handle: IO[bytes] | None = None
        self._process = 0

    @contextmanager
    def coming(self) -> Iterator[None]:
        """For a thread that is about to write: as long as it is in here, others may wait for it to share a commit.

        One thread at a time; whatever it writes in here would wait for itself.
        """
        self._count(coming=1)
        try:
            with self._working:
                yield
        finally:
            self._count(coming=-1)

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed. What it raises undoes only its own writes."""
        self._enter()
        try:
            shared = self._open or self._start()
            try:
                result = shared.run(work)
            finally:
                shared.size += 1
                if self._waiting == 0 or shared.size >= MOST or not shared.is_whole():
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
        self._count(waiting=1)
        try:
            self._lock.acquire()
        finally:
            self._count(waiting=-1)

    def _count(self, coming: int = 0, waiting: int = 0) -> None:
        with self._change:
            self._coming += coming
            self._waiting += waiting
            self._change.notify_all()

    def _start(self) -> Shared:
        with self._change:
            self._change.wait_for(lambda: not self._coming or self._waiting >= _ENOUGH, _GATHERING)
        with ExitStack() as stack:
            handle = self._opened()
            # SQLite's own waiting sleeps up to 100 ms between tries; this wakes at once, also when a holder is killed.
            fcntl.flock(handle, fcntl.LOCK_EX)
            stack.callback(fcntl.flock, handle, fcntl.LOCK_UN)
            connection = stack.enter_context(self._engine.connect())
            connection.begin()
            self._working.acquire()
            self._open = Shared(connection, stack.pop_all())
        return self._open

    def _finish(self, shared: Shared) -> None:
        self._open = None
        self._working.release()
        try:
            with shared.stack:
                if not shared.is_whole():
                    raise Torn
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
