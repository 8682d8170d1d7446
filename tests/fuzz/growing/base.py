"""How a way of growing is described and measured: CPU time at a size and at twice that size."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], object]
MOST_PER_DOUBLING = 2.6
_ENOUGH = 0.05


@dataclass(frozen=True, slots=True)
class Growth:
    """`make(size)` gives the work; it is measured at `size` and twice that. `reason`: why it may grow faster."""

    name: str
    size: int
    make: Callable[[int], Work]
    reason: str = ""


def seconds(work: Work, times: int = 3) -> float:
    """The least CPU time of a few runs."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
        if found[0] > 1:
            break
    return min(found)


def ratio(row: Growth) -> tuple[float, float]:
    """CPU time at the size where it can be measured, and by how much it grows from there when the size doubles.

    What looks like too much is measured again: a busy machine disturbs, and only ever upwards.
    """
    size = row.size
    while (took := seconds(row.make(size))) < _ENOUGH and size < row.size * 16:
        size *= 2
    grew = seconds(row.make(2 * size)) / max(took, 1e-9)
    for _ in range(2):
        if grew > MOST_PER_DOUBLING:
            took = seconds(row.make(size))
            grew = min(grew, seconds(row.make(2 * size)) / max(took, 1e-9))
    return took, grew
