"""All parts one after the other in this process."""

from collections.abc import Iterable, Iterator

from service.export.executors.base import Done, Work
from service.export.plan import Partition


class Serial:
    def run(self, work: Work, parts: Iterable[Partition]) -> Iterator[Done]:
        return map(work, parts)
