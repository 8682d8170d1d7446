"""A plan as a document: a document Bundle that is stored as it is, or a DocumentReference with its PDF.

https://hl7.org/fhir/R4/documents.html, https://hl7.org/fhir/R4/documentreference.html,
https://hl7.org/fhir/R4/http.html#ccreate
"""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import quote

import requests

from service.deliver.capabilities import FHIR, Capabilities, learn
from service.deliver.probing import let_in
from service.deliver.receivers import minimised
from service.deliver.receivers.base import (
    Json,
    Part,
    Receipt,
    ReceiverSettings,
    Shipment,
    Tools,
    TransportError,
)
from service.deliver.session import open_session
from service.deliver.transport import Answer, exchange, refusal, unconfirmed
from service.fhir.json import encode
from service.fhir.reading import objects, part, string
from service.issues import Issue, issue
from service.plan_document import document
from service.strict_toml import Key

OPTIONS: Mapping[str, Key] = {
    "form": Key(
        "text",
        "`bundle`: the whole plan as a document Bundle, posted once. `reference`: a DocumentReference for each child,"
        " with the PDF; a new version of the plan replaces what is there.",
        default="bundle",
        choices=("bundle", "reference"),
    ),
    "path": Key("text", "Where the document Bundle is posted, below `url`.", default="Bundle"),
    "pdf": Key("flag", "Whether the document Bundle holds the plan as PDF too.", default="true"),
    "attachment": Key(
        "text",
        "With `reference`: whether the PDF is a Binary of its own, at an id that we give, or stands in the"
        " DocumentReference (`inline`) for receivers that give all ids themselves.",
        default="binary",
        choices=("binary", "inline"),
    ),
}
_TYPE = {"coding": [{"system": "http://loinc.org", "code": "18776-5", "display": "Plan of care note"}]}
_RESTRICTED = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}],
}
_PRINT = {"fi": "Tuloste", "sv": "Utskrift", "en": "Print"}
_PDF = "application/pdf"
_MANY = 100


class FhirDocument:
    """Sending the same again changes nothing: a document by its identifier (If-None-Exist), a reference by its own."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self.settings = settings
        self._form = settings.options.get("form", "bundle")
        self._inline = settings.options.get("attachment", "binary") == "inline"

    def connect(self) -> requests.Session:
        """A session that authenticates by itself."""
        return open_session(self.settings)

    def prepare(self, session: requests.Session) -> None:
        """Nothing must be known before: the file says in which form the receiver wants the plan."""

    def parts(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        """One body: the document Bundle, or a transaction with DocumentReferences. Raises `TransportError`."""
        made = self._document(shipment, tools) if self._form == "bundle" else self._references(shipment, tools)
        problems = [one for one in tools.validate(made) if one.is_error] if tools.validate else []
        if problems:
            raise TransportError(problems[0], permanent=True, whole=False, sent=False)
        return (Part("", FHIR, encode(made)),)

    def send(self, shipment: Shipment, parts: tuple[Part, ...], session: requests.Session) -> Receipt:
        """Post it; the receipt names what the receiver made of it. Raises `TransportError`."""
        headers = {"Content-Type": FHIR, "Accept": FHIR}
        if self._form == "reference":
            if shipment.payload == minimised.WITHDRAWAL:
                return self._take_back(shipment, session)
            answer = exchange(session, self.settings.limits, "POST", self.settings.url, parts[0].body, headers)
            return _all_taken(answer)
        headers["If-None-Exist"] = f"identifier={_token(_document_name(shipment))}"
        url = f"{self.settings.url}/{self.settings.options.get('path', 'Bundle').strip('/')}"
        answer = exchange(session, self.settings.limits, "POST", url, parts[0].body, headers)
        if answer.status not in (200, 201):
            raise refusal(answer)
        if answer.body and not isinstance(answer.json(), dict):
            raise unconfirmed(answer.status)
        return Receipt(str(answer.status), _local(answer.headers.get("location", "")))

    def check(self, session: requests.Session) -> list[Issue]:
        """Whether we are let in, and whether the receiver can do what makes a second sending harmless."""
        try:
            known = learn(session, self.settings.limits, self.settings.url)
            type_name = "Bundle" if self._form == "bundle" else "DocumentReference"
            return let_in(self.settings, session, type_name) + self._lacking(known)
        except TransportError as error:
            return [error.issue]

    def _lacking(self, known: Capabilities) -> list[Issue]:
        bundle, reference, binary = (known.types.get(one) for one in ("Bundle", "DocumentReference", "Binary"))
        if self._form == "bundle":
            wanted = {"conditional create of `Bundle`": bundle is not None and bundle.conditional_create}
        else:
            update = reference is not None and reference.conditional_update
            wanted = {"transactions": known.transaction, "conditional update of `DocumentReference`": update}
        name = self.settings.name
        found = [issue("receivers.cannot", name=name, what=what) for what, can in wanted.items() if not can]
        # Servers that take ids of ours often do not say so.
        if self._form == "reference" and not self._inline and not (binary is not None and binary.update_create):
            found.append(issue("receivers.unsaid", name=name))
        return found

    def _take_back(self, shipment: Shipment, session: requests.Session) -> Receipt:
        """Mark what the receiver has of the plan, for whichever child; nothing new shall come into being there."""
        found = self._there(shipment, session)
        if not found:
            return Receipt("absent")
        entries = [_entry(_emptied(one), string(one, "id")) for one in found]
        part = Part("", FHIR, encode({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
        headers = {"Content-Type": FHIR, "Accept": FHIR}
        answer = exchange(session, self.settings.limits, "POST", self.settings.url, part.body, headers)
        receipt = _all_taken(answer)
        return Receipt(receipt.status, receipt.reference, (part,))

    def _there(self, shipment: Shipment, session: requests.Session) -> list[Json]:
        url = f"{self.settings.url}/DocumentReference?identifier={_token(_group(shipment))}&_count={_MANY}"
        answer = exchange(session, self.settings.limits, "GET", url, None, {"Accept": FHIR})
        if answer.status != 200:
            raise refusal(answer)
        made = answer.json()
        if not isinstance(made, dict) or made.get("type") != "searchset":
            raise unconfirmed(answer.status)
        rows = [part(entry, "resource") for entry in objects(made, "entry")]
        return [one for one in rows if one.get("resourceType") == "DocumentReference"]

    def _document(self, shipment: Shipment, tools: Tools) -> Json:
        plan, *others = minimised.resources(shipment.bundle)
        made = document(plan, others, minimised.BASE, minimised.instant(shipment.created))
        made["identifier"] = {"system": minimised.URI, "value": _document_name(shipment)}
        composition = made["entry"][0]["resource"]
        composition["identifier"] = {"system": minimised.URI, "value": f"urn:uuid:{minimised.named(shipment)}"}
        if shipment.payload == minimised.WITHDRAWAL:
            composition["status"] = "entered-in-error"
            composition["date"] = composition["date"] or minimised.instant(shipment.created)
            composition["relatesTo"] = [{"code": "replaces", "targetIdentifier": composition["identifier"]}]
        elif self.settings.options.get("pdf", True) and tools.pdf is not None:
            binary = _binary(shipment, tools.pdf(shipment.bundle, shipment.language))
            title = _PRINT.get(shipment.language, _PRINT["fi"])
            composition["section"].append({"title": title, "entry": [{"reference": f"Binary/{binary['id']}"}]})
            made["entry"].append({"fullUrl": f"{minimised.BASE}/Binary/{binary['id']}", "resource": binary})
        return made

    def _references(self, shipment: Shipment, tools: Tools) -> Json:
        if shipment.payload == minimised.WITHDRAWAL:
            # Which children the receiver has it for is asked when it is taken back.
            return {"resourceType": "Bundle", "type": "transaction"}
        if tools.pdf is None:
            raise TransportError(issue("receivers.no-pdf", name=self.settings.name), permanent=True, sent=False)
        pdf = tools.pdf(shipment.bundle, shipment.language)
        made = [self._document_reference(shipment, child, pdf) for child in minimised.children(shipment.bundle) or [{}]]
        entries = [_entry(one) for one in made]
        if not self._inline:
            binary = _binary(shipment, pdf)
            request = {"method": "PUT", "url": f"Binary/{binary['id']}"}
            entries.append({"fullUrl": f"urn:uuid:{binary['id']}", "resource": binary, "request": request})
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    def _document_reference(self, shipment: Shipment, child: Json, pdf: bytes) -> Json:
        stable = f"urn:uuid:{minimised.named(shipment, 'DocumentReference', child.get('id', ''))}"
        current = f"urn:uuid:{minimised.named(shipment, stable, shipment.version)}"
        made: Json = {
            "resourceType": "DocumentReference",
            "masterIdentifier": {"system": minimised.URI, "value": current},
            "identifier": [{"system": minimised.URI, "value": one} for one in (stable, _group(shipment))],
            "status": "current",
            "type": _TYPE,
            "date": minimised.instant(shipment.created),
            "securityLabel": [_RESTRICTED],
            "content": [{"attachment": self._attachment(shipment, pdf)}],
        }
        if subject := _subject(child):
            made["subject"] = subject
        if owner := minimised.controller(shipment.bundle):
            made["custodian"] = {"identifier": owner["identifier"]} | (
                {"display": owner["name"]} if owner["name"] else {}
            )
        if title := string(minimised.plan(shipment.bundle), "title"):
            made["description"] = title
        return made

    def _attachment(self, shipment: Shipment, pdf: bytes) -> Json:
        where = {"data": _base64(pdf)} if self._inline else {"url": f"Binary/{_binary_id(shipment)}"}
        # SHA-1 is what R4 asks for here; it protects nothing.
        digest = hashlib.sha1(pdf, usedforsecurity=False).digest()
        return {
            "contentType": _PDF,
            "language": shipment.language,
            **where,
            "size": len(pdf),
            "hash": _base64(digest),
            "creation": minimised.instant(shipment.created),
        }


def make(settings: ReceiverSettings) -> FhirDocument:
    """The receiver of these settings."""
    return FhirDocument(settings)


def _group(shipment: Shipment) -> str:
    """What the references of all children of one plan have in common."""
    return f"urn:uuid:{minimised.named(shipment, 'DocumentReference')}"


def _entry(resource: Json, held: str = "") -> Json:
    """A DocumentReference written over the one with its first identifier, or over the one that is `held`."""
    stable = resource["identifier"][0]["value"]
    where = f"DocumentReference/{held}" if held else f"DocumentReference?identifier={_token(stable)}"
    return {"fullUrl": stable, "resource": resource, "request": {"method": "PUT", "url": where}}


def _emptied(held: Json) -> Json:
    """What the receiver has, without what it says; whose it is stays, so that it still stands where it stood."""
    kept = {name: value for name, value in held.items() if name not in ("meta", "text", "description", "content")}
    return kept | {"status": "entered-in-error", "content": [{"attachment": {"contentType": _PDF}}]}


def _document_name(shipment: Shipment) -> str:
    return f"urn:uuid:{minimised.named(shipment, shipment.payload, shipment.version)}"


def _binary(shipment: Shipment, pdf: bytes) -> Json:
    return {"resourceType": "Binary", "id": _binary_id(shipment), "contentType": _PDF, "data": _base64(pdf)}


def _binary_id(shipment: Shipment) -> str:
    return minimised.named(shipment, "Binary")


def _subject(child: Json) -> Json | None:
    """The child by an identifier that the receiver knows as well; its own Patient has an id that we do not know."""
    for system in (minimised.PERSONAL_CODE, minimised.LEARNER):
        if value := minimised.identifier(child, system):
            return {"type": "Patient", "identifier": {"system": system, "value": value}}
    first = next(iter(objects(child, "identifier")), None)
    return {"type": "Patient", "identifier": first} if first else None


def _all_taken(answer: Answer) -> Receipt:
    if answer.status != 200:
        raise refusal(answer)
    made = answer.json()
    entries = objects(made, "entry")
    statuses = [string(part(one, "response"), "status")[:3] for one in entries]
    if not statuses or not all(one in ("200", "201", "204") for one in statuses):
        raise unconfirmed(answer.status)
    return Receipt(str(answer.status), _local(string(part(entries[0], "response"), "location")))


def _local(location: str) -> str:
    """`Type/id` at the end of an address, without its version."""
    steps = location.partition("/_history/")[0].rstrip("/").split("/")
    return "/".join(steps[-2:]) if len(steps) >= 2 else ""


def _token(value: str) -> str:
    return f"{quote(minimised.URI, safe='')}%7C{quote(value, safe='')}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
