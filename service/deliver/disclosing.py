"""What is written down when a receiver has confirmed: the row of the log that the law asks for, and a Provenance.

703/2023 10 § 3 mom: what was given, whose it was, who gave it, to whom, when, for what, by which provision or consent.
https://hl7.org/fhir/R4/auditevent.html, https://hl7.org/fhir/R4/provenance.html
"""

import hashlib
import uuid
from datetime import datetime
from typing import Any

from service.deliver.outdated import references
from service.deliver.receivers.base import Receipt
from service.deliver.shipments import Ready
from service.deliver.words import purpose
from service.fhir.json import encode
from service.policy import Basis
from service.store.audit import Detail, Event
from service.store.outbox import WITHDRAWAL

CLIENT = "delivery"
DISCLOSURE = "disclosure"
_NAMESPACE = uuid.UUID("5cb1ad2e-98b5-4d1e-a6d5-3f0fd3d0f1a7")
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_DISCLOSED = {"coding": [{"system": _LIFECYCLE, "code": "disclose", "display": "Disclose Record Lifecycle Event"}]}
_ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_OID = "urn:ietf:rfc:3986"
_HASH = "https://yhdessa.example/fhir/StructureDefinition/payload-hash"


class Told:
    """One confirmed delivery, in the words of the rows in which it is written down; each worked out once.

    `digests` are the SHA-256 of the exact bytes of each part that left, in hexadecimal, `version` that of the plan that
    was sent (of a plan that has changed since its row was written, the newer one), `gone` the references of what the
    recipient had of earlier versions and is taken back with this one.
    """

    def __init__(self, ready: Ready, receipt: Receipt, at: datetime) -> None:
        self.ready = ready
        self.receipt = receipt
        self.at = at
        self.row = ready.claim.row
        self.recipient = ready.shipment.recipient
        self.digests = tuple(hashlib.sha256(part.body).hexdigest() for part in receipt.parts or ready.parts)
        self.gone = references(ready.shipment.outdated) if ready.shipment.outdated else ()
        self._given = [(f"{one.type}/{one.id}", one.version) for one in ready.given]
        self.version = next((own for one, own in self._given if one == self.row.reference), self.row.version)
        given = (one.purpose or purpose(self.recipient.sector) for one in ready.bases)
        self._purposes = list(dict.fromkeys(one.replace("; ", ", ") for one in given))

    def contents(self) -> bytes:
        """The references and versions of what was given, as the outbox keeps them."""
        return encode(self._given)

    def event(self) -> Event:
        """The disclosure, or the withdrawal, as a row of the use log; its time is that of the log's row."""
        ready, row = self.ready, self.row
        own = (reference for reference, _ in self._given)
        is_withdrawal = row.payload == WITHDRAWAL
        detail = Detail(
            interaction=WITHDRAWAL if is_withdrawal else DISCLOSURE,
            entities=tuple(sorted({row.reference, *own, *self.gone} - set(ready.patients))),
            patients=ready.patients,
            request=self._plan(),
            description=self._described(),
            provider=ready.organisation,
            recipient=self.recipient.organisation,
            purpose="; ".join(self._purposes),
            # The permission itself names no provision: then it is the one by which its kind is a ground at all.
            basis="; ".join(dict.fromkeys(f"{one.kind} {one.reference}: {_plain(one, ready)}" for one in ready.bases)),
            digests=self.digests,
            confirmed=" ".join(part for part in (self.receipt.status, self.receipt.reference) if part),
        )
        return Event(CLIENT, ready.organisation, "D" if is_withdrawal else "R", "0", detail)

    def provenance(self) -> dict[str, Any]:
        """The Provenance of a disclosure, which belongs to the organisation that gave."""
        row, ready = self.row, self.ready
        made: dict[str, Any] = {
            "resourceType": "Provenance",
            "id": str(uuid.uuid5(_NAMESPACE, f"{row.receiver} {row.reference} {row.created} {row.turn} {row.id}")),
            "target": [{"reference": self._plan()}],
            "recorded": self.at.isoformat(timespec="milliseconds"),
            "policy": _policies(ready),
            "activity": _DISCLOSED,
            "agent": [
                _agent(_ROLES, "custodian", ready.organisation, ""),
                _agent(_PARTICIPATION, "IRCP", self.recipient.organisation, self.recipient.name),
            ],
            "entity": [{"role": "derivation", "what": _what(digest, self.receipt)} for digest in self.digests],
            "reason": [{"text": one} for one in self._purposes],
        }
        return {name: value for name, value in made.items() if value}

    def _plan(self) -> str:
        return f"{self.row.reference}/_history/{self.version}"

    def _described(self) -> str:
        """In words that the print-out can translate: the payload, version, parts, what it takes back."""
        parts = sorted({part for one in self.ready.bases for part in one.parts})
        told = f"{self.row.payload} {self.version}"
        told = f"{told}: {', '.join(parts)}" if parts else told
        return f"{told}; taken back: {' '.join(self.gone)}" if self.gone else told


def _plain(basis: Basis, ready: Ready) -> str:
    return (basis.provision or ready.law).replace("; ", ", ")


def _policies(ready: Ready) -> list[str]:
    """The provisions that are addresses; in words they stand in the use log."""
    provisions = (word for one in ready.bases for word in one.provision.split())
    return list(dict.fromkeys(one for one in provisions if one.startswith(("http://", "https://"))))


def _agent(system: str, code: str, organisation: str, name: str) -> dict[str, Any]:
    who: dict[str, Any] = {"identifier": {"system": _OID, "value": f"urn:oid:{organisation}"}}
    return {
        "type": {"coding": [{"system": system, "code": code}]},
        "who": who | ({"display": name} if name else {}),
    }


def _what(digest: str, receipt: Receipt) -> dict[str, Any]:
    """The exact bytes that left, by their hash, and where the receiver has them now."""
    made: dict[str, Any] = {"identifier": {"system": _HASH, "value": f"sha256:{digest}"}}
    return made | ({"display": receipt.reference} if receipt.reference else {})
