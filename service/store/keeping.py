"""Keep a converted document: its resources, what it no longer has, its exact text and what is to be delivered.

All in the transaction that is open; whatever is refused leaves nothing behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from service.fhir import json
from service.issues import Issue, issue
from service.pipeline import Converted
from service.store import cuts, documents, outbox, reconcile
from service.store.differences import differences
from service.store.documents import Identity, Kept
from service.store.outbox import Delivery
from service.store.records import Author, Change, Origin, Written
from service.store.resources import Key, Prepared, apply, current

Status = Literal["created", "updated", "unchanged", "older", "clash", "invalid"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a document.

    `resources` are the relative references of all resources that it stands for now, `written` what became of each that
    was changed (`created`, `updated`, `deleted`), `deliveries` the outbox rows of its plans. `converted` is missing
    where the document was known already and needed no conversion.
    """

    status: Status
    id: str | None
    kind: str | None
    version: int | None
    resources: tuple[str, ...]
    written: Mapping[str, Written]
    issues: tuple[Issue, ...]
    deliveries: tuple[Delivery, ...] = ()
    converted: Converted | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document's header and content, ready to be kept."""

    identity: Identity
    kind: str
    version: int
    family: str
    digest: bytes
    value: Any
    text: bytes


def keep(
    connection: Connection,
    document: Document,
    resources: Sequence[Mapping[str, Any]],
    prepared: Sequence[Prepared],
    author: Author,
    now: int,
) -> Accepted:
    now = cuts.after(connection, now)
    kept = documents.find(connection, document.identity, lock=True)
    if kept is not None and document.version <= kept.version:
        return _not_newer(connection, document, kept)
    identity, owner = document.identity, Author(author.client, document.identity.organisation)
    if kept is None:
        did = documents.add(connection, identity, document.kind, document.version, document.digest, now)
        before: dict[Key, int] = {}
    else:
        did = kept.did
        documents.renew(connection, did, document.version, document.digest, now)
        before = documents.resources(connection, did)
    documents.keep(connection, did, document.version, document.digest, document.text, author.client, now)
    known = current(connection, [*(one.change.key for one in prepared), *before])
    foreign = [key for key, row in known.items() if row.organisation != identity.organisation]
    if foreign:
        issues = [issue("store.other-owner", reference="/".join(key)) for key in foreign]
        return _refused(document, issues)
    wanted = {one.change.key for one in prepared}
    vanished = {key: rid for key, rid in before.items() if key not in wanted}
    retired = documents.orphans(connection, did, vanished.values())
    gone = [Prepared(Change(*key, "DELETE", None)) for key, rid in vanished.items() if rid in retired]
    rids = {key: row.rid for key, row in known.items()}
    results = apply(connection, [*prepared, *gone], known, owner, now, rids, Origin(did, document.version))
    documents.unlink(connection, did, vanished.values())
    documents.link(connection, did, {rids[key] for key in wanted - before.keys()})
    sent = _enqueue(connection, document, resources, results, now)
    return Accepted(
        "created" if kept is None else "updated",
        identity.id,
        document.kind,
        document.version,
        tuple(f"{one['resourceType']}/{one['id']}" for one in resources),
        {"/".join(key): one for key, one in results.items() if one.status != "unchanged"},
        (),
        tuple(sent),
    )


class Undone(Exception):
    """Ends the transaction without keeping anything of it; `answer` says why."""

    def __init__(self, answer: Accepted) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _refused(document: Document, issues: Iterable[Issue]) -> Accepted:
    raise Undone(without("invalid", document.value, issues))


def _not_newer(connection: Connection, document: Document, kept: Kept) -> Accepted:
    id_, version = document.identity.id, document.version
    if document.version < kept.version:
        return without(
            "older",
            document.value,
            [issue("store.older", have=kept.version, pointer="/version", id=id_, version=version)],
        )
    if document.digest == kept.digest:
        return unchanged(connection, document, kept.did)
    stored = documents.body(connection, kept.did, kept.version)
    places = differences(json.parse(stored), document.value) if stored is not None else []
    issues = [issue("store.clash", pointer="/version", id=id_, version=version)]
    issues += [issue("store.clash-at", pointer=one) for one in places]
    return without("clash", document.value, issues)


def _enqueue(
    connection: Connection,
    document: Document,
    resources: Sequence[Mapping[str, Any]],
    results: Mapping[Key, Written],
    now: int,
) -> list[Delivery]:
    """The outbox rows of the document's plans, after what follows for them from its plans and permissions."""
    here = {f"{one['resourceType']}/{one['id']}": one for one in resources}
    reconcile.settle(connection, results, now, here=here, family=document.family)
    plans = [reference for reference in here if reference.startswith("CarePlan/")]
    return outbox.of(connection, plans) if plans else []


def unchanged(connection: Connection, document: Document, did: int) -> Accepted:
    references = tuple("/".join(key) for key in documents.resources(connection, did))
    plans = [one for one in references if one.startswith("CarePlan/")]
    sent = tuple(outbox.of(connection, plans)) if plans else ()
    return Accepted("unchanged", document.identity.id, document.kind, document.version, references, {}, (), sent)


def without(status: Status, value: Any, issues: Iterable[Issue], converted: Converted | None = None) -> Accepted:
    """An answer that leaves everything as it was."""
    header = value if isinstance(value, dict) else {}
    id_, kind, version = header.get("id"), header.get("kind"), header.get("version")
    return Accepted(
        status,
        id_ if isinstance(id_, str) else None,
        kind if isinstance(kind, str) else None,
        version if type(version) is int else None,
        (),
        {},
        tuple(issues),
        (),
        converted,
    )
