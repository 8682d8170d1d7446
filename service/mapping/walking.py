"""Reading the source while a map runs: the values of an element, with their types and what stands beside them."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from service.mapping.shapes import PRIMITIVES, STRINGS

_COMPLEX = [
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "Identifier",
    "Meta",
    "Money",
    "ParameterDefinition",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
]
_JOINED = {name[0].upper() + name[1:]: name for name in (*PRIMITIVES, *_COMPLEX)}
KNOWN_TYPES = tuple(sorted(_JOINED.values()))


def many(value: Any) -> Iterable[Any]:
    """The values of an element, whether or not they stand in a list."""
    if value is None:
        return ()
    if type(value) is list:
        return [one for one in value if one is not None] if None in value else value
    return (value,)


def paired(values: Any, beside: Any) -> Iterator[tuple[Any, Any, int]]:
    """The values of a primitive list, each with what stands beside it, and its index."""
    if values is None and beside is None:
        return
    left = values if type(values) is list else [] if values is None else [values]
    right = beside if type(beside) is list else [] if beside is None else [beside]
    for index in range(max(len(left), len(right))):
        value = left[index] if index < len(left) else None
        sibling = right[index] if index < len(right) else None
        if value is not None or sibling is not None:
            yield value, sibling, index


def typed(parent: Any, keys: Mapping[str, str]) -> Iterator[tuple[Any, str | None, Any, str, int | None]]:
    """The values of a choice element: value, type, what stands beside, key, index in a list."""
    for key in parent:
        type_ = keys.get(key)
        if type_ is None:
            if key[0] == "_" and key[1:] in keys and key[1:] not in parent:
                yield None, keys[key[1:]], parent[key], key[1:], None
            continue
        value = parent[key]
        if type(value) is list:
            for one, sibling, index in paired(value, parent.get("_" + key)):
                yield one, type_, sibling, key, index
        else:
            yield value, type_, parent.get("_" + key), key, None


def child(parent: Any, name: str) -> Iterator[tuple[Any, str | None, Any, str, int | None]]:
    """The values of an element of which nothing is known; a choice goes by its stem too, a primitive has `value`."""
    if type(parent) is not dict:
        if name == "value" and parent is not None:
            yield parent, None, None, "", None
        return
    value = parent.get(name)
    sibling = parent.get("_" + name)
    if value is not None or sibling is not None:
        if type(value) is list or type(sibling) is list:
            for one, beside, index in paired(value, sibling):
                yield one, None, beside, name, index
        else:
            yield value, None, sibling, name, None
        return
    length = len(name)
    for key in parent:
        bare = key[1:] if key[:1] == "_" else key
        if bare[:length] == name and bare[length:] in _JOINED and (key is bare or bare not in parent):
            yield from typed(parent, {bare: _JOINED[bare[length:]]})
            return


def is_type(value: Any, known: str | None, wanted: str) -> bool:
    """Whether a value of which at most `known` is known has the type `wanted`."""
    if known is not None and known == wanted:
        return True
    if type(value) is dict:
        return bool(value.get("resourceType") == wanted) or (known is None and _looks(value, wanted))
    if known is not None or wanted not in PRIMITIVES:
        return False
    if type(value) is bool:
        return wanted == "boolean"
    if type(value) is int:
        return wanted in ("integer", "positiveInt", "unsignedInt", "integer64", "decimal")
    if type(value) is Decimal:
        return wanted == "decimal"
    return wanted in STRINGS


def _looks(value: Mapping[str, Any], wanted: str) -> bool:
    return "resourceType" not in value and wanted not in PRIMITIVES and wanted[:1].isupper()


def dig(value: Any, keys: tuple[str, ...]) -> Any:
    """The value at the end of `keys`, none of which repeats."""
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def trail(value: Any, steps: tuple[str, ...], type_: str | None = None) -> list[tuple[Any, str | None]]:
    """The values at the end of a path, each with its type where its key tells it; what has no value is left out."""
    found = [(value, type_)]
    for step in steps:
        found = [(one, kind) for parent, _ in found for one, kind, _, _, _ in child(parent, step)]
    return [pair for pair in found if pair[0] is not None]


def only(found: list[tuple[Any, str | None]], wanted: tuple[Any, ...], equal: bool) -> bool:
    """Whether there is exactly one value and it is (`equal`), or is not, one of `wanted`."""
    return len(found) == 1 and (found[0][0] in wanted) is equal
