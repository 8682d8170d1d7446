"""Keep what a recipient answers: beside what it speaks of, never over it, and only where that was given to it.

What is new (a Communication, an AppointmentResponse, a Task) becomes a resource of the organisation whose document it
is about, and the sender goes on seeing it. What would change another organisation's resource is kept as a proposal.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from service.fhir.json import canonical, encode
from service.inbound.changes import Change, changes, packed
from service.inbound.concerns import CHANGED, NEW, concerned
from service.inbound.overlay import overlaid
from service.inbound.subscriptions import announce
from service.issues import has_errors
from service.pipeline import Converter
from service.store import answers, cuts, disclosures, reading
from service.store.records import Author, Written
from service.store.records import Change as Write
from service.store.resources import Current, Key, apply, current, prepare, stamped
from service.store.writing import Writing

_NAMESPACE = uuid.UUID("c3a5a4a2-52b5-5b1f-8a0e-6d7a1b6f0a11")
Json = dict[str, Any]


class Receiving:
    """Implements `store.writing.Answers` with the way back of the converter that is in use."""

    def __init__(self, converter: Callable[[], Converter]) -> None:
        self._converters = converter

    @property
    def _converter(self) -> Converter:
        return self._converters()

    def take(self, tx: Writing, key: Key, content: Mapping[str, Any], before: Current | None) -> Written | None:
        """What became of `content` as an answer; None where it is none, so that an ordinary write follows."""
        found = self._about(tx, key, content, before)
        if found is None:
            return None
        about, owner = found
        resource = {**content, "id": key[1]}
        id_ = _id(tx.author.organisation, about, content)
        if about == key:
            body, done = (
                stamped(resource, key[1], before.version if before else 1, tx.now),
                Written("proposed", None, id_),
            )
        else:
            known = {key: before} if before else {}
            author = Author(tx.author.client, owner)
            done = apply(tx.connection, [prepare(Write(*key, "PUT", resource), tx.parameters)], known, author, tx.now)[
                key
            ]
            if done.stored is None:
                return Written("unchanged", reading.read(tx.connection, *key, tx.who))
            body = done.stored.body or b""
            given = disclosures.Given(*key, done.stored.version, None)
            disclosures.disclose(tx.connection, tx.author.organisation, [given], tx.now)
        number = self._keep(tx, id_, key, about, resource, body)
        if number is not None:
            announce(tx.connection, owner, key[0], number, tx.now)
        return done

    def _about(
        self, tx: Writing, key: Key, content: Mapping[str, Any], before: Current | None
    ) -> tuple[Key, str] | None:
        """What is answered and whose that is, where it is another organisation's and the sender may see it."""
        if before is not None and not before.deleted and not tx.who.owns(before.organisation):
            if reading.read(tx.connection, *key, tx.who) is None:
                return None
            own = key[0] in NEW and answers.sender_of(tx.connection, "/".join(key)) == tx.author.organisation
            if not own:
                return (key, before.organisation) if key[0] in CHANGED else None
        elif before is not None:
            return None
        for found in concerned(dict(content)):
            if reading.read(tx.connection, *found, tx.who) is None:
                continue
            row = current(tx.connection, [found], lock=False).get(found)
            if row is not None and not row.deleted and not tx.who.owns(row.organisation):
                return found, row.organisation
        return None

    def _keep(self, tx: Writing, id_: str, key: Key, about: Key, resource: Json, body: bytes) -> int | None:
        bearings, model = [], None
        for did, version in answers.documents_of(tx.connection, about):
            held = {one.reference: one.resource() for one in answers.resources_of(tx.connection, did)}
            model = model or _model(held)
            bearings.append((did, version, encode([packed(one) for one in self._changes(held, resource, about)])))
        made = answers.Answer(
            id_,
            tx.author.organisation,
            tx.author.client,
            key[0],
            "/".join(about),
            "" if about == key else "/".join(key),
            cuts.after(tx.connection, tx.now),
            body,
            encode(self._converter.message(resource, model=model)),
        )
        return answers.keep(tx.connection, made, bearings)

    def _changes(self, held: Mapping[str, Json], answer: Json, about: Key) -> list[Change]:
        """What the answer changes in the document that `held` are the resources of, in the document's own terms."""
        over = overlaid(held, answer, "/".join(about))
        if not over:
            return []
        before, after = (self._converter.restore(_bundle({**held, **one})) for one in ({}, over))
        if before.document is None or after.document is None or has_errors(after.issues):
            return []
        return changes(before.document, after.document)


def _bundle(held: Mapping[str, Json]) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in held.values()]}


def _model(held: Mapping[str, Json]) -> str | None:
    for one in held.values():
        for extension in one.get("extension", ()) if one["resourceType"] == "Provenance" else ():
            for part in extension.get("extension", ()):
                if part.get("url") == "model":
                    return str(part.get("valueCode") or part.get("valueString"))
    return None


def _id(sender: str, about: Key, content: Mapping[str, Any]) -> str:
    """The same answer sent again is the same one."""
    given = {name: value for name, value in content.items() if name not in ("id", "meta", "text")}
    return str(uuid.uuid5(_NAMESPACE, f"{sender}\n{'/'.join(about)}\n{canonical(given).decode()}"))
