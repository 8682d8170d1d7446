"""A folder, SFTP server or bucket where files are left: answers to the receiver's own labels, a PDF, and metadata.

The shape is what early-education records take: a JSON array of `{child: {oid, date_of_birth, first_name, last_name},
document: {<label>: <answer>}}`, one for each child.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.deliver.receivers import answers, minimised
from service.deliver.receivers.base import (
    Json,
    Part,
    Receipt,
    ReceiverSettings,
    Shipment,
    Tools,
    TransportError,
)
from service.deliver.receivers.names import PATTERN, file_stem, pattern_problem
from service.drops import Drop, DropError, open_drop
from service.fhir import json
from service.fhir.path import PathError
from service.fhir.reading import objects, string
from service.issues import Issue, issue
from service.strict_toml import Key

OPTIONS: Mapping[str, Key] = {
    "drop": Key("table", "How the place is reached, see below."),
    "file_name": Key(
        "text",
        "How files are called, without the ending. Places to fill in: `{prefix}`, `{municipality}`, `{template}`,"
        " `{plan}` (12 digits), `{version}`, `{date}`.",
        default=PATTERN,
    ),
    "prefix": Key("text", "What names begin with."),
    "municipality": Key(
        "text",
        "The receiver's municipality, as it stands in names; left out for a family with a non-disclosure for safety.",
    ),
    "template": Key("text", "What the document is called at the receiver.", default="yhteinen-suunnitelma"),
    "language": Key("text", "Language of the labels. Unset: the plan's.", choices=("fi", "sv", "en")),
    "answers": Key("tables", "The labels and what stands under each.", required=True, keys=answers.KEYS),
    "pdf": Key("flag", "Whether the plan as PDF is left beside.", default="true"),
    "metadata": Key(
        "flag", "Whether a file that says whose data it is and on what basis is left beside.", default="true"
    ),
    "read_folder": Key("text", "Folder below, where the receiver moves what it has read; it is not left again."),
    "delete_withdrawn": Key(
        "flag", "Whether a withdrawal also deletes what the receiver has not yet taken away.", default="true"
    ),
}
_STATUTE = re.compile(r"\d{1,4}/\d{4}(?:[ ,;\d/§.–-]|mom|luku|kohta| k\b){0,100}")
_JSON, _PDF = "application/json", "application/pdf"
# Leftovers of a process that was killed are older than any upload that goes on.
_ABANDONED = 3600.0
# The call itself can never succeed, wherever it is made; all else is the receiver's or the operator's matter.
_HOPELESS = frozenset({"drops.name", "drops.too-long"})
_NOT_SENT = frozenset({
    "drops.host-key", "drops.host-key-missing", "drops.login", "drops.key-file", "drops.credential", "drops.library",
    "drops.option-value", "drops.address", "drops.plain", "drops.no-folder",
})  # fmt: skip


class FileDrop:
    """Names and bytes are made of the shipment alone, so that leaving the same again changes nothing."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self.settings = settings
        self._options = settings.options
        self._questions = answers.compiled(settings.options["answers"])

    def connect(self) -> Drop:
        """The place; a server is connected when something is left there."""
        try:
            return open_drop(self.settings.url, self._options.get("drop", {}))
        except DropError as error:
            raise _transport(error) from None

    def prepare(self, session: Drop) -> None:
        """Take away what a process that was killed has left half written."""
        try:
            session.tidy(_ABANDONED)
        except DropError as error:
            raise _transport(error) from None

    def parts(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        """The files, in the order in which they are left: the one that the receiver reads comes last."""
        try:
            return self._files(shipment, tools)
        except (DropError, PathError) as error:
            raise TransportError(error.issue, permanent=True, whole=False, sent=False) from None

    def _files(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        name = file_stem(shipment, self._options)
        if shipment.payload == minimised.WITHDRAWAL:
            return (Part(f"{name}.withdrawal.json", _JSON, _encoded(self._withdrawal(shipment))),)
        files = [Part(f"{name}.json", _JSON, _encoded(self._document(shipment)))]
        if self._options.get("pdf", True) and tools.pdf is not None:
            files.insert(0, Part(f"{name}.pdf", _PDF, tools.pdf(shipment.bundle, shipment.language)))
        if self._options.get("metadata", True):
            files.insert(-1, Part(f"{name}.metadata.json", _JSON, _encoded(self._metadata(shipment, files))))
        return tuple(files)

    def send(self, shipment: Shipment, parts: tuple[Part, ...], session: Drop) -> Receipt:
        """Leave what is not there yet. Raises `TransportError`."""
        try:
            if shipment.payload == minimised.WITHDRAWAL and self._options.get("delete_withdrawn", True):
                self._delete(shipment, {part.name for part in parts}, session)
            written = [self._left(part, session) for part in parts]
        except DropError as error:
            raise _transport(error) from None
        return Receipt("stored" if any(written) else "there already", parts[-1].name)

    def check(self, session: Drop) -> list[Issue]:
        """Whether the place can be reached, listed and written to; nothing stays there."""
        probe = "yhdessa-check.txt"
        try:
            count = len(session.list())
            session.put(probe, b"yhdessa receivers check\n", replace=True)
            session.delete(probe)
        except DropError as error:
            return [error.issue]
        return [issue("receivers.drop-reachable", url=session.url, count=count)]

    def _left(self, part: Part, session: Drop) -> bool:
        folder = self._options.get("read_folder")
        if folder and session.exists(f"{folder.strip('/')}/{part.name}"):
            return False
        return session.put(part.name, part.body, replace=True).written

    def _delete(self, shipment: Shipment, kept: set[str], session: Drop) -> None:
        mark = minimised.short(shipment)
        folder = self._options.get("read_folder")
        for name in session.list():
            taken = folder is not None and name.startswith(f"{folder.strip('/')}/")
            if mark in name and name not in kept and not taken and not name.endswith(".withdrawal.json"):
                session.delete(name)

    def _document(self, shipment: Shipment) -> list[Json]:
        language = self._options.get("language", shipment.language)
        made = [
            {"child": _child(child), "document": answers.answered(self._questions, shipment.bundle, child, language)}
            for child in minimised.children(shipment.bundle)
        ]
        if not any(one["document"] for one in made):
            found = issue("receivers.no-answers", reference=shipment.reference, name=self.settings.name)
            raise TransportError(found, permanent=True, whole=False, sent=False)
        return made

    def _metadata(self, shipment: Shipment, files: list[Part]) -> Json:
        rows = [
            {"name": one.name, "type": one.content_type, "size": len(one.body), "sha256": _digest(one)} for one in files
        ]
        return {"kind": "copy", **self._heading(shipment), "basis": list(_bases(shipment)), "files": rows}

    def _withdrawal(self, shipment: Shipment) -> Json:
        return {
            "kind": "withdrawal",
            **self._heading(shipment),
            "withdrawn": {"names": f"*{minimised.short(shipment)}*"},
        }

    def _heading(self, shipment: Shipment) -> Json:
        """Whose data it is, who gets it, and of what it is a copy."""
        recipient = shipment.recipient
        owner = minimised.controller(shipment.bundle)
        return {
            "original": {
                "identifier": next(_identifiers(minimised.plan(shipment.bundle)), None),
                "reference": shipment.reference,
                "version": shipment.version,
            },
            "copy": True,
            **({"controller": {"oid": owner["oid"], "name": owner["name"]}} if owner else {}),
            "recipient": {"oid": recipient.organisation, "name": recipient.name, "sector": recipient.sector},
            "created": minimised.instant(shipment.created),
            "language": shipment.language,
        }


def make(settings: ReceiverSettings) -> FileDrop:
    """The receiver of these settings."""
    return FileDrop(settings)


def problems(options: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, dict[str, str]]]:
    """What is wrong with the options besides their form: the key, the kind of issue, and its parameters."""
    if found := pattern_problem(options):
        yield ("options", "file_name"), "receivers.pattern", found
    for at, reason in answers.problems(options["answers"]):
        yield ("options", "answers", str(at), "value"), "receivers.expression", {"reason": reason}


def _child(child: Json) -> Json:
    name = next((one for one in objects(child, "name") if one.get("use") == "official"), None)
    name = name or next(iter(objects(child, "name")), {})
    given = [one for one in name.get("given", ()) if isinstance(one, str)]
    learner = minimised.identifier(child, minimised.LEARNER)
    return {
        "oid": learner.removeprefix("urn:oid:") if learner else None,
        "date_of_birth": child.get("birthDate"),
        "first_name": " ".join(given) or None,
        "last_name": string(name, "family") or None,
    }


def _bases(shipment: Shipment) -> Iterator[Json]:
    """What permits it, in codes only: what somebody has written about it need not go along."""
    for one in shipment.bases:
        row: Json = {"kind": one.kind, "parts": [{"code": code} for code in one.parts]}
        if _STATUTE.fullmatch(one.provision):
            row["provision"] = {"code": one.provision}
        yield row


def _identifiers(plan: Json) -> Iterator[Json]:
    for one in objects(plan, "identifier"):
        yield {"system": string(one, "system"), "value": string(one, "value")}


def _transport(error: DropError) -> TransportError:
    key = error.issue.key
    hopeless = key in _HOPELESS
    return TransportError(error.issue, permanent=hopeless, whole=not hopeless, sent=key not in _NOT_SENT)


def _encoded(value: Any) -> bytes:
    return json.pretty(value).encode() + b"\n"


def _digest(part: Part) -> str:
    return hashlib.sha256(part.body).hexdigest()
