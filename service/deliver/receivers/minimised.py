"""What every kind of receiver needs of a shipment: whom it is about, whose it is, what permits it, stable names."""

import hashlib
import uuid
from datetime import datetime

from service.clock import HELSINKI
from service.deliver.receivers.base import Json, Shipment
from service.fhir.reading import extensions, objects, part, string

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
    """Whose register the plan is of: `identifier`, `oid` and `name`, as the Provenance says, or the team."""
    for one in resources(bundle):
        for agent in objects(one, "agent") if one["resourceType"] == "Provenance" else ():
            codes = [string(coding, "code") for coding in objects(part(agent, "type"), "coding")]
            if {"CST", "custodian"} & set(codes):
                who = part(agent, "who")
                return _owner(part(who, "identifier"), string(who, "display"))
    held = {reference(one): one for one in resources(bundle)}
    for team in (one for one in held.values() if one["resourceType"] == "CareTeam"):
        for managing in objects(team, "managingOrganization"):
            if organisation := held.get(string(managing, "reference")):
                return _owner(_official(organisation), string(organisation, "name"))
    return None


def instant(moment: datetime) -> str:
    """A FHIR instant in Helsinki time, to the second."""
    return moment.astimezone(HELSINKI).isoformat(timespec="seconds")


def reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def _owner(identifier: Json, name: str) -> Json | None:
    value = string(identifier, "value")
    if not value:
        return None
    # As it is written where it came from: what is written otherwise would be a text that did not come with the plan.
    named = {key: identifier[key] for key in ("system", "value") if key in identifier}
    return {"identifier": named, "oid": value.removeprefix("urn:oid:"), "name": name}


def _official(organisation: Json) -> Json:
    found = objects(organisation, "identifier")
    return next((one for one in found if string(one, "value").startswith("urn:oid:")), {})
