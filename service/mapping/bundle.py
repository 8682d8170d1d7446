"""The last step of mapping: one entry for each resource, however many rules made it.

https://hl7.org/fhir/R4/http.html#trules: the same resource must not stand twice in one transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from service.issues import Issue, issue

if TYPE_CHECKING:
    from service.mapping.trace import Trace


def assembled(bundle: dict[str, Any]) -> tuple[dict[str, Any], list[Issue], dict[int, int]]:
    """The transaction `bundle` with each resource once, in the order in which they first appear.

    The last of the three says which entry of the new Bundle holds what stood in an entry of the old one.

    Two entries for one resource with the same content are one; with different content they are an error, for one of
    them would be lost.
    """
    entries: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    moved: dict[int, int] = {}
    issues: list[Issue] = []
    for number, entry in enumerate(bundle.get("entry", ())):
        url = entry["fullUrl"]
        if url not in places:
            places[url] = len(entries)
            entries.append(entry)
        elif entries[places[url]]["resource"] != entry["resource"]:
            where = f"Bundle.entry[{number}]"
            issues.append(issue("mapping.twice", expression=where, type=entry["resource"]["resourceType"]))
        moved[number] = places[url]
    if len(entries) == len(moved):
        return bundle, issues, moved
    return bundle | {"entry": entries}, issues, moved


def renumbered(trace: "Trace", moved: Mapping[int, int]) -> "Trace":
    """The trace of a Bundle whose entries were moved by `assembled`."""
    steps = []
    for step in trace.entries:
        parts = step.target.split("/", 3)
        if parts[1:2] == ["entry"] and len(parts) > 2:
            parts[2] = str(moved[int(parts[2])])
        steps.append(replace(step, target="/".join(parts)))
    return replace(trace, entries=tuple(steps))
