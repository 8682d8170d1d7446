"""Source documents as they came: each version's digest and exact bytes, and which resources come from it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from service.store.bulk import Batch, insert_rows
from service.store.engine import Again
from service.store.raw import Statement
from service.store.resources import Key
from service.store.tables import document, document_resource, document_version, resource, version

_FIND = select(document.c.did, document.c.kind, document.c.version, document.c.digest).where(
    document.c.organisation == bindparam("of_organisation"),
    document.c.system == bindparam("of_system"),
    document.c.id == bindparam("of_id"),
)
_SEEN, _LOCKED = Statement(_FIND), Statement(_FIND.with_for_update())
_RENEW = Statement(
    update(document)
    .where(document.c.did == bindparam("of_did"))
    .values(version=bindparam("to_version"), digest=bindparam("to_digest"), updated=bindparam("to_updated"))
)
_RESOURCES = Statement(
    select(resource.c.type, resource.c.id, resource.c.rid)
    .join(document_resource, document_resource.c.rid == resource.c.rid)
    .where(document_resource.c.did == bindparam("of_did"))
    .order_by(resource.c.rid)
)
_COLUMNS = ("organisation", "system", "id", "kind", "version", "digest", "updated")
_VERSION_COLUMNS = ("did", "version", "digest", "received", "client", "body")


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
    run = _LOCKED if lock else _SEEN
    found = run(connection, of_organisation=identity.organisation, of_system=identity.system, of_id=identity.id)
    return Kept(*found[0]) if found else None


def add(connection: Connection, identity: Identity, kind: str, version_: int, digest: bytes, now: int) -> int:
    """A new document; gives its number. Raises `Again` where somebody else has just added it."""
    row = (identity.organisation, identity.system, identity.id, kind, version_, digest, now)
    made = insert_rows(connection, document, _COLUMNS, [row], returning=("did",))
    if not made:
        raise Again
    return int(made[0][0])


def renew(connection: Connection, did: int, version_: int, digest: bytes, now: int) -> None:
    """A document that is here has a newer version."""
    _RENEW(connection, of_did=did, to_version=version_, to_digest=digest, to_updated=now)


def version_of(did: int, version_: int, digest: bytes, body: bytes, client: str, now: int) -> Batch:
    """What keeps the exact bytes of one version."""
    return document_version, _VERSION_COLUMNS, [(did, version_, digest, now, client, body)]


def body(connection: Connection, did: int, version_: int) -> bytes | None:
    """The exact bytes of one version."""
    wanted = (document_version.c.did == did, document_version.c.version == version_)
    found = connection.execute(select(document_version.c.body).where(*wanted)).scalar_one_or_none()
    return None if found is None else bytes(found)


def resources(connection: Connection, did: int) -> dict[Key, int]:
    """The resources that the document's newest version has, with their numbers."""
    return {(type_name, id_): rid for type_name, id_, rid in _RESOURCES(connection, of_did=did)}


def links(did: int, rids: Iterable[int]) -> Batch:
    """What says that these resources come from the document as well."""
    return document_resource, ("did", "rid"), [(did, rid) for rid in sorted(rids)]


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
