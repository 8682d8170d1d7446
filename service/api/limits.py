"""How many requests a client may make: a bucket for each, refilled steadily.

https://www.rfc-editor.org/rfc/rfc6585#section-4
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 10
_MOST = 10_000


class Buckets:
    """`rate` requests a second for each key, `BURST` seconds' worth at once; 0 is no limit."""

    def __init__(self, rate: int, timer: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._timer = timer
        self._lock = threading.Lock()
        self._full: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """0 where the request may go on, else after how many seconds to try again."""
        if self._rate == 0:
            return 0
        now, most = self._timer(), float(self._rate * BURST)
        with self._lock:
            level, since = self._full.pop(key, (most, now))
            level = min(most, level + (now - since) * self._rate)
            waits = 0 if level >= 1 else math.ceil((1 - level) / self._rate)
            self._full[key] = (level if waits else level - 1, now)
            # Whoever has not asked for longest is forgotten, which can only be in their favour.
            while len(self._full) > _MOST:
                self._full.popitem(last=False)
        return waits
