"""Many rows in one go, over the driver's own cursor.

SQLite takes row after row with one prepared statement, which costs it half of what a statement of many rows does.
PostgreSQL gets many as one array for each column: so there is one text for however many, and one for several tables.
docs/decisions/027-rows-as-arrays.md
"""

import functools
from collections.abc import Sequence

from sqlalchemy import Column, Connection, Table, bindparam

from service.store.raw import Row, compiled, dialect, run, run_many
from service.store.upsert import upserting

Columns = tuple[str, ...]
Batch = tuple[Table, Columns, Sequence[Row]]
"""Rows for a table, whose values stand in the order of the columns."""


def insert_rows(
    connection: Connection, table: Table, columns: Columns, rows: Sequence[Row], *, returning: Columns = ()
) -> list[Row]:
    """Insert `rows`, whose values stand in the order of `columns`.

    With `returning`, rows that are there already are left as they are, and those columns of the new ones are given.
    """
    if not rows:
        return []
    backend = connection.dialect.name
    if backend != "sqlite" and len(rows) > 1:
        return run(connection, _of_arrays(table, columns, returning), _arrays(rows))
    text, order = _of_one_row(backend, table, columns, returning)
    ordered = [[row[at] for at in order] for row in rows] if order else rows
    if returning or len(rows) == 1:
        return [one for row in ordered for one in run(connection, text, row)]
    run_many(connection, text, ordered)
    return []


def insert_all(connection: Connection, batches: Sequence[Batch]) -> None:
    """Insert rows into several tables, none of which needs what is inserted into another."""
    some = [one for one in batches if one[2]]
    if connection.dialect.name == "sqlite":
        for table, columns, rows in some:
            insert_rows(connection, table, columns, rows)
    elif some:
        text = _together(tuple((table, columns) for table, columns, _ in some))
        run(connection, text, [array for _, _, rows in some for array in _arrays(rows)])


@functools.cache
def _of_one_row(backend: str, table: Table, columns: Columns, returning: Columns) -> tuple[str, list[int]]:
    """The text, and in which order it takes the values, where that is another one."""
    statement = upserting(backend)(table).values({name: bindparam(name) for name in columns})
    if returning:
        statement = statement.on_conflict_do_nothing().returning(*(table.c[one] for one in returning))  # type: ignore[assignment]
    text, ordered, _ = compiled(backend, statement)
    order = [columns.index(name) for name in ordered]
    return text, [] if order == sorted(order) else order


def _arrays(rows: Sequence[Row]) -> list[list[object]]:
    return list(map(list, zip(*rows, strict=True)))


@functools.cache
def _of_arrays(table: Table, columns: Columns, returning: Columns = ()) -> str:
    """The text for PostgreSQL: https://www.postgresql.org/docs/current/functions-array.html (`unnest`)."""
    quoted = dialect("postgresql").identifier_preparer.quote
    arrays = ", ".join(_array(table.c[one]) for one in columns)
    text = f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, columns))}) SELECT * FROM unnest({arrays})"  # noqa: S608
    given = ", ".join(map(quoted, returning))
    return f"{text} ON CONFLICT DO NOTHING RETURNING {given}" if returning else text


def _array(column: Column[object]) -> str:
    """An array of what the column holds, sent in binary form; it has no collation of its own."""
    return f"%b::{column.type.compile(dialect('postgresql')).partition(' COLLATE ')[0]}[]"


@functools.cache
def _together(tables: tuple[tuple[Table, Columns], ...]) -> str:
    """https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING"""
    *others, last = (_of_arrays(*one) for one in tables)
    beside = ", ".join(f"own{at} AS ({one})" for at, one in enumerate(others))
    return f"WITH {beside} {last}" if others else last
