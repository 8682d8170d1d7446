"""Datatypes, written by hand: what a programmer puts under all the rest."""

from typing import Any

from service import assets
from service.fhir import json

Json = dict[str, Any]

ROOT = "https://yhdessa.example/fhir"
OURS = f"{ROOT}/StructureDefinition"
FI_BASE = "https://hl7.fi/fhir/finnish-base-profiles"
FI_SCHEDULING = "https://hl7.fi/fhir/finnish-scheduling"
HL7 = "http://terminology.hl7.org/CodeSystem"
MUNICIPALITIES = "urn:oid:1.2.246.537.6.21"
HETU = "urn:oid:1.2.246.21"


def _codes(name: str) -> dict[str, Json]:
    """The Codings of the source's codes, from one of the code tables."""
    table = json.parse((assets.mappings() / "base" / "concepts" / f"{name}.json").read_bytes())
    return {
        row["code"]: compact({"system": group["target"], **row["target"][0], "equivalence": None})
        for group in table["group"]
        for row in group["element"]
    }


def compact(fields: Json) -> Json:
    """Without the fields that are None."""
    return {name: value for name, value in fields.items() if value is not None}


MODELS = _codes("working-model")
ENVIRONMENTS = _codes("environment")
ACTIVITY_STATUSES = _codes("activity-status")
CONTACT_METHODS = _codes("contact-method")
NOTE_KINDS = _codes("note-kind")
DIRECTIONS = _codes("direction")
PLAN_PARTS = _codes("plan-part")
PERMISSION_KINDS = _codes("permission-kind")
PERMISSION_POLICIES = _codes("permission-policy")
PERMISSION_METHODS = _codes("permission-method")
CONSENT_STATUSES = _codes("consent-status")
PROFESSIONS = _codes("profession")
SECTORS = _codes("sector")
REGISTERS = _codes("organisation-identifier-system")
RELATIONS = _codes("family-relation")
RELATIONS_V3 = _codes("family-relation-v3")
RESTRICTIONS = _codes("restriction-parent")
CUSTODIANS = _codes("custodian-type")
APPOINTMENT_STATUSES = _codes("appointment-status")
NATIONAL_STATUSES = _codes("ajanvarauksen-tila")


def concept(coding: Json) -> Json:
    return {"coding": [{**coding}]}


def code(system: str, value: str) -> Json:
    return {"coding": [{"system": system, "code": value}]}


def extension(url: str, **value: Any) -> Json:
    return {"url": url, **value}


def part(url: str, name: str, value: Any) -> list[Json]:
    return [] if value is None else [{"url": url, name: value}]


def reference(ref: Json) -> Json:
    return {"reference": ref["reference"]}


def references(refs: list[Json] | None) -> list[Json] | None:
    return [{"reference": ref["reference"]} for ref in refs] if refs else None


def optional(ref: Json | None) -> Json | None:
    return {"reference": ref["reference"]} if ref else None


def cross_reference(ref: Json, doc: Json) -> Json:
    return {"reference": ref["reference"], "identifier": source_identifier(ref["id"], doc)}


def source_identifier(value: str, doc: Json) -> Json:
    return {"use": "usual", "system": doc["source"]["system"], "value": value}


def names(name: Json) -> list[Json]:
    text = f"{' '.join(name['given'])} {name['family']}"
    found: list[Json] = [{"use": "official", "text": text, "family": name["family"], "given": [*name["given"]]}]
    if "call" in name:
        found.append({"use": "usual", "given": [name["call"]]})
    return found


def telecom(one: Json) -> Json:
    point = compact({"system": one["system"], "value": one["value"], "use": one.get("use")})
    if "hours" in one:
        point["extension"] = [extension(f"{OURS}/telecom-hours", valueString=one["hours"])]
    return point


def telecoms(holder: Json) -> list[Json] | None:
    return [telecom(one) for one in holder["telecom"]] if holder.get("telecom") else None


def address(one: Json | None, use: str | None = None) -> list[Json] | None:
    if one is None:
        return None
    lines = [*one["lines"]] if one.get("lines") else None
    rest = {"city": one["city"], "postalCode": one.get("postalCode"), "country": one.get("country")}
    return [compact({"use": use, "line": lines, **rest})]


def period(start: str | None, end: str | None) -> Json | None:
    return compact({"start": start, "end": end}) if start or end else None


def also_concerns(children: list[Json]) -> list[Json]:
    return [extension(f"{OURS}/also-concerns", valueReference=reference(child)) for child in children]


def author(person: Json | None, doc: Json) -> Json | None:
    if person is None:
        return None
    if "practitioner" not in person:
        return reference(person)
    return {"reference": person["practitioner"], "identifier": source_identifier(person["id"], doc)}
