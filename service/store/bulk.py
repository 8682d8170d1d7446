"""Many rows in one go: tuples straight to the driver, the statement made by SQLAlchemy once for each table."""

import functools
from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect

Row = tuple[Any, ...]


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Collection[Row]) -> None:
    """Insert `rows`, whose values stand in the order of `columns`."""
    if rows:
        statement = _statement(connection.dialect.name, table, columns)
        connection.exec_driver_sql(statement, list(rows))


@functools.cache
def _statement(backend: str, table: Table, columns: tuple[str, ...]) -> str:
    kind, style = ("sqlite", "qmark") if backend == "sqlite" else ("postgresql.psycopg", "format")
    dialect = cast(Dialect, registry.load(kind)(paramstyle=style))
    return str(insert(table).compile(dialect=dialect, column_keys=list(columns)))
