"""Plans as PDF/A for the archive, as they were at a moment; of many plans, on all cores of this machine."""

import multiprocessing
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from service.clock import HELSINKI
from service.config import Settings
from service.issues import Issue, issue

if TYPE_CHECKING:
    from service.store import Store

Made = dict[str, bytes | Issue]
FEW = 100
"""Plans that are printed before it is worth while to start workers."""
_store: Any = None


class Papers:
    """Called with ids of CarePlans and a moment (microseconds); to be closed, for it may have workers."""

    def __init__(self, store: "Store", chosen: Settings) -> None:
        self._open_store = store
        self._place = (chosen.database, chosen.data)
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self._asked = 0
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, ids: Collection[str], at: int) -> Mapping[str, bytes | Issue]:
        if self._pool is None and self._asked >= FEW and self._cores > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._cores, context, _opened, self._place)
        self._asked += len(ids)
        if self._pool is None:
            return made(self._open_store, ids, at)
        wanted = sorted(ids)
        shares = [share for number in range(self._cores) if (share := wanted[number :: self._cores])]
        try:
            return {
                id_: one for some in self._pool.map(partial(_made_there, at=at), shares) for id_, one in some.items()
            }
        except BrokenProcessPool:
            # A worker was killed; what it was printing is printed here, and then by new ones.
            self._pool = None
            return made(self._open_store, ids, at)


def made(store: "Store", ids: Collection[str], at: int) -> Made:
    """The papers of these plans, or why there is none."""
    from service.fhir.json import parse
    from service.print import PrintError, printed
    from service.store.belonging import belonging

    moment = datetime.fromtimestamp(at / 1_000_000, HELSINKI)
    with store.database.read() as connection:
        found = belonging(connection, ids, at)
    papers: Made = {}
    for id_, one in found.items():
        resources = [parse(row.body) for row in (one.plan, *one.others) if row.body is not None]
        try:
            papers[id_] = printed(resources, id_, archive=True, now=moment)
        except PrintError as error:
            papers[id_] = issue("archive.no-plan-paper", reference=f"CarePlan/{id_}", reason=error.issue.text())
    return papers


def _opened(url: str | None, data: Path) -> None:
    """A worker begins: with a store of its own."""
    from service.fhir.definitions import core
    from service.store import open_store

    global _store
    _store = open_store(url, data, core())


def _made_there(ids: list[str], at: int) -> Made:
    return made(_store, ids, at)
