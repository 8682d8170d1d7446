"""Finding things in a heap of FHIR resources: by reference, by type.

https://hl7.org/fhir/R4/references.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.fhir.reading import (
    coding_in,
    coding_of,
    concept_text,
    extensions,
    first_coding,
    first_text,
    objects,
    ours,
    part,
    parts,
    string,
    strings,
    text_of,
    value_of,
    values,
)

__all__ = [
    "Resource",
    "Resources",
    "coding_in",
    "coding_of",
    "concept_text",
    "extensions",
    "first_coding",
    "first_text",
    "objects",
    "ours",
    "part",
    "parts",
    "string",
    "strings",
    "text_of",
    "value_of",
    "values",
]

Resource = Mapping[str, Any]

_NOTHING: Resource = {}


class Resources:
    """Resources by their references; `of` gives those of one type in the order they came.

    Takes a Bundle, one resource, or a list of resources. Anything that is no resource is passed over: what another
    system sent is printed as far as it can be read.
    """

    __slots__ = ("_by_reference", "_by_type")

    def __init__(self, given: Any) -> None:
        self._by_reference: dict[str, Resource] = {}
        self._by_type: dict[str, list[Resource]] = {}
        for url, resource in _flat(given):
            kind = resource["resourceType"]
            self._by_type.setdefault(kind, []).append(resource)
            if url:
                self._by_reference[url] = resource
            if own := string(resource, "id"):
                self._by_reference[f"{kind}/{own}"] = resource

    def of(self, kind: str) -> list[Resource]:
        """All resources of one type."""
        return self._by_type.get(kind, [])

    def find(self, reference: Any, within: Resource = _NOTHING) -> Resource:
        """What a Reference points to, `{}` where it is not here; `within` is the resource that holds the Reference."""
        wanted = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(wanted, str):
            return _NOTHING
        if wanted.startswith("#"):
            return next((one for one in objects(within, "contained") if one.get("id") == wanted[1:]), _NOTHING)
        found = self._by_reference.get(wanted)
        if found is None:
            parts = wanted.partition("/_history/")[0].rsplit("/", 2)
            found = self._by_reference.get("/".join(parts[-2:]))
        return _NOTHING if found is None else found


def _flat(given: Any) -> Iterator[tuple[str, Resource]]:
    for one in given if isinstance(given, (list, tuple)) else (given,):
        if isinstance(one, (list, tuple)):
            yield from _flat(one)
            continue
        kind = one.get("resourceType") if isinstance(one, dict) else None
        if kind == "Bundle":
            for entry in objects(one, "entry"):
                resource = entry.get("resource")
                if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
                    yield string(entry, "fullUrl"), resource
        elif isinstance(kind, str):
            yield "", one
