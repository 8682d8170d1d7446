"""INSERT … ON CONFLICT in the dialect of the connection.

https://www.sqlite.org/lang_upsert.html, https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
"""

from collections.abc import Callable
from typing import cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite


def inserting(connection: Connection) -> Callable[[Table], sqlite.Insert]:
    """What makes an INSERT into a table that can say what happens on a conflict; SQLAlchemy writes both alike."""
    return upserting(connection.dialect.name)


def upserting(backend: str) -> Callable[[Table], sqlite.Insert]:
    """The same for `sqlite` or `postgresql`."""
    if backend == "sqlite":
        return sqlite.insert
    # Loaded only where PostgreSQL is used: it is a fifteenth of the start.
    from sqlalchemy.dialects import postgresql

    return cast(Callable[[Table], sqlite.Insert], postgresql.insert)
