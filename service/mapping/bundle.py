"""The last step of mapping: one entry for each resource, however many rules made it.

https://hl7.org/fhir/R4/http.html#trules: the same resource must not stand twice in one transaction.
"""

from typing import Any

from service.issues import Issue, issue


def assembled(bundle: dict[str, Any]) -> tuple[dict[str, Any], list[Issue]]:
    """The transaction `bundle` with each resource once, in the order in which they first appear.

    Two entries for one resource with the same content are one; with different content they are an error, for one of
    them would be lost.
    """
    entries: dict[str, dict[str, Any]] = {}
    issues: list[Issue] = []
    for number, entry in enumerate(bundle.get("entry", ())):
        first = entries.setdefault(entry["fullUrl"], entry)
        if first is not entry and first["resource"] != entry["resource"]:
            resource = entry["resource"]
            where = f"Bundle.entry[{number}]"
            issues.append(issue("mapping.twice", expression=where, type=resource["resourceType"]))
    if len(entries) == len(bundle.get("entry", ())):
        return bundle, issues
    return bundle | {"entry": list(entries.values())}, issues
