"""Destroy what has outlived its time: every version, every index row, the source documents. The use log stays.

703/2023 annex; a deletion (`delete`) is something else: it leaves a version that says so, and the versions before it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, delete, exists, select, update

from service.store.tables import (
    INDEXES,
    answer,
    answer_document,
    disclosure,
    document,
    document_resource,
    document_version,
    outbox,
    reference,
    resource,
    version,
)

T = TypeVar("T")

# What may stay of a document whose content is gone: nobody's own, or with a time of its own.
BESIDE = frozenset({
    "Consent", "HealthcareService", "Location", "Organization", "Patient", "Practitioner", "PractitionerRole",
    "RelatedPerson",
})  # fmt: skip
# It needs the people whom it names, not the content that it once let out.
_PERMISSION = "Consent"
_UNDER_WAY = ("waiting", "leased")
_MANY = 400


@dataclass(frozen=True, slots=True)
class Destroyed:
    """How much is gone."""

    resources: int
    versions: int
    documents: int


def lock(connection: Connection, rids: Collection[int]) -> None:
    """Nobody else changes these until the transaction ends; in the order in which every writer locks."""
    for some in _parts(rids):
        statement = select(resource.c.rid).where(resource.c.rid.in_(some)).order_by(resource.c.id, resource.c.type)
        connection.execute(statement.with_for_update()).all()


def holding(connection: Connection, rids: Collection[int]) -> dict[int, str]:
    """Why some of these must stay: `referenced` by something that stays, or `delivery` that is under way.

    What is referenced only by others among them may go with them.
    """
    named = _names(connection, rids)
    waiting = _waiting(connection, named.values())
    held = {rid: "delivery" for rid, name in named.items() if name in waiting}
    links = _links(connection, named)
    while True:
        more = {target for source, target in links if target not in held and (source not in named or source in held)}
        if not more:
            return held
        held |= dict.fromkeys(sorted(more), "referenced")


def destroy(connection: Connection, rids: Collection[int]) -> Destroyed:
    """Destroy these resources, and the documents that hold nothing else but people and permissions."""
    named = _names(connection, rids)
    dids = _documents(connection, rids)
    versions = 0
    for some in _parts(rids):
        for table in (*INDEXES.values(), disclosure, document_resource):
            connection.execute(delete(table).where(table.c.rid.in_(some)))
        versions += connection.execute(delete(version).where(version.c.rid.in_(some))).rowcount
        connection.execute(delete(resource).where(resource.c.rid.in_(some)))
    for names in _parts(sorted(named.values())):
        connection.execute(delete(outbox).where(outbox.c.reference.in_(names)))
    empty = _empty(connection, dids)
    for some in _parts(empty):
        connection.execute(update(version).where(version.c.did.in_(some)).values(did=None, document_version=None))
        for table in (document_resource, answer_document, document_version, document):
            connection.execute(delete(table).where(table.c.did.in_(some)))
    connection.execute(
        delete(answer).where(
            answer.c.resource.in_(sorted(named.values())), ~exists().where(answer_document.c.aid == answer.c.aid)
        )
    )
    return Destroyed(len(named), versions, len(empty))


def _names(connection: Connection, rids: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in _parts(rids):
        statement = select(resource.c.rid, resource.c.type, resource.c.id).where(resource.c.rid.in_(some))
        found |= {row.rid: f"{row.type}/{row.id}" for row in connection.execute(statement)}
    return found


def _waiting(connection: Connection, names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in _parts(sorted(names)):
        statement = select(outbox.c.reference).where(outbox.c.reference.in_(some), outbox.c.state.in_(_UNDER_WAY))
        found |= set(connection.execute(statement).scalars())
    return found


def _links(connection: Connection, named: dict[int, str]) -> list[tuple[int, int]]:
    """Who needs whom: the numbers of a resource and of one of `named` that it refers to."""
    targets = {name: rid for rid, name in named.items()}
    found: list[tuple[int, int]] = []
    for some in _parts(sorted(targets)):
        statement = (
            select(reference.c.rid, reference.c.target, resource.c.type)
            .join(resource, resource.c.rid == reference.c.rid)
            .where(reference.c.target.in_(some))
            .distinct()
        )
        for row in connection.execute(statement):
            if row.type != _PERMISSION or row.target.partition("/")[0] in BESIDE:
                found.append((row.rid, targets[row.target]))
    return [(source, target) for source, target in found if source != target]


def _documents(connection: Connection, rids: Collection[int]) -> list[int]:
    found: set[int] = set()
    for some in _parts(rids):
        statement = select(document_resource.c.did).where(document_resource.c.rid.in_(some))
        found |= set(connection.execute(statement).scalars())
    return sorted(found)


def _empty(connection: Connection, dids: Collection[int]) -> list[int]:
    """The documents of whose content nothing is left."""
    found: list[int] = []
    for did in dids:
        left = (
            select(resource.c.rid)
            .join(document_resource, document_resource.c.rid == resource.c.rid)
            .where(document_resource.c.did == did, resource.c.type.not_in(sorted(BESIDE)), resource.c.deleted == 0)
            .limit(1)
        )
        if connection.execute(left).first() is None:
            found.append(did)
    return found


def _parts(every: Collection[T]) -> Iterable[list[T]]:
    rows = list(every)
    return (rows[start : start + _MANY] for start in range(0, len(rows), _MANY))
