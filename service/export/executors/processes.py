"""Parts in several processes of this machine, forked when everything is loaded, so that they share its memory.

A worker that dies is replaced, and its part begun again.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from service.export.executors.base import TRIES, Done, Work, lost
from service.export.plan import Partition


@dataclass(slots=True)
class _Worker:
    process: Any
    part: Partition | None = None


class Processes:
    """As many workers as `count`, or one for each core."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count or 2

    def run(self, work: Work, parts: Iterable[Partition]) -> Iterator[Done]:
        pool = _Pool(work, iter(parts))
        try:
            for _ in range(self.count):
                pool.start()
            yield from pool.results()
        finally:
            pool.stop()


class _Pool:
    def __init__(self, work: Work, parts: Iterator[Partition]) -> None:
        self._work = work
        self._parts = parts
        self._again: deque[Partition] = deque()
        self._tries: dict[int, int] = {}
        self._workers: dict[Connection, _Worker] = {}
        kinds = multiprocessing.get_all_start_methods()
        self._context: BaseContext = multiprocessing.get_context("fork" if "fork" in kinds else "spawn")

    def start(self) -> None:
        """Start a worker where there is a part for it."""
        part = self._next()
        if part is None:
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        self._workers[ours] = _Worker(process)
        self._give(ours, part)

    def results(self) -> Iterator[Done]:
        while self._workers:
            for ready in wait(list(self._workers)):
                assert isinstance(ready, Connection)
                try:
                    done: Done = ready.recv()
                except (EOFError, ConnectionError):
                    yield from self._buried(ready)
                    continue
                self._next_for(ready)
                yield done

    def stop(self) -> None:
        """End the workers at once: what they are doing is not needed any more."""
        for link, one in self._workers.items():
            one.process.kill()
            one.process.join()
            link.close()
        self._workers.clear()

    def _next(self) -> Partition | None:
        return self._again.popleft() if self._again else next(self._parts, None)

    def _next_for(self, link: Connection) -> None:
        part = self._next()
        if part is not None:
            self._give(link, part)
            return
        # Told to end: closing the link would not do, for workers that were forked later hold it as well.
        self._give(link, None)
        worker = self._workers.pop(link)
        worker.process.join()
        link.close()

    def _give(self, link: Connection, part: Partition | None) -> None:
        self._workers[link].part = part
        try:
            link.send(part)
        except (BrokenPipeError, ConnectionError):
            return  # It died while it waited: reading from it says so.

    def _buried(self, link: Connection) -> Iterator[Done]:
        worker = self._workers.pop(link)
        link.close()
        worker.process.join()
        part, code = worker.part, worker.process.exitcode
        if part is not None:
            tries = self._tries[part.number] = self._tries.get(part.number, 0) + 1
            if tries >= TRIES:
                yield lost(part, f"signal {-code}" if code and code < 0 else f"exit {code}")
            else:
                self._again.append(part)
        self.start()


def _serve(link: Connection, work: Work) -> None:
    """One worker: parts in, results out, until the link or the process that started this one ends."""
    # The process that started us ends us; a Ctrl-C in the terminal reaches us as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for part in iter(link.recv, None):
            link.send(work(part))
    except (EOFError, ConnectionError):
        return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
