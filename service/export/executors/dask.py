"""Parts on the workers of a Dask cluster, which have this program and the same `YHDESSA_` settings installed.

https://distributed.dask.org/en/stable/client.html, https://distributed.dask.org/en/stable/killed.html
"""

import importlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from service.export.executors.base import Done, ExecutorError, Work, lost
from service.export.plan import Partition
from service.issues import issue

_AHEAD = 2
"""Parts in the hands of the cluster for each of its threads, so that none waits for us."""
_CONNECT = 20
"""Seconds."""


class Dask:
    """The cluster at a scheduler's `address` (`tcp://…`, `tls://…`); without one, a cluster of processes here."""

    def __init__(self, address: str | None = None, count: int | None = None) -> None:
        self.address = address
        self.count = count
        try:
            self._distributed: Any = importlib.import_module("distributed")
        except ImportError as error:
            found = issue("batch.no-executor", name="dask", reason=error, extra="cluster", also="")
            raise ExecutorError(found) from None

    def run(self, work: Work, parts: Iterable[Partition]) -> Iterator[Done]:
        with self._client() as client:
            yield from self._results(client, work, iter(parts))

    def _client(self) -> Any:
        if self.address is None:
            return self._distributed.Client(
                n_workers=self.count, threads_per_worker=1, processes=True, dashboard_address=None
            )
        try:
            return self._distributed.Client(self.address, timeout=_CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            found = issue("batch.no-scheduler", address=self.address, reason=str(error) or type(error).__name__)
            raise ExecutorError(found) from None

    def _results(self, client: Any, work: Work, parts: Iterator[Partition]) -> Iterator[Done]:
        held: dict[Any, Partition] = {}

        def submit(part: Partition) -> Any:
            future = client.submit(work, part, key=f"yhdessa-{id(self)}-{part.name}", pure=False)
            held[future] = part
            return future

        room = _AHEAD * max(sum(client.nthreads().values()), 1)
        first = [submit(one) for one in itertools.islice(parts, room)]
        waiting = self._distributed.as_completed(first, loop=client.loop)
        for future in waiting:
            part = held.pop(future)
            yield future.result() if future.status == "finished" else lost(part, _why(future))
            future.release()
            room = _AHEAD * max(sum(client.nthreads().values()), 1)
            waiting.update([submit(one) for one in itertools.islice(parts, max(room - len(held), 0))])


def _why(future: Any) -> str:
    if future.status != "error":
        return str(future.status)
    error = future.exception()
    return f"{type(error).__name__}: {error}"[:200]
