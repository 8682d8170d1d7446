"""The codes of a ValueSet as a list, in the order of its definition.

https://hl7.org/fhir/R4/valueset-operation-expand.html, https://hl7.org/fhir/R4/valueset.html#expansion
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir.codesystems import Concept
from service.fhir.terminology import Terminology, TerminologyError
from service.fhir.valuesets import Membership, contained
from service.issues import issue

UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of an expansion is asked for; `filter` words must each occur in the code or the display."""

    filter: str = ""
    count: int | None = None
    offset: int = 0
    active_only: bool = False
    for_ui: bool = False
    designations: bool = False
    definition: bool = False
    language: str | None = None


def expand(
    terminology: Terminology, value_set: Mapping[str, Any], timestamp: str, wanted: Wanted | None = None
) -> dict[str, Any]:
    """`value_set` with its expansion; `timestamp` is a FHIR dateTime.

    `TerminologyError` where it draws on a system that cannot be listed here.
    """
    wanted = wanted or Wanted()
    members = terminology.compile(value_set)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for system, code, display in _entries(terminology, value_set, 0):
        if (system, code) not in rows and members.has(system, code):
            row = _row(terminology, system, code, display, wanted)
            if row is not None:
                rows[system, code] = row
    chosen = list(rows.values())
    last = None if wanted.count is None else wanted.offset + wanted.count
    asked = f"{value_set.get('url', '')} {timestamp} {wanted}"
    expansion: dict[str, Any] = {
        "identifier": f"urn:uuid:{uuid.uuid5(_NAMESPACE, asked)}",
        "timestamp": timestamp,
        "total": len(chosen),
    }
    if wanted.count is not None or wanted.offset:
        expansion["offset"] = wanted.offset
    if parameters := _parameters(wanted):
        expansion["parameter"] = parameters
    if shown := chosen[wanted.offset : last]:
        expansion["contains"] = shown
    if not members.finite and _open(terminology, members):
        expansion = {"extension": [{"url": UNCLOSED, "valueBoolean": True}]} | expansion
    kept = {key: value for key, value in value_set.items() if key != "expansion"}
    if not wanted.definition:
        kept.pop("compose", None)
    return kept | {"status": value_set.get("status", "active"), "expansion": expansion}


def _entries(
    terminology: Terminology, value_set: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, str, str | None]]:
    """(system, code, display) of everything the includes name, before excludes; the same may come twice."""
    url = value_set.get("url", "?")
    if depth > _MAX_DEPTH:
        raise TerminologyError(issue("terminology.not-expandable", valueset=url, system=url))
    if "compose" not in value_set:
        for row in contained(value_set):
            if "system" in row and "code" in row:
                yield row["system"], row["code"], row.get("display")
        return
    for include in value_set["compose"].get("include", ()):
        if "system" in include:
            yield from _of_system(terminology, include, url)
            continue
        for canonical in include.get("valueSet", ())[:1]:
            imported = terminology.value_set(canonical)
            if imported is None:
                raise TerminologyError(issue("terminology.resource-unknown", kind="ValueSet", url=canonical))
            yield from _entries(terminology, imported, depth + 1)


def _of_system(terminology: Terminology, include: Mapping[str, Any], url: str) -> Iterator[tuple[str, str, str | None]]:
    name: str = include["system"]
    if "concept" in include:
        for one in include["concept"]:
            yield name, one["code"], one.get("display")
        return
    version = include.get("version")
    system = terminology.code_system(f"{name}|{version}" if version else name) or terminology.code_system(name)
    chosen = system.choose(include.get("filter", [])) if system else None
    if system is None or chosen is None:
        raise TerminologyError(issue("terminology.not-expandable", valueset=url, system=name))
    for concept in system:
        if concept.code in chosen:
            yield name, concept.code, concept.display


def _row(
    terminology: Terminology, system: str, code: str, display: str | None, wanted: Wanted
) -> dict[str, Any] | None:
    """The entry of one code; None where it is not wanted."""
    concept = terminology.lookup(system, code) or Concept(code, display)
    if (wanted.active_only and concept.inactive) or (wanted.for_ui and concept.abstract):
        return None
    shown = terminology.display(system, code, wanted.language) if wanted.language else display
    shown = shown or display or concept.display
    text = f"{code} {shown or ''}".casefold()
    if not all(word in text for word in wanted.filter.casefold().split()):
        return None
    row: dict[str, Any] = {"system": system}
    if concept.abstract:
        row["abstract"] = True
    if concept.inactive:
        row["inactive"] = True
    row["code"] = code
    if shown:
        row["display"] = shown
    if wanted.designations and concept.designations:
        row["designation"] = list(concept.designations)
    return row


def _open(terminology: Terminology, members: Membership) -> bool:
    systems = (terminology.code_system(one) for one in members.systems)
    return any(one is not None and not one.complete for one in systems)


def _parameters(wanted: Wanted) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if wanted.filter:
        rows.append({"name": "filter", "valueString": wanted.filter})
    if wanted.language:
        rows.append({"name": "displayLanguage", "valueCode": wanted.language})
    if wanted.active_only:
        rows.append({"name": "activeOnly", "valueBoolean": True})
    if wanted.offset:
        rows.append({"name": "offset", "valueInteger": wanted.offset})
    if wanted.count is not None:
        rows.append({"name": "count", "valueInteger": wanted.count})
    return rows
