"""Moments at which the record is cut in two: what was committed before one has an earlier time, all later a later one.

Times are given before a commit, by clocks that differ. So a cut is noted in the database, and every write that has not
yet been committed then takes a time after it: "changed since" can neither miss nor repeat anything, whatever the
clocks say. docs/decisions/020-the-cut.md
"""

from sqlalchemy import Connection, func, select, text, update

from service.store.raw import Statement
from service.store.tables import resource, snapshot_mark

# Any number does, as long as it is always the same and nobody else's.
_LOCK = 7_305_002_027
_MILLISECOND = 1000
# How far ahead of the clock the record may run without a cut trusting it.
_AHEAD = 60_000_000
_MARK = select(snapshot_mark.c.at).where(snapshot_mark.c.id == 1)
_SEEN = Statement(_MARK)
_SHARED = Statement(select(func.pg_advisory_xact_lock_shared(_LOCK)))
_ALONE = text("SELECT pg_advisory_xact_lock(:number)").bindparams(number=_LOCK)


def after(connection: Connection, now: int) -> int:
    """`now`, or the first moment after the last cut where that is later; no cut is made until this transaction ends."""
    if connection.dialect.name != "sqlite":
        _SHARED(connection)
    mark: int = _SEEN(connection)[0][0]
    return max(now, mark + _MILLISECOND)


def take(connection: Connection, now: int) -> int:
    """Cut now (microseconds, whole milliseconds): waits for every write under way and gives the moment.

    Once this transaction is committed, versions up to and including that moment are settled for ever.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_ALONE)
    mark: int = connection.execute(_MARK).scalar_one()
    base = max(now // _MILLISECOND * _MILLISECOND, mark)
    # A resource changed twice within a millisecond, or by a clock that was set back, is a little ahead.
    at = max(base, min(_newest(connection), base + _AHEAD))
    connection.execute(update(snapshot_mark).where(snapshot_mark.c.id == 1).values(at=at))
    return at


def types(connection: Connection) -> list[str]:
    """The types of which there is or was anything, in order; one look into the index for each."""
    found: list[str] = []
    statement = select(func.min(resource.c.type))
    one = connection.execute(statement).scalar_one()
    while one is not None:
        found.append(one)
        one = connection.execute(statement.where(resource.c.type > one)).scalar_one()
    return found


def _newest(connection: Connection) -> int:
    statement = select(func.max(resource.c.updated))
    times = [connection.execute(statement.where(resource.c.type == one)).scalar_one() for one in types(connection)]
    return max(times, default=0)
