"""Many rows in one go, over the driver's own cursor, in statements of many rows each."""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam

from service.store.raw import Row, compiled, run
from service.store.upsert import upserting

# SQLite gets many rows in pieces of few sizes, each text being prepared once; PostgreSQL in few round trips.
_SIZES = (64, 16, 4, 1)
_MOST = 256


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Collection[Row],
    *,
    returning: tuple[str, ...] = (),
) -> list[Row]:
    """Insert `rows`, whose values stand in the order of `columns`.

    With `returning`, rows that are there already are left as they are, and those columns of the new ones are given.
    """
    found: list[Row] = []
    backend = connection.dialect.name
    for some in _pieces(list(rows), _SIZES if backend == "sqlite" else (_MOST, len(rows) % _MOST)):
        text, order = _insert(backend, table, columns, len(some), returning)
        values = [value for row in some for value in row]
        found += run(connection, text, [values[at] for at in order] if order else values)
    return found


def _pieces(values: Sequence[Row], sizes: Iterable[int]) -> Iterator[Sequence[Row]]:
    at = 0
    for size in sizes:
        while len(values) - at >= size > 0:
            yield values[at : at + size]
            at += size


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
