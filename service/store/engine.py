"""The connection to the database: SQLite in a file or PostgreSQL, whole transactions, retried where they collide.

https://www.sqlite.org/wal.html, https://www.postgresql.org/docs/current/transaction-iso.html
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError

from service.issues import issue
from service.store.errors import StoreError
from service.store.raw import Bare, run
from service.store.turns import Turns

T = TypeVar("T")

FILE = "yhdessa.sqlite"
TRIES = 12
# Serialization failure, deadlock, and a lock that could not be had in time.
_AGAIN = frozenset({"40001", "40P01", "55P03"})
_PRAGMAS = (
    "PRAGMA busy_timeout=15000",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-65536",
    "PRAGMA wal_autocheckpoint=4000",
)


def database_url(url: str | None, data: Path) -> URL:
    """The URL to connect to: `url` where one is set (`postgresql://` means psycopg), else the file in `data`."""
    if not url:
        return URL.create("sqlite+pysqlite", database=str(data / FILE))
    made = make_url(url)
    return made.set(drivername="postgresql+psycopg") if made.drivername in ("postgresql", "postgres") else made


class Again(Exception):
    """Another transaction came first: what was read is no longer so, and the work must start again."""


class Database:
    """An engine with two kinds of transactions: `read()` sees one moment, `write(work)` is done whole or not at all."""

    def __init__(self, url: URL | str, *, pool: int = 8) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(self.url, pool) if self.is_sqlite else _postgresql(self.url, pool)
        self._reads = self.engine.execution_options(**_reading(self.is_sqlite))
        # For single statements: to get a connection from the pool and give it back costs more than the statement. As
        # many as threads have looked at once.
        self._spare: deque[Bare] = deque()
        self._turns = Turns(self.engine, Path(f"{self.url.database}.lock")) if self.is_sqlite else None
        # Who traces puts a span around each transaction.
        self.span: Callable[[str], AbstractContextManager[Any]] = nullcontext

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose statements all see the same moment."""
        with self.span("store.read"), self._reads.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection for one statement of `raw`, which sees one moment without a transaction around it."""
        with self.span("store.read"):
            bare = self._bare()
            try:
                yield cast(Connection, bare)
            except BaseException:
                # It may be broken, as the others are then: a database that was away has let go of them all.
                bare.connection.close()
                self._forget_spare()
                raise
            self._spare.append(bare)

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed; it runs again where another transaction came in between.

        `work` must therefore do nothing but use its connection. `StoreError` `store.busy` after some tries.
        """
        with self.span("store.write"):
            for attempt in range(TRIES):
                try:
                    return self._once(work)
                except (DBAPIError, Again) as error:
                    if not collided(error):
                        raise
                    time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 6)))
            raise StoreError(issue("store.busy"))

    def coming(self) -> AbstractContextManager[None]:
        """While a thread gets ready to write: others wait for it a little, to share a commit with it."""
        return nullcontext() if self._turns is None else self._turns.coming()

    def let_go(self) -> None:
        """Close all connections that nobody uses; new ones are made when they are needed."""
        self._forget_spare()
        self.engine.dispose()

    def close(self) -> None:
        self.let_go()
        if self._turns is not None:
            self._turns.close()

    def _bare(self) -> Bare:
        try:
            return self._spare.pop()
        except IndexError:
            # Made by the pool as all are, and its no longer: it can neither run out of them nor limit them.
            made = self.engine.raw_connection()
            connection = cast(DBAPIConnection, made.dbapi_connection)
            made.detach()
            self.engine.dialect.set_isolation_level(connection, "AUTOCOMMIT")
            return Bare(connection, self.engine.dialect)

    def _forget_spare(self) -> None:
        with suppress(IndexError):  # Others take from them meanwhile.
            while True:
                self._spare.pop().connection.close()

    def _once(self, work: Callable[[Connection], T]) -> T:
        if self._turns is not None:
            return self._turns.run(work)
        with self.engine.begin() as connection:
            return work(connection)


def collided(error: DBAPIError | Again) -> bool:
    """Whether the transaction failed only because of another one."""
    if isinstance(error, Again):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _AGAIN
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _reading(is_sqlite: bool) -> dict[str, Any]:
    return (
        {"yhdessa_begin": "BEGIN"} if is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )


def _sqlite(url: URL, pool: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool,
        max_overflow=pool,
        # The connection used last knows its pages and statements best. Nothing is left to be undone when it is given
        # back: whoever has one ends its transaction.
        pool_use_lifo=True,
        pool_reset_on_return=None,
        query_cache_size=1000,
        hide_parameters=True,
        # Searches have many texts: they must not push out those of the writes, which are prepared once.
        connect_args={"cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # Python's own BEGIN comes too late to be IMMEDIATE.
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        run(connection, connection.get_execution_options().get("yhdessa_begin", "BEGIN IMMEDIATE"), ())

    return engine


def _postgresql(url: URL, pool: int) -> Engine:
    # The driver prepares what comes again, and PostgreSQL then has one plan for all values; not so where that would be
    # a bad one, see shapes.py.
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=pool,
        pool_pre_ping=False,
        query_cache_size=1000,
        hide_parameters=True,
        # Rows are locked before they are read to be changed, and each statement sees what those wrote who held them
        # before.
        isolation_level="READ COMMITTED",
    )
