"""The record as it was at one moment, read in order and in constant memory: the bytes that are kept, not parsed.

`take` cuts; from then on every read up to that moment gives the same, however much is written meanwhile, so that a
reader may stop and go on later, in another process. Each chunk is a transaction of its own: nothing is held for long.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select, type_coerce
from sqlalchemy.types import NullType

from service.store import EVERYTHING, Store, Visibility, cuts
from service.store.engine import Database
from service.store.tables import resource, version
from service.store.values import micros
from service.store.visibility import visible

# A chunk ends with the first of these; the second in bytes, which one large resource may exceed.
ROWS, BYTES = 2000, 4_000_000
_FETCHED = 100
_NOT_FOR_CHUNKS = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_sort", "jit")


class Row(NamedTuple):
    """One resource; `body` is its exact JSON, nothing where it is deleted. `rid` orders, `updated` in microseconds."""

    rid: int
    type: str
    id: str
    version: int
    updated: int
    organisation: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Cut:
    """What is looked at: the newest version of each resource as of `at`, if it is after `since` and before `until`.

    Times in microseconds; `at` comes from `take`. `who` limits it to what somebody may see.
    """

    at: int
    since: int | None = None
    until: int | None = None
    who: Visibility = EVERYTHING


@dataclass(frozen=True, slots=True)
class Narrow:
    """A further condition: `settled` is for resources that have not changed since the cut, answered by the index.

    `kept` answers for those that have: it is given their rows as of the cut and says which to keep. Where the index
    cannot answer at all, `always` leaves every row to it.
    """

    settled: Callable[[Connection], ColumnElement[bool]]
    kept: Callable[[Connection, Sequence[Any]], set[int]]
    always: bool = False


def take(store: Store) -> int:
    """Cut now: waits for writes under way. What is committed is up to the moment that is given, all later is after."""
    return store.database.write(lambda connection: cuts.take(connection, micros(store.clock())))


def types(store: Store) -> list[str]:
    """The types of which there is or was anything, in order."""
    with store.database.read() as connection:
        return cuts.types(connection)


def snapshot(
    store: Store,
    until: int,
    types_: Collection[str] | None = None,
    since: int | None = None,
    *,
    who: Visibility = EVERYTHING,
    deleted: bool = False,
) -> Iterator[Row]:
    """Every resource as of `until` (from `take`), by type and age; with `since`, those changed after it.

    With `deleted`, instead those whose newest version is their deletion.
    """
    cut = Cut(until, since, None, who)
    for name in sorted(types(store) if types_ is None else types_):
        for rows in chunks(store.database, name, cut, deleted=deleted):
            for rid, id_, number, updated, organisation, body, _ in rows:
                yield Row(rid, name, id_, number, updated, organisation, body)


def chunks(
    database: Database,
    type_name: str,
    cut: Cut,
    *,
    after: int = 0,
    deleted: bool = False,
    narrow: Narrow | None = None,
    most: int = ROWS,
) -> Iterator[list[Any]]:
    """Rows (rid, id, version, updated, organisation, body, …) of a type after the number `after`, some at a time."""
    while True:
        with database.read() as connection:
            _in_order(connection)
            statement = wanted(connection, type_name, cut, deleted=deleted, narrow=narrow)
            rows, more = _some(connection, statement.where(resource.c.rid > after).limit(most), most)
            if rows:
                after = rows[-1][0]
            if narrow is not None:
                rows = _narrowed(connection, rows, cut, narrow)
        if rows:
            yield rows
        if not more:
            return


def _in_order(connection: Connection) -> None:
    """Keep PostgreSQL from joining everything anew for each chunk: it cannot know that almost every row fits."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("; ".join(f"SET LOCAL {name} = off" for name in _NOT_FOR_CHUNKS))


def among(
    connection: Connection, type_name: str, ids: Collection[str], cut: Cut, narrow: Narrow | None = None
) -> list[Any]:
    """The rows of those resources of a type that are there, as in `chunks`."""
    found: list[Any] = []
    wished = sorted(ids)
    for start in range(0, len(wished), 500):
        statement = wanted(connection, type_name, cut, narrow=narrow)
        rows = list(connection.execute(statement.where(resource.c.id.in_(wished[start : start + 500]))))
        found += rows if narrow is None else _narrowed(connection, rows, cut, narrow)
    return found


def wanted(
    connection: Connection, type_name: str, cut: Cut, *, deleted: bool = False, narrow: Narrow | None = None
) -> Select[Any]:
    """The statement behind `chunks`, without its start and its end; the last column is when the row changed last."""
    columns: tuple[Any, ...] = (
        resource.c.rid,
        resource.c.id,
        version.c.version,
        version.c.updated,
        resource.c.organisation,
        # As the driver gives it: both give bytes, and a million calls that make bytes of bytes are saved.
        literal(None).label("body") if deleted else type_coerce(version.c.body, NullType()).label("body"),
        resource.c.updated,
    )
    conditions = [resource.c.type == type_name, version.c.body.is_(None) if deleted else version.c.body.is_not(None)]
    if cut.since is not None:
        # With a sum no index serves it: the order of the numbers is worth more.
        conditions += [resource.c.updated + 0 > cut.since, version.c.updated > cut.since]
    if cut.until is not None:
        conditions.append(version.c.updated < cut.until)
    # Of what is deleted, somebody may know who was given what came before.
    conditions.append(visible(cut.who, resource, version.c.version - 1 if deleted else version.c.version))
    if narrow is not None:
        # What has changed since the cut stands in the index as it is now: that is looked at afterwards.
        conditions.append(or_(resource.c.updated > cut.at, narrow.settled(connection)))
    return select(*columns).select_from(_as_of(cut)).where(*conditions).order_by(resource.c.rid)


def _as_of(cut: Cut) -> Any:
    earlier = version.alias()
    then = (
        select(func.max(earlier.c.version))
        .where(earlier.c.rid == resource.c.rid, earlier.c.updated <= cut.at)
        .correlate(resource)
        .scalar_subquery()
    )
    number = case((resource.c.updated <= cut.at, resource.c.version), else_=then)
    return resource.join(version, and_(version.c.rid == resource.c.rid, version.c.version == number))


def _some(connection: Connection, statement: Select[Any], most: int) -> tuple[list[Any], bool]:
    """The first rows of a statement that fit a chunk, and whether there are more."""
    result = connection.execute(statement, execution_options={"stream_results": True, "max_row_buffer": _FETCHED})
    rows: list[Any] = []
    size = 0
    while size < BYTES:
        some = result.fetchmany(_FETCHED)
        if not some:
            return rows, len(rows) >= most
        rows += some
        size += sum(len(row[5]) for row in some if row[5] is not None)
    result.close()
    return rows, True


def _narrowed(connection: Connection, rows: list[Any], cut: Cut, narrow: Narrow) -> list[Any]:
    unsure = rows if narrow.always else [row for row in rows if row[6] > cut.at]
    if not unsure:
        return rows
    dropped = {row[0] for row in unsure} - narrow.kept(connection, unsure)
    return [row for row in rows if row[0] not in dropped]
