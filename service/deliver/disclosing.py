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
_ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_OID = "urn:ietf:rfc:3986"
_HASH = "https://yhdessa.example/fhir/StructureDefinition/payload-hash"


def event(ready: Ready, receipt: Receipt) -> Event:
    """The disclosure, or the withdrawal, as a row of the use log; its time is that of the log's row."""
    row = ready.claim.row
    plan = f"{row.reference}/_history/{_version(ready)}"
    own = (f"{one.type}/{one.id}" for one in ready.given)
    detail = Detail(
        interaction=WITHDRAWAL if row.payload == WITHDRAWAL else DISCLOSURE,
        entities=tuple(sorted({row.reference, *own, *no_longer(ready)} - set(ready.patients))),
        patients=ready.patients,
        request=plan,
        description=described(ready),
        provider=ready.organisation,
        recipient=ready.shipment.recipient.organisation,
        purpose="; ".join(_purposes(ready)),
        # The permission itself names no provision: then it is the one by which its kind is a ground at all.
        basis="; ".join(dict.fromkeys(f"{one.kind} {one.reference}: {_plain(one, ready)}" for one in ready.bases)),
        digests=digests(ready, receipt),
        confirmed=" ".join(part for part in (receipt.status, receipt.reference) if part),
    )
    return Event(CLIENT, ready.organisation, "D" if row.payload == WITHDRAWAL else "R", "0", detail)


def digests(ready: Ready, receipt: Receipt) -> tuple[str, ...]:
    """SHA-256 of the exact bytes of each part that left, in hexadecimal."""
    return tuple(hashlib.sha256(part.body).hexdigest() for part in receipt.parts or ready.parts)


def described(ready: Ready) -> str:
    """What was given, in words that the print-out can translate: the payload, version, parts, what it takes back."""
    parts = sorted({part for one in ready.bases for part in one.parts})
    told = f"{ready.claim.row.payload} {_version(ready)}"
    told = f"{told}: {', '.join(parts)}" if parts else told
    gone = no_longer(ready)
    return f"{told}; taken back: {' '.join(gone)}" if gone else told


def no_longer(ready: Ready) -> tuple[str, ...]:
    """The references of what the recipient had of earlier versions and is taken back with this one."""
    return references(ready.shipment.outdated) if ready.shipment.outdated else ()


def contents(ready: Ready) -> bytes:
    """The references and versions of what was given, as the outbox keeps them."""
    return encode([[f"{one.type}/{one.id}", one.version] for one in ready.given])


def provenance(ready: Ready, receipt: Receipt, now: datetime) -> dict[str, Any]:
    """The Provenance of a disclosure, which belongs to the organisation that gave."""
    row = ready.claim.row
    recipient = ready.shipment.recipient
    made: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": str(uuid.uuid5(_NAMESPACE, f"{row.receiver} {row.reference} {row.created} {row.turn} {row.id}")),
        "target": [{"reference": f"{row.reference}/_history/{_version(ready)}"}],
        "recorded": now.isoformat(timespec="milliseconds"),
        "policy": _policies(ready),
        "activity": {
            "coding": [{"system": _LIFECYCLE, "code": "disclose", "display": "Disclose Record Lifecycle Event"}]
        },
        "agent": [
            _agent(_ROLES, "custodian", ready.organisation, ""),
            _agent(_PARTICIPATION, "IRCP", recipient.organisation, recipient.name),
        ],
        "entity": [{"role": "derivation", "what": _what(digest, receipt)} for digest in digests(ready, receipt)],
    }
    made["reason"] = [{"text": one} for one in _purposes(ready)]
    return {name: value for name, value in made.items() if value}


def _version(ready: Ready) -> int:
    """The version of the plan that was sent: of a plan that has changed since its row was written, the newer one."""
    sent = [one.version for one in ready.given if f"{one.type}/{one.id}" == ready.claim.row.reference]
    return sent[0] if sent else ready.claim.row.version


def _purposes(ready: Ready) -> list[str]:
    given = (one.purpose or purpose(ready.shipment.recipient.sector) for one in ready.bases)
    return list(dict.fromkeys(one.replace("; ", ", ") for one in given))


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
