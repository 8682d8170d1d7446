"""Many rows in one go, over the driver's own cursor: all of them in one call.

SQLite takes row after row with one prepared statement, which costs it half of what a statement of many rows does, and
there is one text to be made. PostgreSQL gets statements of many rows, to have few round trips.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam

from service.store.raw import Row, compiled, run, run_many
from service.store.upsert import upserting

_MOST = 256


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    returning: tuple[str, ...] = (),
) -> list[Row]:
    """Insert `rows`, whose values stand in the order of `columns`.

    With `returning`, rows that are there already are left as they are, and those columns of the new ones are given.
    """
    if not rows:
        return []
    backend = connection.dialect.name
    if backend == "sqlite" and not returning:
        text, order = _insert(backend, table, columns, 1, ())
        run_many(connection, text, [[row[at] for at in order] for row in rows] if order else rows)
        return []
    found: list[Row] = []
    for some in _pieces(rows, 1 if backend == "sqlite" else _MOST):
        text, order = _insert(backend, table, columns, len(some), returning)
        values = [value for row in some for value in row]
        found += run(connection, text, [values[at] for at in order] if order else values)
    return found


def _pieces(values: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    return (values[at : at + most] for at in range(0, len(values), most))


@functools.cache
def _insert(
    backend: str, table: Table, columns: tuple[str, ...], many: int, returning: tuple[str, ...]
) -> tuple[str, list[int]]:
    """The text for so many rows, and in which order it takes their values, where that is another one."""
    names = [[f"{column}_{at}" for column in columns] for at in range(many)]
    rows: list[Mapping[str, Any]] = [dict(zip(columns, map(bindparam, own), strict=True)) for own in names]
    statement = upserting(backend)(table).values(rows)
    if returning:
        statement = statement.on_conflict_do_nothing().returning(*(table.c[one] for one in returning))  # type: ignore[assignment]
    text, ordered, _ = compiled(backend, statement)
    at = {name: place for place, name in enumerate(name for own in names for name in own)}
    order = [at[name] for name in ordered]
    return text, [] if order == sorted(order) else order
