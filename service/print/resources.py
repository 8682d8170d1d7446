"""Finding things in a heap of FHIR resources: by reference, by type.

https://hl7.org/fhir/R4/references.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.fhir.reading import (
    coding_in,
    coding_of,
    concept_text,
    first_coding,
    first_text,
    objects,
    ours,
    ours_in_parts,
    part,
    string,
    strings,
    text_of,
    texts,
    value_of,
    values,
)

__all__ = [
    "NOTHING",
    "Parts",
    "Resource",
    "Resources",
    "coding_in",
    "coding_of",
    "concept_text",
    "first_coding",
    "first_text",
    "objects",
    "ours",
    "ours_in_parts",
    "part",
    "string",
    "strings",
    "text_of",
    "texts",
    "value_of",
    "values",
]

Resource = Mapping[str, Any]
# A complex extension: the values of its parts by their names.
Parts = Mapping[str, list[Any]]

NOTHING: Resource = {}


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
            if kind in self._by_type:
                self._by_type[kind].append(resource)
            else:
                self._by_type[kind] = [resource]
            if url:
                self._by_reference[url] = resource
            if type(own := resource.get("id")) is str and own:
                self._by_reference[f"{kind}/{own}"] = resource

    def of(self, kind: str) -> list[Resource]:
        """All resources of one type."""
        return self._by_type.get(kind, [])

    def find(self, reference: Any, within: Resource = NOTHING) -> Resource:
        """What a Reference points to, `{}` where it is not here; `within` is the resource that holds the Reference."""
        wanted = reference["reference"] if type(reference) is dict and "reference" in reference else None
        if type(wanted) is not str:
            return NOTHING
        if wanted[:1] == "#":
            return next((one for one in objects(within, "contained") if one.get("id") == wanted[1:]), NOTHING)
        if wanted in self._by_reference:
            return self._by_reference[wanted]
        parts = wanted.partition("/_history/")[0].rsplit("/", 2)
        return self._by_reference.get("/".join(parts[-2:]), NOTHING)


def _flat(given: Any) -> Iterator[tuple[str, Resource]]:
    for one in given if type(given) in (list, tuple) else (given,):
        if type(one) in (list, tuple):
            yield from _flat(one)
            continue
        kind = one.get("resourceType") if type(one) is dict else None
        if kind == "Bundle":
            for entry in objects(one, "entry"):
                resource = entry.get("resource")
                if type(resource) is dict and type(resource.get("resourceType")) is str:
                    yield string(entry, "fullUrl"), resource
        elif type(kind) is str:
            yield "", one
