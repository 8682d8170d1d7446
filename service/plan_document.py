"""A shared plan as a FHIR document: a Bundle that begins with a Composition and holds all that it refers to.

https://hl7.org/fhir/R4/documents.html, https://hl7.org/fhir/R4/composition.html
"""

import html
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_AUTHORS = ("Practitioner", "PractitionerRole", "Device", "Patient", "RelatedPerson", "Organization")
_TYPE = {
    "coding": [{"system": "http://loinc.org", "code": "18776-5", "display": "Plan of care note"}],
}
# The sections after the plan itself: which type each holds, and what it is called.
SECTIONS = (
    ("Goal", {"fi": "Tarpeet", "sv": "Behov", "en": "Needs"}),
    ("CareTeam", {"fi": "Tiimi", "sv": "Team", "en": "Team"}),
    ("Appointment", {"fi": "Tapaamiset", "sv": "Möten", "en": "Meetings"}),
    ("Task", {"fi": "Toimet", "sv": "Åtgärder", "en": "Measures"}),
    ("ServiceRequest", {"fi": "Palvelut", "sv": "Tjänster", "en": "Services"}),
    ("QuestionnaireResponse", {"fi": "Arviointi ja palaute", "sv": "Bedömning och respons", "en": "Assessment"}),
)
_PLAN = {"fi": "Yhteinen suunnitelma", "sv": "Gemensam plan", "en": "Shared plan"}


def document(plan: Json, others: Iterable[Json], base: str, timestamp: str) -> Json:
    """The document of `plan`, with those of `others` that it leads to, and what these lead to.

    `base` is the address under which the resources are found, `timestamp` a FHIR instant.
    """
    by_reference = {_reference(one): one for one in (plan, *others)}
    composition = _composition(plan, by_reference)
    entries = [composition, *_reached(composition, by_reference)]
    seed = f"{base}/{_reference(plan)}/{plan.get('meta', {}).get('versionId', '')}"
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid5(_NAMESPACE, seed + timestamp)}"},
        "type": "document",
        "timestamp": timestamp,
        "entry": [{"fullUrl": f"{base}/{_reference(one)}", "resource": one} for one in entries],
    }


def _composition(plan: Json, by_reference: Mapping[str, Json]) -> Json:
    spoken = plan.get("language", "fi")[:2]
    language = spoken if spoken in _PLAN else "fi"
    here = [one for one in _near(plan, by_reference) if one is not plan]
    made: Json = {
        "resourceType": "Composition",
        "id": str(uuid.uuid5(_NAMESPACE, f"Composition of {_reference(plan)}")),
        "language": plan.get("language", language),
        "status": "entered-in-error" if plan.get("status") == "entered-in-error" else "final",
        "type": _TYPE,
        "subject": plan["subject"],
        "date": plan.get("created") or plan.get("meta", {}).get("lastUpdated"),
        "author": _authors(plan, by_reference),
        "title": plan.get("title") or _PLAN[language],
    }
    sections = [_section(_PLAN[language], [plan], plan.get("text"))]
    for type_name, titles in SECTIONS:
        found = [one for one in here if one["resourceType"] == type_name]
        if found:
            sections.append(_section(titles[language], found))
    return made | {"section": sections}


def _near(plan: Json, by_reference: Mapping[str, Json]) -> list[Json]:
    """What the plan itself refers to, and what refers to the plan or to its meetings."""
    direct = [by_reference[one] for one in _references(plan) if one in by_reference]
    about = {_reference(plan)}
    back = [one for one in by_reference.values() if one not in direct and about & set(_references(one))]
    return direct + back


def _authors(plan: Json, by_reference: Mapping[str, Json]) -> list[Json]:
    """Who answers for the plan: its author, else who contributed, else an organisation, else its subject."""
    for candidates in ([plan.get("author")], plan.get("contributor", ())):
        found = [one for one in candidates if one and one.get("reference", "").partition("/")[0] in _AUTHORS]
        if found:
            return found
    organisations = [one for one in by_reference if one.startswith("Organization/")]
    return [{"reference": organisations[0]}] if organisations else [plan["subject"]]


def _section(title: str, found: Sequence[Json], text: Json | None = None) -> Json:
    return {
        "title": title,
        "text": text or {"status": "generated", "div": _listed(found)},
        "entry": [{"reference": _reference(one)} for one in found],
    }


def _listed(found: Iterable[Json]) -> str:
    rows = "".join(f"<li>{html.escape(_line(one), quote=False)}</li>" for one in found)
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><ul>{rows}</ul></div>'


def _line(one: Json) -> str:
    """A resource in a few words, as it says itself."""
    kind = one["resourceType"]
    if kind == "Goal":
        return _words(one.get("description"))
    if kind == "CareTeam":
        roles = (_words(role) for row in one.get("participant", ()) for role in row.get("role", ()))
        return ", ".join([one.get("name", ""), *dict.fromkeys(roles)]).strip(", ") or kind
    if kind == "Appointment":
        return " – ".join(part for part in (one.get("start", ""), one.get("description", "")) if part) or kind
    if kind == "QuestionnaireResponse":
        return " ".join(part for part in (one.get("authored", ""), one.get("status", "")) if part)
    return _words(one.get("code")) or one.get("description", "") or kind


def _words(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = (one.get("display") or one.get("code", "") for one in concept.get("coding", ()))
    return concept.get("text") or next((one for one in codings if one), "")


def _reached(start: Json, by_reference: Mapping[str, Json]) -> list[Json]:
    found: dict[str, Json] = {}
    due = [start]
    while due:
        for one in _references(due.pop(0)):
            if one in by_reference and one not in found:
                found[one] = by_reference[one]
                due.append(by_reference[one])
    return list(found.values())


def _references(node: Any) -> Iterator[str]:
    """The relative references in a resource, without versions."""
    if isinstance(node, list):
        for child in node:
            yield from _references(child)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "reference" and isinstance(value, str):
                yield "/".join(value.split("/")[:2])
            elif isinstance(value, dict | list):
                yield from _references(value)


def _reference(one: Json) -> str:
    return f"{one['resourceType']}/{one['id']}"
