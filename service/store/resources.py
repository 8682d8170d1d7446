"""Resources and their versions: what is current is read under a lock, changed in one batch, never overwritten.

https://hl7.org/fhir/R4/http.html#versioning
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from service.fhir.json import encode
from service.store import cuts
from service.store.bulk import insert_rows
from service.store.engine import Again
from service.store.parameters import Parameters
from service.store.records import Author, Change, Origin, Status, Stored, Written
from service.store.rows import Rows
from service.store.tables import INDEXES, resource, version
from service.store.upsert import inserting
from service.store.values import instant

Key = tuple[str, str]
_VERSION_COLUMNS = (
    "rid",
    "version",
    "type",
    "method",
    "updated",
    "body",
    "client",
    "organisation",
    "did",
    "document_version",
)
_INDEX_COLUMNS = {name: tuple(column.name for column in table.columns) for name, table in INDEXES.items()}
_MOVE = (
    update(resource)
    .where(resource.c.rid == bindparam("at_rid"), resource.c.version == bindparam("at_version"))
    .values(
        version=bindparam("to_version"),
        updated=bindparam("to_updated"),
        deleted=bindparam("to_deleted"),
        digest=bindparam("to_digest"),
    )
)
_CLEAR = {
    name: delete(table).where(table.c.rid.in_(bindparam("rids", expanding=True))) for name, table in INDEXES.items()
}


_SEEN = select(resource).where(resource.c.id.in_(bindparam("ids", expanding=True)))
# Always in one order, so that two transactions wait for each other and not both for ever.
_LOCKED = _SEEN.order_by(resource.c.id, resource.c.type).with_for_update()


@dataclass(frozen=True, slots=True)
class Current:
    """The row of a resource as it is now."""

    rid: int
    version: int
    updated: int
    deleted: bool
    digest: bytes
    organisation: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change with what can be worked out before the database is asked."""

    change: Change
    digest: bytes
    rows: Rows | None


def prepare(change: Change, parameters: Parameters) -> Prepared:
    """Digest and index rows of a change; needs no connection, so it is best done before one is held."""
    if change.resource is None:
        return Prepared(change, b"", None)
    return Prepared(change, digest(change.resource), parameters.extract(change.resource))


def digest(content: Mapping[str, Any]) -> bytes:
    """A hash of a resource's content, without the version and the time that the store gives it."""
    meta = content.get("meta")
    given = meta if type(meta) is dict else {}
    kept = {key: value for key, value in given.items() if key not in ("versionId", "lastUpdated")}
    rest = {key: value for key, value in content.items() if key != "meta"}
    # Always last, so that it does not matter that the store puts it in front.
    return hashlib.sha256(encode({**rest, "meta": kept})).digest()


def stamped(content: Mapping[str, Any], id_: str, version_id: int, updated: int) -> bytes:
    """The exact JSON to keep: type, id and meta first, the rest as it came."""
    meta = content.get("meta")
    rest = {key: value for key, value in content.items() if key not in ("resourceType", "id", "meta")}
    given = meta if type(meta) is dict else {}
    made = {
        "versionId": str(version_id),
        "lastUpdated": instant(updated),
        **{key: value for key, value in given.items() if key not in ("versionId", "lastUpdated")},
    }
    return encode({"resourceType": content["resourceType"], "id": id_, "meta": made, **rest})


def current(connection: Connection, keys: Iterable[Key], *, lock: bool = True) -> dict[Key, Current]:
    """The rows of those resources that exist or have existed, locked until the end of the transaction."""
    wanted = set(keys)
    if not wanted:
        return {}
    # An id alone almost always means one resource, so the few others are left out here.
    rows = connection.execute(_LOCKED if lock else _SEEN, {"ids": sorted({id_ for _, id_ in wanted})})
    return {(row.type, row.id): _current(row) for row in rows if (row.type, row.id) in wanted}


def _current(row: Any) -> Current:
    return Current(row.rid, row.version, row.updated, bool(row.deleted), row.digest, row.organisation)


def apply(
    connection: Connection,
    changes: Sequence[Prepared],
    known: Mapping[Key, Current],
    author: Author,
    now: int,
    fresh_rids: dict[Key, int] | None = None,
) -> dict[Key, Written]:
    """Write `changes`, at most one for each resource, over what `current` gave for their keys.

    A change with the content that is there already is `unchanged` and makes no version. The numbers of what is new are
    put into `fresh_rids`. Their time is `now`, or just after the last cut where that is later. Raises `Again` where
    another transaction has created one of them meanwhile.
    """
    now = cuts.after(connection, now)
    results: dict[Key, Written] = {}
    fresh: list[Prepared] = []
    moved: list[tuple[Prepared, Current]] = []
    for one in changes:
        key, before = one.change.key, known.get(one.change.key)
        if one.change.resource is None and (before is None or before.deleted):
            results[key] = Written("absent", None)
        elif before is None:
            fresh.append(one)
        elif not before.deleted and one.change.resource is not None and before.digest == one.digest:
            results[key] = Written("unchanged", None)
        else:
            moved.append((one, before))
    rids = _insert(connection, fresh, author, now)
    if fresh_rids is not None:
        fresh_rids.update(rids)
    news = [_News(one, rids[one.change.key], 1, now, "created", author.organisation) for one in fresh]
    news += [_advanced(one, before, now) for one, before in moved]
    _move(connection, news[len(fresh) :])
    _keep(connection, news, author)
    _index(connection, news, {before.rid for _, before in moved if not before.deleted})
    return results | {one.prepared.change.key: Written(one.status, one.stored()) for one in news}


@dataclass(slots=True)
class _News:
    """A version about to be written."""

    prepared: Prepared
    rid: int
    version: int
    updated: int
    status: Status
    organisation: str
    body: bytes | None = None

    def __post_init__(self) -> None:
        change = self.prepared.change
        if change.resource is not None:
            self.body = stamped(change.resource, change.id, self.version, self.updated)

    def stored(self) -> Stored:
        change = self.prepared.change
        return Stored(change.type, change.id, self.version, self.updated, change.method, self.body, self.organisation)


def _advanced(one: Prepared, before: Current, now: int) -> _News:
    # Later than what it replaces, even where the clock has been set back.
    updated = max(now, before.updated + 1000)
    status: Status = "deleted" if one.change.resource is None else "created" if before.deleted else "updated"
    return _News(one, before.rid, before.version + 1, updated, status, before.organisation)


def _insert(connection: Connection, fresh: Sequence[Prepared], author: Author, now: int) -> dict[Key, int]:
    if not fresh:
        return {}
    make = inserting(connection)
    statement = make(resource).on_conflict_do_nothing().returning(resource.c.rid, resource.c.type, resource.c.id)
    values = [
        {
            "type": one.change.type,
            "id": one.change.id,
            "version": 1,
            "updated": now,
            "deleted": 0,
            "digest": one.digest,
            "organisation": author.organisation,
        }
        for one in fresh
    ]
    made = {(row.type, row.id): int(row.rid) for row in connection.execute(statement, values)}
    if len(made) < len(fresh):
        raise Again
    return made


def _move(connection: Connection, news: Sequence[_News]) -> None:
    if not news:
        return
    values = [
        {
            "at_rid": one.rid,
            "at_version": one.version - 1,
            "to_version": one.version,
            "to_updated": one.updated,
            "to_deleted": int(one.body is None),
            "to_digest": one.prepared.digest,
        }
        for one in news
    ]
    done = connection.execute(_MOVE, values)
    if done.rowcount != len(news):
        raise Again


def _keep(connection: Connection, news: Sequence[_News], author: Author) -> None:
    none: tuple[None, None] = (None, None)
    rows = [
        (
            one.rid,
            one.version,
            one.prepared.change.type,
            one.prepared.change.method,
            one.updated,
            one.body,
            author.client,
            author.organisation,
            *(_origin(one.prepared.change.origin) or none),
        )
        for one in news
    ]
    insert_rows(connection, version, _VERSION_COLUMNS, rows)


def _origin(origin: Origin | None) -> tuple[int, int] | None:
    return None if origin is None else (origin.did, origin.version)


def _index(connection: Connection, news: Sequence[_News], stale: set[int]) -> None:
    if stale:
        for statement in _CLEAR.values():
            connection.execute(statement, {"rids": sorted(stale)})
    for name, table in INDEXES.items():
        found = [
            (one.rid, *row)
            for one in news
            if one.prepared.rows is not None
            for row in sorted(getattr(one.prepared.rows, name))
        ]
        insert_rows(connection, table, _INDEX_COLUMNS[name], found)


def reindex(connection: Connection, rid: int, rows: Rows | None) -> None:
    """Replace the index rows of one resource, as after a change of the search parameters."""
    for statement in _CLEAR.values():
        connection.execute(statement, {"rids": [rid]})
    for name, table in INDEXES.items():
        if rows is not None:
            found = [(rid, *row) for row in sorted(getattr(rows, name))]
            insert_rows(connection, table, _INDEX_COLUMNS[name], found)


def stored_of(row: Any) -> Stored:
    """The version in a row that has the columns of `SHOWN`."""
    return Stored(row.type, row.id, row.version, row.updated, row.method, row.body, row.organisation)


SHOWN = (
    resource.c.type,
    resource.c.id,
    version.c.version,
    version.c.updated,
    version.c.method,
    version.c.body,
    resource.c.organisation,
)
NOW = resource.join(version, and_(version.c.rid == resource.c.rid, version.c.version == resource.c.version))
