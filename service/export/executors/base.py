"""What runs the parts of a batch: one file a kind.

An executor runs `work` once for each part, wherever, in any order, and gives what came of it. It takes parts from the
iterator only as it needs them, so that memory stays flat, and it outlives a worker that dies.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from service.export.plan import Partition
from service.issues import Issue, issue

TRIES = 3
"""How often a part is begun whose worker dies."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a part: how many documents it has and how many became Bundles. With `failure` it is not done."""

    number: int
    documents: int = 0
    converted: int = 0
    failure: Issue | None = None


Work = Callable[[Partition], Done]
"""Runs one part. It must be picklable: a worker can be on another machine."""


class Executor(Protocol):
    def run(self, work: Work, parts: Iterable[Partition]) -> Iterator[Done]:
        """What came of each part. Closing the iterator stops the workers."""


class ExecutorError(ValueError):
    """An executor that cannot start; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


def lost(part: Partition, why: str, times: int = TRIES) -> Done:
    """A part whose worker died each time."""
    return Done(part.number, failure=issue("batch.worker-lost", part=part.name, times=times, reason=why))
