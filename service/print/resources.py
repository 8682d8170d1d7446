"""Finding things in a heap of FHIR resources: by reference, by extension, by type.

https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/extensibility.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]

_NOTHING: Resource = {}
_OURS = "/StructureDefinition/"


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
    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _flat(one)
    elif isinstance(given, dict) and given.get("resourceType") == "Bundle":
        for entry in objects(given, "entry"):
            resource = entry.get("resource")
            if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
                yield string(entry, "fullUrl"), resource
    elif isinstance(given, dict) and isinstance(given.get("resourceType"), str):
        yield "", given


def objects(holder: Any, name: str) -> list[dict[str, Any]]:
    """The objects in the list `name`; what is no list of objects counts as nothing."""
    found = holder.get(name) if isinstance(holder, dict) else None
    if not found or not isinstance(found, list):
        return []
    return [one for one in found if isinstance(one, dict)]


def part(holder: Any, name: str) -> dict[str, Any]:
    """The object `name`; what is no object counts as an empty one."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def string(holder: Any, name: str) -> str:
    """The text `name`, stripped; empty where there is none."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return found.strip() if isinstance(found, str) else ""


def strings(holder: Any, name: str) -> list[str]:
    """The texts in the list `name`."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return [text for one in found if isinstance(one, str) and (text := one.strip())] if isinstance(found, list) else []


def extensions(holder: Any, name: str) -> list[dict[str, Any]]:
    """Our extensions `name`, whatever canonical root an installation has put in place of ours."""
    every = objects(holder, "extension")
    if not every:
        return []
    ending = _OURS + name
    return [one for one in every if isinstance(url := one.get("url"), str) and url.endswith(ending)]


def values(holder: Any, name: str) -> list[Any]:
    """The values of our extensions `name`."""
    if not isinstance(holder, dict) or "extension" not in holder:
        return []
    return [value for one in extensions(holder, name) if (value := value_of(one)) is not None]


def text_of(holder: Any, name: str) -> str:
    """The first textual value of our extension `name`."""
    return next((one.strip() for one in values(holder, name) if isinstance(one, str)), "")


def coding_of(holder: Any, name: str) -> dict[str, Any] | None:
    """The first Coding in our extension `name`."""
    return next((one for one in values(holder, name) if isinstance(one, dict)), None)


def parts(extension: Any) -> dict[str, list[Any]]:
    """The values of a complex extension by the names of its parts."""
    found: dict[str, list[Any]] = {}
    for one in objects(extension, "extension"):
        if (value := value_of(one)) is not None:
            found.setdefault(string(one, "url"), []).append(value)
    return found


def first_text(found: Mapping[str, list[Any]], name: str) -> str:
    """The first textual value among the parts of a complex extension."""
    return next((one.strip() for one in found.get(name, ()) if isinstance(one, str)), "")


def value_of(extension: Mapping[str, Any]) -> Any:
    """The `value[x]` of an extension; None where it has none."""
    for name, value in extension.items():
        if name.startswith("value"):
            return value
    return None


def concept_text(concept: Any) -> str:
    """What a CodeableConcept says: its text, or the display (or code) of its first coding."""
    said = string(concept, "text")
    if said:
        return said
    coded = objects(concept, "coding")
    return next((shown for one in coded if (shown := string(one, "display") or string(one, "code"))), "")


def coding_in(concepts: Iterable[Any], system: str) -> dict[str, Any] | None:
    """The first coding of our code system `system` (the end of its URL) in these CodeableConcepts."""
    ending = "/CodeSystem/" + system
    every = (coding for concept in concepts for coding in objects(concept, "coding"))
    return next((one for one in every if string(one, "system").endswith(ending)), None)
