"""One run at a time in a folder: on this machine a lock that ends with its process, in a bucket an object.

https://man7.org/linux/man-pages/man2/flock.2.html
"""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime

import msgspec

from service.export.targets import Local, Remote, Target, TargetError, connected, failures, reason
from service.issues import issue

FILE = ".lock"
OBJECT = "lock.json"
_PATIENCE = 5.0
"""Seconds that a run waits for the workers of one that was killed to notice it and end."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock of a bucket."""

    host: str
    process: int
    since: str


@contextlib.contextmanager
def held(target: Target, now: datetime, *, take_over: bool = False, patience: float = _PATIENCE) -> Iterator[None]:
    """Keep others out of `target` until the block ends. `TargetError` `batch.in-use` where another run is in it.

    In a bucket the lock of a killed run stays; `take_over` takes it away.
    """
    if isinstance(target, Local):
        with _file(target, patience):
            yield
    elif isinstance(target, Remote):
        with _object(target, now, take_over):
            yield
    else:
        raise TypeError(type(target).__name__)


@contextlib.contextmanager
def _file(target: Local, patience: float) -> Iterator[None]:
    try:
        target.folder.mkdir(parents=True, exist_ok=True)
        stream = (target.folder / FILE).open("ab")
    except OSError as error:
        raise TargetError(issue("batch.cannot-write", file=target.url, reason=reason(error))) from None
    with stream:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TargetError(issue("batch.in-use", place=target.url, by="")) from None
                time.sleep(0.1)
        yield


@contextlib.contextmanager
def _object(target: Remote, now: datetime, take_over: bool) -> Iterator[None]:
    if take_over:
        target.remove(OBJECT)
    system, root = connected(target.url)
    own = msgspec.json.encode(Holder(socket.gethostname(), os.getpid(), now.isoformat(timespec="seconds")))
    try:
        system.pipe_file(f"{root}/{OBJECT}", own, mode="create")
    except FileExistsError:
        there = msgspec.json.decode(target.read(OBJECT) or own, type=Holder)
        by = f" ({there.host}, {there.process}, {there.since}; --take-over)"
        raise TargetError(issue("batch.in-use", place=target.url, by=by)) from None
    except failures() as error:
        raise TargetError(issue("batch.cannot-write", file=f"{target.url}/{OBJECT}", reason=reason(error))) from None
    try:
        yield
    finally:
        with contextlib.suppress(TargetError):
            target.remove(OBJECT)
