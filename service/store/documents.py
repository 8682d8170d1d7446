"""Source documents as they came: each version's digest and exact bytes, and which resources come from it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from service.store.bulk import insert_rows
from service.store.engine import Again
from service.store.resources import Key
from service.store.tables import document, document_resource, document_version, resource, version
from service.store.upsert import inserting

_SEEN = select(document).where(
    document.c.organisation == bindparam("of_organisation"),
    document.c.system == bindparam("of_system"),
    document.c.id == bindparam("of_id"),
)
_LOCKED = _SEEN.with_for_update()


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a document the same one: the register it is from, the system there, and its id in that."""

    organisation: str
    system: str
    id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that is here: its number, newest version and that version's digest."""

    did: int
    kind: str
    version: int
    digest: bytes


def find(connection: Connection, identity: Identity, *, lock: bool = False) -> Kept | None:
    """The document, if it is here; with `lock`, nobody else can change it until the transaction ends."""
    wanted = {"of_organisation": identity.organisation, "of_system": identity.system, "of_id": identity.id}
    row = connection.execute(_LOCKED if lock else _SEEN, wanted).one_or_none()
    return None if row is None else Kept(row.did, row.kind, row.version, bytes(row.digest))


def add(connection: Connection, identity: Identity, kind: str, version_: int, digest: bytes, now: int) -> int:
    """A new document; gives its number. Raises `Again` where somebody else has just added it."""
    make = inserting(connection)
    statement = make(document).values(
        organisation=identity.organisation,
        system=identity.system,
        id=identity.id,
        kind=kind,
        version=version_,
        digest=digest,
        updated=now,
    )
    did = connection.execute(statement.on_conflict_do_nothing().returning(document.c.did)).scalar_one_or_none()
    if did is None:
        raise Again
    return int(did)


def renew(connection: Connection, did: int, version_: int, digest: bytes, now: int) -> None:
    """A document that is here has a newer version."""
    values = {"version": version_, "digest": digest, "updated": now}
    connection.execute(update(document).where(document.c.did == did).values(**values))


def keep(connection: Connection, did: int, version_: int, digest: bytes, body: bytes, client: str, now: int) -> None:
    """The exact bytes of one version."""
    columns = ("did", "version", "digest", "received", "client", "body")
    insert_rows(connection, document_version, columns, [(did, version_, digest, now, client, body)])


def body(connection: Connection, did: int, version_: int) -> bytes | None:
    """The exact bytes of one version."""
    wanted = (document_version.c.did == did, document_version.c.version == version_)
    found = connection.execute(select(document_version.c.body).where(*wanted)).scalar_one_or_none()
    return None if found is None else bytes(found)


def resources(connection: Connection, did: int) -> dict[Key, int]:
    """The resources that the document's newest version has, with their numbers."""
    statement = (
        select(resource.c.type, resource.c.id, resource.c.rid)
        .join(document_resource, document_resource.c.rid == resource.c.rid)
        .where(document_resource.c.did == did)
        .order_by(resource.c.rid)
    )
    return {(row.type, row.id): row.rid for row in connection.execute(statement)}


def link(connection: Connection, did: int, rids: Iterable[int]) -> None:
    """These resources come from the document as well."""
    insert_rows(connection, document_resource, ("did", "rid"), [(did, rid) for rid in sorted(rids)])


def unlink(connection: Connection, did: int, rids: Collection[int]) -> None:
    """These resources are no longer in the document."""
    if rids:
        gone = (document_resource.c.did == did, document_resource.c.rid.in_(sorted(rids)))
        connection.execute(delete(document_resource).where(*gone))


def orphans(connection: Connection, did: int, rids: Collection[int]) -> set[int]:
    """Which of these the document itself has written and no other document has."""
    if not rids:
        return set()
    other = document_resource.alias()
    shared = exists(select(other.c.rid).where(other.c.rid == resource.c.rid, other.c.did != did))
    own = exists(select(version.c.rid).where(version.c.rid == resource.c.rid, version.c.did == did))
    statement = select(resource.c.rid).where(resource.c.rid.in_(sorted(rids)), resource.c.deleted == 0, own, ~shared)
    return {row.rid for row in connection.execute(statement)}
