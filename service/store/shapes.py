"""The statements of searches: made once for each shape, which is all of a search but the values in it."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from sqlalchemy import ClauseElement, Connection

from service.store.raw import Row, compiled, run

# How many are kept, and of how many parameters: a caller can think of as many as it likes.
MOST, LONGEST = 1000, 100
_PLANNED_ANEW = {"prepare": False}


class Shapes:
    """Runs statements by their shape; safe to share between threads."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[str, list[str], dict[str, Any]]] = {}

    def run(
        self,
        connection: Connection,
        shape: Hashable,
        build: Callable[[], ClauseElement],
        values: Mapping[str, Any],
        *,
        few: bool = True,
    ) -> list[Row]:
        """The rows of what `build` makes for its parameters, of which `values` has each by its name.

        What is built must depend on nothing that is not in `shape`. Unless it leads to `few` rows whatever the values,
        the database finds its way for these alone: docs/decisions/026-plans-of-postgresql.md
        """
        backend = connection.dialect.name
        made = self._made.get((backend, shape))
        if made is None:
            made = compiled(backend, build())
            if len(made[1]) <= LONGEST:
                if len(self._made) >= MOST:
                    self.forget()
                self._made[backend, shape] = made
        text, names, constants = made
        given = [values[name] if name in values else constants[name] for name in names]
        return run(connection, text, given, **({} if few or backend == "sqlite" else _PLANNED_ANEW))

    def forget(self) -> None:
        """Make all statements anew."""
        self._made.clear()

    def __len__(self) -> int:
        return len(self._made)


SHAPES = Shapes()
