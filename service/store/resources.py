"""Resources and their versions: what is current is read under a lock, changed in one batch, never overwritten.

https://hl7.org/fhir/R4/http.html#versioning
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, and_, bindparam, delete, func, select, update

from service.fhir.json import encode
from service.store import cuts
from service.store.bulk import Batch, insert_all, insert_rows
from service.store.engine import Again
from service.store.parameters import Parameters
from service.store.raw import Among, Statement
from service.store.records import Author, Change, Origin, Status, Stored, Written
from service.store.rows import Rows
from service.store.tables import INDEXES, resource, version
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
# What stands at the beginning of the JSON of a resource, and what the store itself puts into its meta.
_LEADING = frozenset({"resourceType", "id", "meta"})
_STAMPED = frozenset({"versionId", "lastUpdated"})
_RESOURCE_COLUMNS = ("type", "id", "version", "updated", "deleted", "digest", "organisation")
_INDEX_COLUMNS = {name: tuple(column.name for column in table.columns) for name, table in INDEXES.items()}
_LAST = Statement(select(func.coalesce(func.max(resource.c.rid), 0)))
_MOVE = Statement(
    update(resource)
    .where(resource.c.rid == bindparam("at_rid"), resource.c.version == bindparam("at_version"))
    .values(
        version=bindparam("to_version"),
        updated=bindparam("to_updated"),
        deleted=bindparam("to_deleted"),
        digest=bindparam("to_digest"),
    )
)


def _clearing(table: Table) -> Among:
    return Among(lambda rids: delete(table).where(table.c.rid.in_(rids)))


_CLEAR = {name: _clearing(table) for name, table in INDEXES.items()}
_SEEN = Among(lambda ids: select(resource).where(resource.c.id.in_(ids)))
# Always in one order, so that two transactions wait for each other and not both for ever.
_LOCKED = Among(
    lambda ids: (
        select(resource).where(resource.c.id.in_(ids)).order_by(resource.c.id, resource.c.type).with_for_update()
    )
)


_HELD = Among(
    lambda ids: (
        select(resource)
        .where(resource.c.id.in_(ids))
        .order_by(resource.c.id, resource.c.type)
        .with_for_update(read=True, key_share=True)
    )
)


class Current(msgspec.Struct, frozen=True):
    """The row of a resource as it is now."""

    rid: int
    version: int
    updated: int
    deleted: bool
    digest: bytes
    organisation: str


class Prepared(msgspec.Struct, frozen=True):
    """A change with what can be worked out before the database is asked.

    `digest` is of the content without the version and the time that the store gives it. The JSON of the content is
    `start` (type and id), what `meta` holds and the `rest`; each but the first begins with a comma or is empty. Of a
    deletion there is nothing.
    """

    change: Change
    digest: bytes = b""
    start: bytes = b""
    meta: bytes = b""
    rest: bytes = b""
    parameters: Parameters | None = None

    def stamped(self, version_id: int, updated: int) -> bytes:
        """The exact JSON to keep: type, id and meta first, the rest as it came."""
        times = f',"meta":{{"versionId":"{version_id}","lastUpdated":"{instant(updated)}"'.encode()
        return b"".join((self.start, times, self.meta, b"}", self.rest, b"}"))

    def index(self, rid: int, rows: Rows) -> None:
        """Add to `rows` those of the index. Worked out only of what has changed: much of a document mostly has not."""
        if self.parameters is not None and self.change.resource is not None:
            self.parameters.extract(self.change.resource, rid, rows)


def prepare(change: Change, parameters: Parameters) -> Prepared:
    """JSON and digest of a change; needs no connection, so it is best done before one is held."""
    content = change.resource
    return Prepared(change) if content is None else _prepared(change, content, parameters)


def stamped(content: Mapping[str, Any], id_: str, version_id: int, updated: int) -> bytes:
    """The exact JSON that is kept of `content` as that version."""
    return _prepared(Change(content["resourceType"], id_, "PUT", content), content, None).stamped(version_id, updated)


def _prepared(change: Change, content: Mapping[str, Any], parameters: Parameters | None) -> Prepared:
    given = content.get("meta")
    kept = {key: value for key, value in given.items() if key not in _STAMPED} if type(given) is dict else {}
    start = f'{{"resourceType":"{change.type}","id":"{change.id}"'.encode()
    meta = encode(kept)
    rest = _more(encode({key: value for key, value in content.items() if key not in _LEADING}))
    digest = hashlib.sha256(b"".join((start, rest, b',"meta":', meta, b"}"))).digest()
    return Prepared(change, digest, start, _more(meta), rest, parameters)


def _more(json: bytes) -> bytes:
    """The members of an object, to stand after others."""
    return b"," + json[1:-1] if len(json) > 2 else b""


def current(connection: Connection, keys: Iterable[Key], *, lock: bool = True) -> dict[Key, Current]:
    """The rows of those resources that exist or have existed, locked until the end of the transaction."""
    return _rows(connection, set(keys), _LOCKED if lock else _SEEN)


def current_beside(connection: Connection, keys: Iterable[Key], prepared: Iterable[Prepared]) -> dict[Key, Current]:
    """The same, where those that `prepared` leaves as they are only stay so until then: others may do likewise.

    Every document of an office brings its organisation, and would else wait for the one before it to be on the disk.
    Raises `Again` where one of them was just changed.
    """
    if connection.dialect.name == "sqlite":
        return current(connection, keys)
    seen = current(connection, keys, lock=False)
    digests = {one.change.key: one.digest for one in prepared}
    same = {key: row for key, row in seen.items() if not row.deleted and row.digest == digests.get(key)}
    if _rows(connection, same.keys(), _HELD) != same:
        raise Again
    return same | current(connection, seen.keys() - same.keys())


def _rows(connection: Connection, wanted: Collection[Key], statement: Among) -> dict[Key, Current]:
    if not wanted:
        return {}
    # An id alone almost always means one resource, so the few others are left out here.
    rows = statement(connection, {id_ for _, id_ in wanted})
    return {(row[1], row[2]): _current(*row) for row in rows if (row[1], row[2]) in wanted}


def _current(
    rid: int, _type: str, _id: str, version_: int, updated: int, deleted: int, digest: bytes, organisation: str
) -> Current:
    return Current(rid, version_, updated, bool(deleted), digest, organisation)


def apply(
    connection: Connection, changes: Sequence[Prepared], known: Mapping[Key, Current], author: Author, now: int
) -> dict[Key, Written]:
    """Write `changes`, at most one for each resource, over what `current` gave for their keys.

    A change with the content that is there already is `unchanged` and makes no version. Their time is `now`, or just
    after the last cut where that is later. Raises `Again` where another transaction has created one of them meanwhile.
    """
    return put(connection, changes, known, author, cuts.after(connection, now))


def put(
    connection: Connection,
    changes: Sequence[Prepared],
    known: Mapping[Key, Current],
    author: Author,
    now: int,
    origin: Origin | None = None,
    beside: Callable[[Mapping[Key, int]], Sequence[Batch]] = lambda _: (),
) -> dict[Key, Written]:
    """The same for a `now` that is after the last cut.

    `beside` gives rows of other tables that are written with them, for the numbers of the resources that are new.
    """
    results: dict[Key, Written] = {}
    fresh: list[Prepared] = []
    moved: list[_News] = []
    stale: list[int] = []
    for one in changes:
        key, is_deletion = one.change.key, one.change.resource is None
        before = known.get(key)
        if is_deletion and (before is None or before.deleted):
            results[key] = Written("absent", None)
        elif before is None:
            fresh.append(one)
        elif not before.deleted and not is_deletion and before.digest == one.digest:
            results[key] = Written("unchanged", None)
        else:
            moved.append(_advanced(one, before, now))
            if not before.deleted:
                stale.append(before.rid)
    rids = _insert(connection, fresh, author, now)
    news = [_news(one, rids[one.change.key], 1, now, "created", author.organisation) for one in fresh] + moved
    _move(connection, moved)
    _clear(connection, stale)
    insert_all(connection, [_versions(news, author, origin), *_indexed(news), *beside(rids)])
    results |= {one.prepared.change.key: Written(one.status, one.stored) for one in news}
    return results


class _News(msgspec.Struct, frozen=True):
    """A version about to be written."""

    prepared: Prepared
    rid: int
    status: Status
    stored: Stored


def _news(one: Prepared, rid: int, version_: int, updated: int, status: Status, organisation: str) -> _News:
    change = one.change
    body = None if change.resource is None else one.stamped(version_, updated)
    return _News(one, rid, status, Stored(change.type, change.id, version_, updated, change.method, body, organisation))


def _advanced(one: Prepared, before: Current, now: int) -> _News:
    # Later than what it replaces, even where the clock has been set back.
    updated = max(now, before.updated + 1000)
    status: Status = "deleted" if one.change.resource is None else "created" if before.deleted else "updated"
    return _news(one, before.rid, before.version + 1, updated, status, before.organisation)


def _insert(connection: Connection, fresh: Sequence[Prepared], author: Author, now: int) -> dict[Key, int]:
    if not fresh:
        return {}
    values = [(one.change.type, one.change.id, 1, now, 0, one.digest, author.organisation) for one in fresh]
    if connection.dialect.name == "sqlite":
        # Nobody else writes meanwhile, so which numbers come next is known, and all rows go in one call.
        first = int(_LAST(connection)[0][0]) + 1
        insert_rows(
            connection, resource, ("rid", *_RESOURCE_COLUMNS), [(first + at, *row) for at, row in enumerate(values)]
        )
        return {one.change.key: first + at for at, one in enumerate(fresh)}
    rows = insert_rows(connection, resource, _RESOURCE_COLUMNS, values, returning=("rid", "type", "id"))
    made = {(type_name, id_): int(rid) for rid, type_name, id_ in rows}
    if len(made) < len(fresh):
        raise Again
    return made


def _move(connection: Connection, news: Sequence[_News]) -> None:
    if not news:
        return
    values = [
        {
            "at_rid": one.rid,
            "at_version": one.stored.version - 1,
            "to_version": one.stored.version,
            "to_updated": one.stored.updated,
            "to_deleted": int(one.stored.deleted),
            "to_digest": one.prepared.digest,
        }
        for one in news
    ]
    if _MOVE.many(connection, values) != len(news):
        raise Again


def _versions(news: Sequence[_News], author: Author, origin: Origin | None) -> Batch:
    document = (None, None) if origin is None else (origin.did, origin.version)
    by = (author.client, author.organisation, *document)
    rows = [
        (one.rid, one.stored.version, one.stored.type, one.stored.method, one.stored.updated, one.stored.body, *by)
        for one in news
    ]
    return version, _VERSION_COLUMNS, rows


def _clear(connection: Connection, stale: Sequence[int]) -> None:
    if stale:
        for clear in _CLEAR.values():
            clear(connection, stale)


def _indexed(news: Sequence[_News]) -> list[Batch]:
    rows = Rows()
    for one in news:
        one.prepared.index(one.rid, rows)
    return [(table, _INDEX_COLUMNS[name], sorted(getattr(rows, name))) for name, table in INDEXES.items()]


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
