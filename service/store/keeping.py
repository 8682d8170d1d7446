"""Keep a converted document: its resources, what it no longer has, its exact text and what is to be delivered.

All in the transaction that is open; whatever is refused leaves nothing behind.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from service.fhir import json
from service.issues import Issue, issue
from service.pipeline import Converted
from service.store import cuts, documents, outbox, reconcile
from service.store.bulk import Batch
from service.store.differences import differences
from service.store.documents import Identity, Kept
from service.store.outbox import Delivery
from service.store.records import Author, Change, Origin, Written
from service.store.references import outward, places
from service.store.resources import Key, Prepared, current, current_beside, put

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
    prepared: Sequence[Prepared],
    author: Author,
    now: int,
) -> Accepted:
    """Keep `document` with the resources that it brings, each once; a warning for each thing referred to that is
    nowhere yet.

    Raises `Undone` where something of it belongs to another organisation.
    """
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
    wanted = {one.change.key for one in prepared}
    known = current_beside(connection, wanted | before.keys(), prepared)
    foreign = [key for key, row in known.items() if row.organisation != identity.organisation]
    if foreign:
        issues = [issue("store.other-owner", reference="/".join(key)) for key in foreign]
        raise Undone(without("invalid", document.value, issues))
    dangling = _dangling(connection, prepared, wanted)
    vanished = {key: rid for key, rid in before.items() if key not in wanted}
    retired = documents.orphans(connection, did, vanished.values())
    gone = [Prepared(Change(*key, "DELETE", None)) for key, rid in vanished.items() if rid in retired]

    def beside(new: Mapping[Key, int]) -> list[Batch]:
        linked = {new[key] if key in new else known[key].rid for key in wanted - before.keys()}
        text = documents.version_of(did, document.version, document.digest, document.text, author.client, now)
        return [text, documents.links(did, linked)]

    results = put(connection, [*prepared, *gone], known, owner, now, Origin(did, document.version), beside)
    documents.unlink(connection, did, vanished.values())
    here = {"/".join(one.change.key): one.change.resource or {} for one in prepared}
    sent = _enqueue(connection, document, here, results, now)
    return Accepted(
        "created" if kept is None else "updated",
        identity.id,
        document.kind,
        document.version,
        tuple(here),
        {"/".join(key): one for key, one in results.items() if one.status != "unchanged"},
        tuple(dangling),
        tuple(sent),
    )


class Undone(Exception):
    """Ends the transaction without keeping anything of it; `answer` says why."""

    def __init__(self, answer: Accepted) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _dangling(connection: Connection, prepared: Sequence[Prepared], here: Collection[Key]) -> list[Issue]:
    others = outward((one.rest for one in prepared), here)
    found = current(connection, others, lock=False)
    missing = {key for key in others if key not in found or found[key].deleted}
    texts = ((one.change.resource or {}, one.rest) for one in prepared)
    return [
        issue("store.dangling", reference="/".join(key), expression=place)
        for key, place in places(texts, missing).items()
    ]


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
    here: Mapping[str, Mapping[str, Any]],
    results: Mapping[Key, Written],
    now: int,
) -> list[Delivery]:
    """The outbox rows of the document's plans, after what follows for them from its plans and permissions."""
    new = reconcile.settle(connection, results, now, here=here, family=document.family)
    others = [reference for reference in here if reference.startswith("CarePlan/") and reference not in new]
    rows = [*(row for rows in new.values() for row in rows), *outbox.of(connection, others)]
    return sorted(rows, key=lambda one: one.id or 0)


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
