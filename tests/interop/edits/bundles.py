"""Edits of a Bundle: its kind, its entries, and what the references in it find."""

import copy
import random

from tests.interop.nodes import Json

TYPES = ("collection", "batch", "document", "message", "searchset", "history", "transaction-response", "no-such")
URLS = (
    "urn:uuid:6f2f9d3e-6c53-4a43-8f0c-0d2f2e6f7a11",
    "Patient/1",
    "https://yhdessa.example/fhir/Patient/2",
    "urn:uuid:x",
    "a b",
)


def bundle(rng: random.Random, made: Json) -> str | None:
    """One thing about the Bundle changed."""
    entries = made["entry"]
    entry = rng.choice(entries)
    other = rng.choice(entries)
    how = rng.randrange(16)
    if how == 0:
        made["type"] = rng.choice(TYPES)
    elif how == 1:
        made[rng.choice(("total", "entryCount"))] = 3
    elif how == 2:
        entry.pop(rng.choice(("fullUrl", "request", "resource")))
    elif how == 3:
        entry["fullUrl"] = rng.choice((*URLS, other.get("fullUrl", "")))
    elif how == 4:
        entry["request"] = {
            **entry["request"],
            rng.choice(("method", "url")): rng.choice(("GET", "POST", "x", "Patient/1")),
        }
    elif how == 5:
        entry["request"].pop(rng.choice(("method", "url")))
    elif how == 6:
        entry["response"] = {"status": "200 OK"}
    elif how == 7:
        entry["search"] = {"mode": "match"}
    elif how == 8:
        entries.append(copy.deepcopy(entry))
    elif how == 9:
        entries.remove(entry)
    elif how == 10:
        entry["resource"]["id"] = "toinen"
    elif how == 11:
        made["type"] = rng.choice(("collection", "searchset"))
        for one in entries:
            one.pop("request")
    elif how == 12:
        made["link"] = [
            {"relation": "self", "url": "https://yhdessa.example/fhir"},
            {"relation": rng.choice(("self", "next")), "url": "x"},
        ]
    elif how == 13:
        made["timestamp"] = "2024-05-06T10:00:00+03:00"
        made["identifier"] = {"system": "urn:oid:1.2.246.10.99", "value": "1"}
    else:
        return _target(rng, entries[1:])
    return f"Bundle ({how})"


def _target(rng: random.Random, targets: list[Json]) -> str | None:
    """A resource that others refer to, changed so that it may not be what they ask for."""
    if not targets:
        return None
    resource = rng.choice(targets)["resource"]
    how = rng.randrange(5)
    if how == 0:
        resource["meta"].pop("profile", None)
    elif how == 1:
        resource.pop(rng.choice(sorted(set(resource) - {"resourceType", "id"})))
    elif how == 2:
        resource["meta"]["profile"] = resource["meta"]["profile"][:1]
    elif how == 3:
        resource.pop("identifier", None)
        resource.pop("meta")
    else:
        for key in [one for one in resource if one not in ("resourceType", "id")]:
            del resource[key]
    return f"target {resource['resourceType']} ({how})"
