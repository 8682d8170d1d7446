"""The use log of what is only read: its own connections, which do not wait for the disk.

A killed process loses nothing of it; after a power cut the last moments of reading may be missing. What is written is
logged in its own transaction and waits. https://www.sqlite.org/pragma.html#pragma_synchronous,
https://www.postgresql.org/docs/current/wal-async-commit.html
"""

from typing import Any

from sqlalchemy import event

from service.clock import Clock
from service.store.audit import Recorder
from service.store.engine import Database


def recorder(database: Database, clock: Clock) -> tuple[Recorder, Database]:
    """Keeps entries in the same place as `database`, over connections of its own, which the caller closes."""
    own = Database(database.url, pool=2)
    statement = "PRAGMA synchronous=NORMAL" if own.is_sqlite else "SET synchronous_commit TO off"

    @event.listens_for(own.engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        if not own.is_sqlite:
            connection.commit()

    return Recorder(own, clock), own
