"""A value that is made when it is first asked for, once, whichever thread asks."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """`get()` gives what `make` gives; where that raises, the next `get()` tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._made: list[T] = []
        self._lock = threading.Lock()

    def get(self) -> T:
        if not self._made:
            with self._lock:
                if self._make is not None:
                    self._made.append(self._make())
                    self._make = None  # What it was made of need not be kept.
        return self._made[0]


def now(value: T) -> Later[T]:
    """A value that is there already."""
    made = Later(lambda: value)
    made.get()
    return made
