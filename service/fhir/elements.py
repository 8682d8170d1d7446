"""One ElementDefinition laid over another: what a differential says of an element, over what its base says.

https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from collections.abc import Iterator, Mapping
from typing import Any

Element = dict[str, Any]
Found = tuple[str, dict[str, Any]]

_REPLACED = ("maxLength", "isModifier", "isSummary", "mustSupport", "sliceName", "sliceIsConstraining", "extension")
_VALUES = ("fixed", "_fixed", "pattern", "_pattern", "minValue", "maxValue", "defaultValue")
_BINDABLE = ("code", "Coding", "CodeableConcept", "CodeableReference", "Quantity", "string", "uri", "Extension")
_OPEN = ("Element", "Resource", "DomainResource", "*")
_SYSTEM = "fhirpath/System."
_STRENGTHS = ("example", "preferred", "extensible", "required")


def merge(base: Mapping[str, Any], change: Mapping[str, Any], url: str, base_url: str) -> tuple[Element, list[Found]]:
    """`change` over `base`, and what in it contradicts the base as (issue key, its parameters).

    `url` is the profile that makes the change: the source of its constraints; `base_url` that of the base.
    """
    merged: Element = dict(base)
    found: list[Found] = []
    for key, value in change.items():
        if key in _REPLACED or key.startswith(_VALUES):
            merged[key] = value
    found += _cardinality(merged, base, change)
    found += _types(merged, base, change)
    if "slicing" in change:
        merged["slicing"] = base.get("slicing", {}) | change["slicing"]
    if "binding" in change:
        merged["binding"] = change["binding"]
        found += _binding(base, change["binding"])
    constraints = _constraints(base.get("constraint", ()), base_url, change.get("constraint", ()), url)
    if constraints:
        merged["constraint"] = constraints
    if conditions := list(dict.fromkeys((*base.get("condition", ()), *change.get("condition", ())))):
        merged["condition"] = conditions
    for key in ("contentReference", "base"):
        if key in change and key not in merged:
            merged[key] = change[key]
    return merged, found


def as_number(maximum: str) -> float:
    """`*` is without end."""
    return float("inf") if maximum == "*" else int(maximum)


def _cardinality(merged: Element, base: Mapping[str, Any], change: Mapping[str, Any]) -> Iterator[Found]:
    if "min" in change:
        if change["min"] < base.get("min", 0) and "sliceName" not in change:
            yield "definitions.min-too-low", {"value": change["min"], "base": base["min"]}
        merged["min"] = change["min"]
    if "max" in change:
        if as_number(change["max"]) > as_number(base.get("max", "*")):
            yield "definitions.max-too-high", {"value": change["max"], "base": base["max"]}
        merged["max"] = change["max"]


def _types(merged: Element, base: Mapping[str, Any], change: Mapping[str, Any]) -> Iterator[Found]:
    if "type" not in change:
        return
    allowed = {one.get("code") for one in base.get("type", ())}
    for one in change["type"]:
        code = one.get("code")
        if allowed and code not in allowed and not any(one in _OPEN or _SYSTEM in str(one) for one in allowed):
            yield "definitions.type-not-allowed", {"value": code, "allowed": ", ".join(sorted(map(str, allowed)))}
    merged["type"] = change["type"]
    if not any(one.get("code") in _BINDABLE for one in change["type"]):
        merged.pop("binding", None)


def _binding(base: Mapping[str, Any], binding: Mapping[str, Any]) -> Iterator[Found]:
    before, after = base.get("binding", {}).get("strength"), binding.get("strength")
    if before == "required" and after in _STRENGTHS[:3]:
        yield "definitions.binding-too-weak", {"value": after, "base": before}


def _constraints(base: Any, base_url: str, change: Any, url: str) -> list[dict[str, Any]]:
    kept = {one["key"]: one if "source" in one else one | {"source": base_url} for one in base}
    for one in change:
        kept[one["key"]] = one if "source" in one else one | {"source": url}
    return list(kept.values())
