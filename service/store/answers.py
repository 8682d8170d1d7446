"""What record systems send back: each answer's exact bytes, and which documents it says something about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, true, union_all

from service.store.records import Stored
from service.store.resources import NOW, SHOWN, Key, stored_of
from service.store.tables import answer, answer_document, document, document_resource, resource
from service.store.upsert import inserting


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `sender` is the organisation (OID); `about` and `resource` are relative references.

    `resource` is what the answer was kept as, empty where it would have changed what is another's; `message` JSON.
    """

    id: str
    sender: str
    client: str
    type: str
    about: str
    resource: str
    received: int
    body: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class Bearing:
    """What an answer means for one document: `changes` (JSON) to its version `version`."""

    answer: Answer
    version: int
    changes: bytes


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document and when it, or what was answered to it, last changed (microseconds)."""

    did: int
    organisation: str
    system: str
    id: str
    kind: str
    version: int
    updated: int
    changed: int


def keep(connection: Connection, one: Answer, bearings: Iterable[tuple[int, int, bytes]]) -> int | None:
    """Keep an answer, with (document, its version, changes) for each document; its number, None where it was here."""
    make = inserting(connection)
    values = {name: getattr(one, name) for name in one.__slots__}
    statement = make(answer).values(**values).on_conflict_do_nothing().returning(answer.c.aid)
    aid = connection.execute(statement).scalar_one_or_none()
    if aid is None:
        return None
    rows = [
        {"did": did, "aid": aid, "version": version, "received": one.received, "changes": changes}
        for did, version, changes in bearings
    ]
    if rows:
        connection.execute(answer_document.insert(), rows)
    return int(aid)


def sender_of(connection: Connection, reference: str) -> str | None:
    """Which organisation's answer is kept as this resource; None where it is nobody's answer."""
    statement = select(answer.c.sender).where(answer.c.resource == reference).order_by(answer.c.aid).limit(1)
    return connection.execute(statement).scalar_one_or_none()


def bearings(connection: Connection, did: int) -> list[Bearing]:
    """The answers about a document, in the order they came."""
    statement = (
        select(answer, answer_document.c.version, answer_document.c.changes)
        .join(answer_document, answer_document.c.aid == answer.c.aid)
        .where(answer_document.c.did == did)
        .order_by(answer.c.aid)
    )
    return [Bearing(_answer(row), row.version, bytes(row.changes)) for row in connection.execute(statement)]


def documents_of(connection: Connection, key: Key) -> list[tuple[int, int]]:
    """The documents that the resource `key` comes from, each with its newest version."""
    statement = (
        select(document.c.did, document.c.version)
        .join(document_resource, document_resource.c.did == document.c.did)
        .join(resource, resource.c.rid == document_resource.c.rid)
        .where(resource.c.type == key[0], resource.c.id == key[1])
        .order_by(document.c.did)
    )
    return [(row.did, row.version) for row in connection.execute(statement)]


def resources_of(connection: Connection, did: int) -> list[Stored]:
    """The current resources of a document, in the order they were first stored."""
    statement = (
        select(*SHOWN)
        .select_from(NOW.join(document_resource, document_resource.c.rid == resource.c.rid))
        .where(document_resource.c.did == did, resource.c.deleted == 0)
        .order_by(resource.c.rid)
    )
    return [stored_of(row) for row in connection.execute(statement)]


def find(
    connection: Connection, organisations: Sequence[str] | None, id_: str, system: str | None
) -> list[DocumentRow]:
    """The documents with this id that these organisations wrote (None: any), of one source system or of all."""
    conditions = [document.c.id == id_]
    if organisations is not None:
        conditions.append(document.c.organisation.in_(organisations))
    if system is not None:
        conditions.append(document.c.system == system)
    latest = select(func.max(answer_document.c.received)).where(answer_document.c.did == document.c.did)
    rows = connection.execute(select(document, latest.scalar_subquery().label("answered")).where(*conditions))
    return [_row(row, max(row.updated, row.answered or 0)) for row in rows]


def changed(
    connection: Connection, organisations: Sequence[str] | None, since: tuple[int, int], until: int, count: int
) -> list[DocumentRow]:
    """Up to `count` documents that have changed, or were answered to, after `since` (microseconds, document).

    `until` (microseconds) is the moment of a cut: what is later is for the next call.
    """
    own = true() if organisations is None else document.c.organisation.in_(organisations)
    moments = union_all(
        select(document.c.did, document.c.updated.label("moment")).where(
            own, document.c.updated.between(since[0], until)
        ),
        select(document.c.did, answer_document.c.received)
        .join(answer_document, answer_document.c.did == document.c.did)
        .where(own, answer_document.c.received.between(since[0], until)),
    ).subquery()
    latest = select(moments.c.did, func.max(moments.c.moment).label("changed")).group_by(moments.c.did).subquery()
    statement = (
        select(document, latest.c.changed)
        .join(latest, latest.c.did == document.c.did)
        .where(latest.c.changed <= until)
        .where((latest.c.changed > since[0]) | ((latest.c.changed == since[0]) & (document.c.did > since[1])))
        .order_by(latest.c.changed, document.c.did)
        .limit(count)
    )
    return [_row(row, row.changed) for row in connection.execute(statement)]


def _answer(row: Any) -> Answer:
    return Answer(
        row.id, row.sender, row.client, row.type, row.about, row.resource, row.received, bytes(row.body),
        bytes(row.message),
    )  # fmt: skip


def _row(row: Any, moment: int) -> DocumentRow:
    return DocumentRow(row.did, row.organisation, row.system, row.id, row.kind, row.version, row.updated, moment)
