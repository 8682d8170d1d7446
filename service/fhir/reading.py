"""Reading FHIR JSON that may come from anywhere: what is not of the expected shape counts as not there.

https://hl7.org/fhir/R4/extensibility.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

_OURS = "/StructureDefinition/"


def objects(holder: Any, name: str) -> list[dict[str, Any]]:
    """The objects in the list `name`; what is no list of objects counts as nothing."""
    found = holder[name] if type(holder) is dict and name in holder else None
    if type(found) is not list:
        return []
    for one in found:
        if type(one) is not dict:
            return [one for one in found if type(one) is dict]
    return found


def part(holder: Any, name: str) -> dict[str, Any]:
    """The object `name`; what is no object counts as an empty one."""
    found = holder[name] if type(holder) is dict and name in holder else None
    return found if type(found) is dict else {}


def string(holder: Any, name: str) -> str:
    """The text `name`, stripped; empty where there is none."""
    found = holder[name] if type(holder) is dict and name in holder else None
    return found.strip() if type(found) is str else ""


def strings(holder: Any, name: str) -> list[str]:
    """The texts in the list `name`."""
    found = holder[name] if type(holder) is dict and name in holder else None
    return [text for one in found if type(one) is str and (text := one.strip())] if type(found) is list else []


def extensions(holder: Any, name: str) -> list[dict[str, Any]]:
    """Our extensions `name`, whatever canonical root an installation has put in place of ours."""
    # Most have none, and are asked for many: looking comes before everything else.
    if type(holder) is not dict or "extension" not in holder:
        return []
    ending = _OURS + name
    every = objects(holder, "extension")
    return [one for one in every if "url" in one and type(url := one["url"]) is str and url.endswith(ending)]


def values(holder: Any, name: str) -> list[Any]:
    """The values of our extensions `name`."""
    return ours(holder).get(name, [])


def ours(holder: Any, root: str = _OURS) -> dict[str, list[Any]]:
    """The values of all our extensions by their names, for whoever asks for many; complex ones have none."""
    found: dict[str, list[Any]] = {}
    if type(holder) is dict and "extension" in holder:
        for one in objects(holder, "extension"):
            if type(url := one.get("url")) is str and root in url:
                for name in one:
                    if name[:5] == "value" and one[name] is not None:
                        found.setdefault(url.rpartition(_OURS)[2], []).append(one[name])
                        break
    return found


def ours_in_parts(holder: Any) -> dict[str, list[dict[str, list[Any]]]]:
    """The parts (see `parts`) of all our complex extensions by the names of the extensions."""
    found: dict[str, list[dict[str, list[Any]]]] = {}
    for one in objects(holder, "extension"):
        if "extension" in one and type(url := one.get("url")) is str and _OURS in url:
            found.setdefault(url.rpartition(_OURS)[2], []).append(parts(one))
    return found


def parts(extension: Any) -> dict[str, list[Any]]:
    """The values of a complex extension by the names of its parts, which have no root."""
    return ours(extension, root="")


def text_of(holder: Any, name: str) -> str:
    """The first textual value of our extension `name`."""
    return first_text(ours(holder), name)


def coding_of(holder: Any, name: str) -> dict[str, Any] | None:
    """The first Coding in our extension `name`."""
    return first_coding(ours(holder), name)


def first_text(found: Mapping[str, list[Any]], name: str) -> str:
    """The first textual value of that name among those that `ours` or `parts` gave."""
    if name in found:
        for one in found[name]:
            if type(one) is str:
                return one.strip()
    return ""


def texts(found: Mapping[str, list[Any]], name: str) -> tuple[str, ...]:
    """Every textual value of that name."""
    return tuple([one.strip() for one in found[name] if type(one) is str]) if name in found else ()


def first_coding(found: Mapping[str, list[Any]], name: str) -> dict[str, Any] | None:
    """The first Coding (or other object) of that name."""
    if name in found:
        for one in found[name]:
            if type(one) is dict:
                return one
    return None


def value_of(extension: Mapping[str, Any]) -> Any:
    """The `value[x]` of an extension; None where it has none."""
    for name in extension:
        if name[:5] == "value":
            return extension[name]
    return None


def concept_text(concept: Any) -> str:
    """What a CodeableConcept says: its text, or the display (or code) of its first coding."""
    if type(concept) is not dict:
        return ""
    if said := string(concept, "text"):
        return said
    for one in objects(concept, "coding"):
        if shown := string(one, "display") or string(one, "code"):
            return shown
    return ""


def coding_in(concepts: Iterable[Any], system: str) -> dict[str, Any] | None:
    """The first coding of our code system `system` (the end of its URL) in these CodeableConcepts."""
    ending = "/CodeSystem/" + system
    for concept in concepts:
        for one in objects(concept, "coding"):
            if "system" in one and type(uri := one["system"]) is str and uri.endswith(ending):
                return one
    return None
