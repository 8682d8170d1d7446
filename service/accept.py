"""Accept a source document: convert it and keep all that follows from it in one transaction, or nothing of it.

The same document again changes nothing; a newer version replaces what has changed and retires what is no longer there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from service.fhir import json
from service.issues import Issue, has_errors, issue
from service.pipeline import Converted
from service.store import Author, Store, documents
from service.store.audit import Detail, Event, record
from service.store.documents import Identity
from service.store.families import hidden
from service.store.keeping import Accepted, Document, Status, Undone, keep, unchanged, without
from service.store.records import Change
from service.store.resources import prepare
from service.store.values import micros


class Converts(Protocol):
    """What `accept` needs of a `pipeline.Converter`."""

    def convert_read(self, document: Any, text: bytes, **options: Any) -> Converted: ...


def accept(
    converter: Converts,
    store: Store,
    text: bytes,
    *,
    now: datetime,
    author: Author,
    event: Event | None = None,
    shortcut: bool = True,
    only: str | None = None,
    **options: Any,
) -> Accepted:
    """Accept one document (JSON text).

    What it brings belongs to the organisation in its `source`; `author` names the client. Where `only` is given, that
    must be this organisation (OID). `event` is recorded in the same transaction when something is written, and only
    then. With `shortcut` a document that is here already is not converted again. `options` go to the converter.
    Raises `StoreError` where the store cannot go on (`store.busy`).
    """
    value, hashed, refused = _read(text, only)
    if refused is not None:
        return refused
    document = _document(value, text, bytes.fromhex(hashed))
    if shortcut and document is not None and (known := _known(store, document)) is not None:
        return known
    with store.database.coming():
        converted = converter.convert_read(value, text, source_hash=hashed, **options)
        if converted.bundle is None or has_errors(converted.issues) or document is None:
            return without("invalid", converted.document, converted.issues, converted)
        # Each once, with what each of them needs whether or not it turns out to have changed.
        changes = {one.key: one for one in map(_change, converted.bundle["entry"])}
        prepared = [prepare(one, store.parameters) for one in changes.values()]

    def recorded(connection: Connection) -> Accepted:
        done = keep(connection, document, prepared, author, micros(now) // 1000 * 1000)
        if event is not None and done.status in ("created", "updated"):
            entities = tuple(sorted({*done.resources, *done.written}))
            about = _about(event, entities, document.identity.organisation)
            record(connection, [replace(event, detail=about)], now)
        return done

    try:
        done = store.database.write(recorded)
    except Undone as undone:
        done = undone.answer
    return replace(done, issues=(*converted.issues, *done.issues), converted=converted)


def rehearse(converter: Converts, text: bytes, *, only: str | None = None, **options: Any) -> Accepted:
    """What would become of one document, by its conversion alone: nothing is stored, so nothing is new."""
    value, hashed, refused = _read(text, only)
    if refused is not None:
        return refused
    made = converter.convert_read(value, text, source_hash=hashed, **options)
    status: Status = "invalid" if made.bundle is None or has_errors(made.issues) else "unchanged"
    document = made.document if isinstance(made.document, dict) else {}
    id_, kind, version = (document.get(name) for name in ("id", "kind", "version"))
    changes = map(_change, made.bundle["entry"]) if made.bundle and status != "invalid" else ()
    references = tuple("/".join(one.key) for one in changes)
    return Accepted(status, id_, kind, version, references, {}, tuple(made.issues), converted=made)


def _read(text: bytes, only: str | None) -> tuple[Any, str, Accepted | None]:
    """A document, its `digest`, and why it is not taken where it cannot be read, or may not come from who asks.

    Decided before anything else, so that nobody learns whether another organisation's document is here.
    """
    try:
        value, canonical = json.parse_canonical(text)
    except json.JsonError as error:
        return None, "", without("invalid", None, [error.issue], Converted(None, None, [error.issue]))
    others = _foreign(value, only)
    hashed = hashlib.sha256(canonical).hexdigest()
    return value, hashed, without("invalid", None, others) if others else None


def _foreign(value: Any, only: str | None) -> list[Issue]:
    source = value.get("source") if isinstance(value, dict) else None
    named = source.get("organisation") if isinstance(source, dict) else None
    if only is None or not isinstance(named, str) or named == only:
        return []
    return [issue("auth.other-organisation", pointer="/source/organisation")]


def _about(event: Event, entities: tuple[str, ...], provider: str) -> Detail:
    """The event's detail with what the document is about, and whose register it is in."""
    patients = tuple(one for one in entities if one.startswith("Patient/"))
    others = tuple(one for one in entities if one not in patients)
    return msgspec.structs.replace(event.detail, entities=others, patients=patients, provider=provider)


def _change(entry: Mapping[str, Any]) -> Change:
    resource = entry["resource"]
    return Change(resource["resourceType"], resource["id"], "PUT", resource)


def _document(value: Any, text: bytes, digest: bytes) -> Document | None:
    """The header of a document, where it has one that can be read."""
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(source, dict):
        return None
    parts = (source.get("organisation"), source.get("system"), value.get("id"), value.get("kind"))
    version, family = value.get("version"), value.get("family")
    if not all(isinstance(one, str) for one in parts) or type(version) is not int or not isinstance(family, dict):
        return None
    organisation, system, id_, kind = map(str, parts)
    about = hidden(organisation, system, str(family.get("id")))
    return Document(Identity(organisation, system, id_), kind, version, about, digest, value, text)


def _known(store: Store, document: Document) -> Accepted | None:
    """The answer for a document that is here just as it is."""
    with store.database.look() as connection:
        kept = documents.find(connection, document.identity)
    if kept is None or kept.version != document.version or kept.digest != document.digest:
        return None
    with store.database.read() as connection:
        return unchanged(connection, document, kept.did)
