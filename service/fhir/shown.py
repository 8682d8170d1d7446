"""Parts of a resource: `_summary` and `_elements`.

https://hl7.org/fhir/R4/search.html#summary, https://hl7.org/fhir/R4/search.html#elements
"""

import functools
from collections.abc import Collection
from typing import Any

from service.fhir.definitions import Definitions

_ALWAYS = frozenset({"resourceType", "id", "meta"})
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
Json = dict[str, Any]


def shown(definitions: Definitions, resource: Json, summary: str = "false", elements: Collection[str] = ()) -> Json:
    """`resource` with only what was asked for, tagged as a part; itself where everything was.

    `summary` as in `_summary`; `elements` are names of elements, perhaps with the type in front.
    """
    type_name = resource["resourceType"]
    if elements:
        names = {one.removeprefix(f"{type_name}.").partition(".")[0] for one in elements if _applies(one, type_name)}
        if not names:
            return resource
        return _tagged(_only(resource, names | _mandatory(definitions, type_name) | _ALWAYS))
    if summary == "true":
        return _tagged(_only(resource, _summarised(definitions, type_name) | _ALWAYS))
    if summary == "text":
        return _tagged(_only(resource, _mandatory(definitions, type_name) | _ALWAYS | {"text"}))
    if summary == "data":
        return _tagged({key: value for key, value in resource.items() if key != "text"})
    return resource


def _applies(name: str, type_name: str) -> bool:
    return not name[:1].isupper() or name.partition(".")[0] == type_name


def _only(resource: Json, names: Collection[str]) -> Json:
    return {key: value for key, value in resource.items() if _element(key, names)}


def _element(key: str, names: Collection[str]) -> bool:
    bare = key.removeprefix("_")
    return bare in names or any(one.endswith("[x]") and bare.startswith(one[:-3]) for one in names)


def _tagged(resource: Json) -> Json:
    meta = resource.get("meta", {})
    others = [one for one in meta.get("tag", []) if one.get("code") != "SUBSETTED"]
    made = {**resource, "meta": {**meta, "tag": [*others, _SUBSETTED]}}
    return {key: made[key] for key in ("resourceType", "id", "meta") if key in made} | made


@functools.lru_cache(512)
def _summarised(definitions: Definitions, type_name: str) -> frozenset[str]:
    return frozenset(name for name, one in _top(definitions, type_name) if one.get("isSummary"))


@functools.lru_cache(512)
def _mandatory(definitions: Definitions, type_name: str) -> frozenset[str]:
    """What a resource of the type cannot be without, and what changes the meaning of all else."""
    return frozenset(name for name, one in _top(definitions, type_name) if one.get("min") or one.get("isModifier"))


def _top(definitions: Definitions, type_name: str) -> list[tuple[str, Json]]:
    structure = definitions.structure(type_name) or {}
    found = structure.get("snapshot", {}).get("element", [])
    return [(one["path"].partition(".")[2], one) for one in found if one["path"].count(".") == 1]
