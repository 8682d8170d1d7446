"""What a receiver double does to a request: a list of steps, used up one by one, then a chance of any.

A step is a dict: `{"do": …, "times": 1, "on": "POST /Bundle.*"}`; `on` is a regular expression for method and path,
by default any request that writes.
    pass        carried out and answered as it should be
    answer      only answered: `status`, `headers`, `body`; `retry_after` in seconds, `retry_date` as a date that many
                seconds ahead
    slow        carried out, answered after `seconds`
    trickle     carried out, answered a byte at a time, `seconds` between two
    hang        neither carried out nor answered, until the client goes away
    drop        the connection is closed before anything is carried out
    lose-reply  carried out, then the connection is closed
    close-mid   carried out, the answer breaks off in its middle
    wrong-json  carried out, the answer is no JSON
    wrong-type  carried out, the answer is JSON of another kind
    long        carried out, the answer has `size` bytes
"""

import random
import re
import threading
from collections.abc import Iterable
from typing import Any

Step = dict[str, Any]
KINDS = (
    *("pass", "answer", "slow", "trickle", "hang", "drop", "lose-reply", "close-mid", "wrong-json", "wrong-type"),
    "long",
)
WRITES = r"(?:POST|PUT|DELETE) (?!/token).*"
TROUBLE: tuple[Step, ...] = (
    {"do": "answer", "status": 429, "retry_after": 0},
    {"do": "answer", "status": 500},
    {"do": "answer", "status": 503, "retry_after": 0},
    {"do": "drop"},
    {"do": "lose-reply"},
    {"do": "close-mid"},
    {"do": "wrong-json"},
)


class Script:
    """Threads share it. `chance` is how probable a step of `trouble` is once the steps are used up."""

    def __init__(
        self, steps: Iterable[Step] = (), *, chance: float = 0.0, seed: int = 0, trouble: Iterable[Step] = TROUBLE
    ) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._trouble = tuple(trouble)
        self.chance = chance
        self._steps: list[Step] = []
        self.set(steps)

    def set(self, steps: Iterable[Step]) -> None:
        """These, in place of what is left."""
        made = [dict(one) for one in steps]
        for one in made:
            if one["do"] not in KINDS:
                raise ValueError(f"no such step: {one['do']}")
        with self._lock:
            self._steps = made

    @property
    def left(self) -> int:
        """How many steps are still to come."""
        with self._lock:
            return sum(one.get("times", 1) for one in self._steps)

    def next(self, request: str) -> Step:
        """What to do with `request` (`POST /Bundle`)."""
        with self._lock:
            for index, one in enumerate(self._steps):
                if re.fullmatch(one.get("on", WRITES), request):
                    one["times"] = one.get("times", 1) - 1
                    if one["times"] == 0:
                        del self._steps[index]
                    return one
            if self.chance and re.fullmatch(WRITES, request) and self._random.random() < self.chance:
                return self._random.choice(self._trouble)
        return {"do": "pass"}
