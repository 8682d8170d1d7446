"""Writes `migrations/sqlite.sql`: what the revisions make of an empty SQLite file, so that a first start need not.

Running the revisions takes a fifth of such a start, most of it for loading Alembic. After adding a revision:
`make schema` (a test compares; until then the revisions that the file lacks simply run after it).
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from service.store import schema
from service.store.engine import Database

_HEAD = "-- What the revisions in versions/ make of an empty SQLite file. Made by `make schema`, not by hand."


def made(to: str = "head") -> str:
    """The text that the file should have, at the revision `to`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.sqlite"
        database = Database(f"sqlite+pysqlite:///{file}")
        database.write(lambda connection: schema.migrate(connection, to))
        database.close()
        with closing(sqlite3.connect(file)) as connection:
            # The first and the last line begin and end a transaction, which the reader has open already.
            statements = list(connection.iterdump())[1:-1]
    tidy = ["\n".join(line.rstrip() for line in one.splitlines() if line.strip()) for one in statements]
    return schema.BETWEEN.join([_HEAD, *tidy]) + "\n"


if __name__ == "__main__":
    schema.SNAPSHOT.write_text(made(), "utf-8")
