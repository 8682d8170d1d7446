"""What every kind of receiver needs of a shipment: whom it is about, whose it is, what permits it, stable names."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from service.clock import HELSINKI
from service.deliver.receivers.base import Json, Shipment
from service.fhir.reading import extensions, objects, part, parts, string

NAMESPACE = uuid.UUID("0e0c5c1f-6b0b-5e0e-9c53-5b7a0e1d7c11")
BASE = "https://yhdessa.example/fhir"
URI = "urn:ietf:rfc:3986"
PERSONAL_CODE = "urn:oid:1.2.246.21"
LEARNER = "urn:oid:1.2.246.562.24"
WITHDRAWAL = "withdrawal"


def named(shipment: Shipment, *what: object) -> str:
    """A UUID that `what` of this plan always has for this recipient, and nothing of anybody else."""
    seed = [shipment.reference, shipment.recipient.organisation, *map(str, what)]
    return str(uuid.uuid5(NAMESPACE, "\n".join(seed)))


def short(shipment: Shipment) -> str:
    """Twelve digits for the plan at this recipient, from which nothing can be told."""
    return hashlib.sha256(named(shipment, "short").encode()).hexdigest()[:12]


def resources(bundle: Json) -> list[Json]:
    """What the Bundle holds, in its order."""
    return [resource for entry in objects(bundle, "entry") if (resource := part(entry, "resource"))]


def plan(bundle: Json) -> Json:
    """The CarePlan, which stands first."""
    return resources(bundle)[0]


def children(bundle: Json) -> list[Json]:
    """The Patients that the plan is about: its subject first, then those it concerns as well."""
    found = {reference(one): one for one in resources(bundle) if one["resourceType"] == "Patient"}
    wanted = [string(part(plan(bundle), "subject"), "reference")]
    wanted += [string(part(one, "valueReference"), "reference") for one in extensions(plan(bundle), "also-concerns")]
    named_first = [found[one] for one in dict.fromkeys(wanted) if one in found]
    return named_first or list(found.values())


def protected(shipment: Shipment) -> bool:
    """Whether anybody of the family has a non-disclosure for safety (turvakielto)."""
    labels = (label for one in resources(shipment.bundle) for label in objects(part(one, "meta"), "security"))
    return shipment.protected or any(string(label, "code").upper() == "TURVAKIELTO" for label in labels)


def identifier(resource: Json, system: str) -> str | None:
    """The value that the resource has in `system`."""
    return next((string(one, "value") for one in objects(resource, "identifier") if one.get("system") == system), None)


def controller(bundle: Json) -> Json | None:
    """Whose register the plan is of: OID and name, as the Provenance says, or the team's organisation."""
    for one in resources(bundle):
        for agent in objects(one, "agent") if one["resourceType"] == "Provenance" else ():
            codes = [string(coding, "code") for coding in objects(part(agent, "type"), "coding")]
            if {"CST", "custodian"} & set(codes):
                who = part(agent, "who")
                return {"oid": _bare(string(part(who, "identifier"), "value")), "name": string(who, "display")}
    held = {reference(one): one for one in resources(bundle)}
    for team in (one for one in held.values() if one["resourceType"] == "CareTeam"):
        for managing in objects(team, "managingOrganization"):
            if organisation := held.get(string(managing, "reference")):
                return {"oid": _oid(organisation), "name": string(organisation, "name")}
    return None


def bases(bundle: Json) -> Iterator[Json]:
    """What permits the disclosure, as far as the minimised Bundle says: its Consents and its statutory grounds."""
    for one in resources(bundle):
        if one["resourceType"] == "Consent":
            kinds = [string(coding, "code") for kind in objects(one, "category") for coding in objects(kind, "coding")]
            kind = next((code for code in kinds if code in ("luovutuslupa", "suostumus")), "permission")
            yield {"kind": kind, "reference": reference(one), "given": string(one, "dateTime")}
    for ground in extensions(plan(bundle), "statutory-disclosure"):
        found = parts(ground)
        provision = next((text for text in found.get("provision", ()) if isinstance(text, str)), "")
        purpose = next((text for text in found.get("purpose", ()) if isinstance(text, str)), "")
        yield {"kind": "statutory", "provision": provision, "purpose": purpose}


def instant(moment: datetime) -> str:
    """A FHIR instant in Helsinki time, to the second."""
    return moment.astimezone(HELSINKI).isoformat(timespec="seconds")


def reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def _oid(organisation: Json) -> str:
    values = (string(one, "value") for one in objects(organisation, "identifier"))
    return next((_bare(value) for value in values if value.startswith("urn:oid:")), "")


def _bare(value: Any) -> str:
    return str(value).removeprefix("urn:oid:")
