"""Who reads the whole record once has no use for what it has read: connections that keep little of it in memory."""

from typing import Any

from sqlalchemy import event

from service.store import Store
from service.store.engine import Database

_PAGES = "PRAGMA cache_size=-4096"


def sparing(store: Store) -> Store:
    """The same record over connections of its own, which the caller closes."""
    database = Database(store.database.url, pool=2)
    if database.is_sqlite:

        @event.listens_for(database.engine, "connect")
        def connected(connection: Any, _: Any) -> None:
            connection.execute(_PAGES)

    return Store(database, store.parameters, clock=store.clock, expand=store.expand, ids=store.ids)
