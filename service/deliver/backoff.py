"""How long to wait before the next try: exponential, with full jitter, never sooner than the receiver asks.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
from collections.abc import Callable

from service.deliver.receivers.base import Retries

Dice = Callable[[float, float], float]
# What a receiver asks for is asked of everybody: they shall not all come back in the same moment.
_SPREAD = 0.1


def pause(retries: Retries, tries: int, asked: float | None = None, dice: Dice = random.uniform) -> float:
    """Seconds to wait after `tries` attempts (from 1); `asked` is what a Retry-After says."""
    longest = min(retries.ceiling, retries.first * 2.0 ** min(max(tries, 1) - 1, 40))
    drawn = dice(0.0, longest)
    return drawn if asked is None else max(drawn, asked + dice(0.0, asked * _SPREAD))


def opened(retries: Retries, openings: int, asked: float | None = None, dice: Dice = random.uniform) -> float:
    """Seconds that a circuit stays open when it has been opened `openings` times in a row before."""
    longest = min(retries.ceiling, retries.pause * 2.0 ** min(openings, 40))
    drawn = dice(longest / 2, longest)
    return drawn if asked is None else max(drawn, asked + dice(0.0, asked * _SPREAD))
