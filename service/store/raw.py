"""The statements of the busiest calls: written with SQLAlchemy once for both databases, run on the driver's own cursor.

Building and compiling a statement at each call costs many times what the database needs for it.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import BindParameter, ClauseElement, Connection, bindparam
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
# How many values are asked about at once: few sizes, so that each text is prepared once.
_SIZES = (1, 4, 16, 64)


@dataclass(frozen=True, slots=True)
class Bare:
    """A connection of the driver with as much of SQLAlchemy's as the statements here use."""

    connection: DBAPIConnection
    dialect: Dialect
    info: dict[str, Any] = field(default_factory=dict)


class Statement:
    """A statement whose parameters are named when it is called; what it gives are the driver's own rows."""

    def __init__(self, statement: ClauseElement) -> None:
        self._on = functools.cache(lambda backend: compiled(backend, statement))

    def __call__(self, connection: Connection, **values: Any) -> list[Row]:
        """Run it; gives the rows, where it has any."""
        text, names, constants = self._on(connection.dialect.name)
        given = constants | values
        return run(connection, text, [given[name] for name in names])

    def many(self, connection: Connection, values: Iterable[Mapping[str, Any]]) -> int:
        """Run it for each of `values`; gives how many rows were changed."""
        text, names, constants = self._on(connection.dialect.name)
        given = [[{**constants, **one}[name] for name in names] for one in values]
        return run_many(connection, text, given)


class Among:
    """A statement about all rows where something is one of many values; `build` makes it for parameters of those.

    What other parameters it has are named when it is called.
    """

    def __init__(self, build: Callable[[list[BindParameter[Any]]], ClauseElement]) -> None:
        self._on = functools.cache(
            lambda backend, size: compiled(backend, build([bindparam(f"one{at}") for at in range(size)]))
        )

    def __call__(self, connection: Connection, values: Collection[Any], **others: Any) -> list[Row]:
        """The rows for `values`, which are asked for in sorted order."""
        found: list[Row] = []
        ordered = sorted(values)
        for start in range(0, len(ordered), _SIZES[-1]):
            some = ordered[start : start + _SIZES[-1]]
            some += [some[-1]] * (next(size for size in _SIZES if size >= len(some)) - len(some))
            text, names, constants = self._on(connection.dialect.name, len(some))
            given = constants | others | {f"one{at}": value for at, value in enumerate(some)}
            found += run(connection, text, [given[name] for name in names])
        return found


def run(connection: Connection, text: str, values: Sequence[Any], **options: Any) -> list[Row]:
    """Execute `text`, which `compiled` gave; gives the rows, where it has any. `options` are psycopg's."""
    is_sqlite = connection.dialect.name == "sqlite"
    cursor: Any = connection.connection.cursor() if is_sqlite else _kept(connection)
    try:
        cursor.execute(text, values, **options)
        found: list[Row] = cursor.fetchall() if is_sqlite or cursor.rownumber is not None else []
        return found
    except connection.dialect.loaded_dbapi.Error as error:
        raise _failed(connection, text, error) from error


def run_many(connection: Connection, text: str, rows: Sequence[Sequence[Any]]) -> int:
    """Execute `text` for each of `rows`; gives how many rows of the database were changed."""
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(text, rows)
        return int(cursor.rowcount)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _failed(connection, text, error) from error


def _kept(connection: Connection) -> Any:
    """A cursor of psycopg; to make one, and to describe what it has found, takes as long as a small statement."""
    found = connection.info.get("cursor")
    if found is None:
        found = connection.info["cursor"] = connection.connection.cursor(binary=True)
    return found


def _failed(connection: Connection, text: str, error: Exception) -> BaseException:
    """The same as SQLAlchemy raises."""
    return DBAPIError.instance(text, None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True)


def compiled(backend: str, statement: ClauseElement) -> tuple[str, list[str], dict[str, Any]]:
    """Text, the names of its parameters in their order, and the values of those that nobody has to give."""
    made = cast(SQLCompiler, statement.compile(dialect=dialect(backend)))
    asked = {name for name, one in made.binds.items() if one.required}
    # Lists that stand in the statement itself are written out for as many values as they have.
    whole = made.construct_expanded_state(dict.fromkeys(asked))
    constants = {name: value for name, value in whole.parameters.items() if name not in asked}
    return whole.statement, list(whole.positiontup or ()), constants


@functools.cache
def dialect(backend: str) -> Dialect:
    """How statements are written for `sqlite` or `postgresql` and its driver."""
    kind, style = ("sqlite", "qmark") if backend == "sqlite" else ("postgresql.psycopg", "format")
    return cast(Dialect, registry.load(kind)(paramstyle=style))
