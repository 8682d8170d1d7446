"""A FHIR server that takes a transaction: one POST, each resource written to its stable identifier, all or nothing.

It adapts to the server's CapabilityStatement: without conditional writes each resource is written under our id for it;
without transactions one after the other, what others refer to first.
https://hl7.org/fhir/R4/http.html#transaction
"""

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from service.deliver.capabilities import FHIR, Capabilities, Write, learn
from service.deliver.entries import BY_TAG, criteria, entries, ordered, reference, transaction, without
from service.deliver.receivers.base import Json, Part, Receipt, ReceiverSettings, Shipment, Tools, TransportError
from service.deliver.session import open_session
from service.deliver.transport import Answer, exchange, refusal, unconfirmed
from service.issues import Issue, issue
from service.strict_toml import Key

OPTIONS: Mapping[str, Key] = {
    "write": Key(
        "text",
        "How resources are written: by searching for our identifier, or under our ids. Unset: as the server can.",
        choices=("conditional", "by-id"),
    ),
    "leave_out": Key("texts", "Types that are left out where the server cannot take them.", default="`Provenance`"),
    "withdraw": Key(
        "text",
        "How what was given is taken back: marked as entered in error, or deleted.",
        default="mark",
        choices=("mark", "delete"),
    ),
}
_HEADERS = {"Accept": FHIR, "Content-Type": FHIR, "Prefer": "return=minimal"}
_WITHDRAWAL = "withdrawal"


class FhirTransaction:
    """See `base.Receiver`."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self.settings = settings
        self._known: Capabilities | None = None

    def connect(self) -> requests.Session:
        return open_session(self.settings)

    def prepare(self, session: requests.Session) -> None:
        self._known = learn(session, self.settings.limits, self.settings.url)
        self._write(self._known)

    def parts(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        known = self._capabilities()
        return self._parts(self._taken(shipment, known), known)

    def send(self, shipment: Shipment, parts: tuple[Part, ...], session: requests.Session) -> Receipt:
        if shipment.payload == _WITHDRAWAL:
            return self._take_back(shipment, session)
        return self._sent(shipment.reference, parts, session)

    def check(self, session: requests.Session) -> list[Issue]:
        try:
            self.prepare(session)
        except TransportError as error:
            return [error.issue]
        known = self._capabilities()
        missing = [name for name in ("CarePlan", "Patient") if name not in known.types]
        return [issue("deliver.unsupported", type=name) for name in missing]

    def _taken(self, shipment: Shipment, known: Capabilities) -> list[Json]:
        """What of the shipment the receiver takes, in the order in which it is sent."""
        # What is outdated is marked in the same transaction: the receiver never has half of two versions.
        bundles = (shipment.bundle, shipment.outdated or {"entry": []})
        resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
        unknown = {one["resourceType"] for one in resources} - known.types.keys()
        if self._write(known) == "conditional":
            unknown |= {name for name in BY_TAG & known.types.keys() if "_tag" not in known.types[name].searches}
        refused = sorted(unknown - set(self.settings.options.get("leave_out", ("Provenance",))))
        if refused:
            raise TransportError(issue("deliver.unsupported", type=refused[0]), permanent=True, whole=False, sent=False)
        return ordered(without(resources, unknown))

    def _parts(self, resources: Sequence[Json], known: Capabilities) -> tuple[Part, ...]:
        every = entries(resources, self.settings.url, self._write(known))
        references = tuple(map(reference, resources))
        if known.transaction:
            return (Part("", FHIR, transaction(every), references),)
        return tuple(Part(one.url, FHIR, one.body, (own,)) for one, own in zip(every, references, strict=True))

    def _sent(self, wanted: str, parts: Sequence[Part], session: requests.Session) -> Receipt:
        # As they were made: meanwhile another thread may have learnt that the receiver can do something else.
        if [one.name for one in parts] != [""]:
            return self._one_by_one(wanted, parts, session)
        (whole,) = parts
        answer = self._exchange(session, "POST", self.settings.url, whole.body)
        if answer.status != 200:
            raise refusal(answer)
        return _confirmed(answer, whole.holds, wanted)

    def _one_by_one(self, wanted: str, parts: Sequence[Part], session: requests.Session) -> Receipt:
        receipt = Receipt("200", wanted)
        for number, part in enumerate(parts):
            answer = self._exchange(session, "PUT", f"{self.settings.url}/{part.name}", part.body)
            if answer.status not in (200, 201):
                raise _in_the_middle(refusal(answer), number == 0)
            if wanted in part.holds:
                receipt = Receipt(str(answer.status), _local(answer.headers.get("location", wanted)))
        return receipt

    def _take_back(self, shipment: Shipment, session: requests.Session) -> Receipt:
        """Only what the receiver has is taken back: nothing else shall come into being there, not even as withdrawn."""
        known = self._capabilities()
        resources = self._taken(shipment, known)
        marks = self.settings.options.get("withdraw") != "delete"
        here = self._there(resources, known, session)
        # Written as a whole: where the plan itself is not, the rest came with others.
        if not here or (marks and known.transaction and shipment.reference not in here):
            return Receipt("absent")
        some = [one for one in resources if reference(one) in here]
        if marks:
            parts = self._parts(some, known)
            receipt = self._sent(shipment.reference, parts, session)
            return Receipt(receipt.status, receipt.reference, parts)
        for one in reversed(some):
            answer = self._exchange(session, "DELETE", f"{self.settings.url}/{here[reference(one)]}", None)
            if answer.status not in (200, 202, 204, 404, 410):
                raise refusal(answer)
        return Receipt("deleted", here.get(shipment.reference, ""))

    def _there(self, resources: Sequence[Json], known: Capabilities, session: requests.Session) -> dict[str, str]:
        """Which of our resources the receiver has a copy of, and under which reference."""
        if self._write(known) == "by-id":
            return {reference(one): reference(one) for one in resources if self._has(reference(one), session)}
        found = ((reference(one), self._search(one, session)) for one in resources)
        return {own: there for own, there in found if there}

    def _has(self, where: str, session: requests.Session) -> bool:
        answer = self._exchange(session, "GET", f"{self.settings.url}/{where}", None)
        if answer.status in (404, 410):
            return False
        if answer.status != 200:
            raise refusal(answer)
        return True

    def _search(self, one: Json, session: requests.Session) -> str:
        """The reference of the receiver's copy of a resource; "" where it has none."""
        kind = one["resourceType"]
        answer = self._exchange(session, "GET", f"{self.settings.url}/{kind}?{criteria(one)}", None)
        if answer.status != 200:
            raise refusal(answer)
        bundle = answer.json()
        if not isinstance(bundle, dict) or bundle.get("type") != "searchset":
            raise unconfirmed(answer.status)
        matches = [one.get("resource", {}) for one in _rows(bundle.get("entry"))]
        return next((f"{kind}/{match.get('id')}" for match in matches if match.get("resourceType") == kind), "")

    def _exchange(self, session: requests.Session, method: str, url: str, body: bytes | None) -> Answer:
        headers = _HEADERS if body is not None else {"Accept": FHIR}
        return exchange(session, self.settings.limits, method, url, body, headers)

    def _capabilities(self) -> Capabilities:
        """What is known now; asked once for each shipment, since another thread may learn something else."""
        if self._known is None:
            raise TransportError(issue("deliver.no-fhir", what="metadata"), sent=False)
        return self._known

    def _write(self, known: Capabilities) -> Write:
        chosen: Write | None = self.settings.options.get("write") or known.write(frozenset(known.types) & _USED)
        if chosen is None or (chosen == "conditional" and not known.transaction):
            raise TransportError(issue("deliver.capability"), sent=False)
        return chosen


_USED = frozenset({
    "Appointment", "CarePlan", "CareTeam", "Consent", "Goal", "Location", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task",
})  # fmt: skip


def make(settings: ReceiverSettings) -> FhirTransaction:
    return FhirTransaction(settings)


def _confirmed(answer: Answer, references: Sequence[str], wanted: str) -> Receipt:
    """What the server did with the entry of the plan; each entry must say that it was done."""
    bundle = answer.json()
    if not isinstance(bundle, dict) or bundle.get("type") != "transaction-response":
        raise unconfirmed(answer.status)
    rows = bundle.get("entry")
    responses = [_response(row) for row in rows] if isinstance(rows, list) else []
    if len(responses) != len(references) or not all(_done(one) for one in responses):
        raise unconfirmed(answer.status)
    for own, response in zip(references, responses, strict=True):
        if own == wanted:
            return Receipt(str(response["status"])[:3], _local(str(response.get("location", ""))))
    return Receipt("200")


def _response(row: Any) -> Mapping[str, Any]:
    found = row.get("response") if isinstance(row, dict) else None
    return found if isinstance(found, dict) else {}


def _done(response: Mapping[str, Any]) -> bool:
    return str(response.get("status", ""))[:3] in ("200", "201", "204")


def _local(location: str) -> str:
    """The relative reference, with its version, at the end of an address."""
    steps = location.split("/")
    if "_history" in steps and steps.index("_history") >= 2:
        at = steps.index("_history")
        return "/".join(steps[at - 2 : at + 2])
    return "/".join(steps[-2:])


def _rows(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _in_the_middle(error: TransportError, is_first: bool) -> TransportError:
    """Of several writes some were done already."""
    return TransportError(
        error.issue,
        permanent=error.permanent,
        whole=error.whole,
        retry_after=error.retry_after,
        status=error.status,
        sent=error.sent or not is_first,
    )
