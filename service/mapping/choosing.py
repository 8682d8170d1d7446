"""Under which key a value goes into a choice element (`value[x]`).

https://hl7.org/fhir/R4/formats.html#choice
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_RELATED = {
    "code": ("code", "string"),
    "date": ("date", "dateTime", "string"),
    "instant": ("instant", "dateTime", "string"),
    "url": ("url", "uri", "string"),
    "uri": ("uri", "url", "canonical", "string"),
    "uuid": ("uuid", "uri", "string"),
    "oid": ("oid", "uri", "string"),
    "canonical": ("canonical", "uri", "string"),
    "id": ("id", "string"),
    "markdown": ("markdown", "string"),
}


def choose(choices: tuple[tuple[str, str], ...], value: Any, known: str | None) -> str | None:
    """The key under which a value goes into a choice element; None where no type fits."""
    for key, type_ in choices:
        if type_ == known:
            return key
    types = {type_: key for key, type_ in choices}
    if type(value) is bool:
        order: tuple[str, ...] = ("boolean",)
    elif type(value) is int:
        order = ("integer", "positiveInt", "unsignedInt", "decimal")
    elif type(value) is Decimal:
        order = ("decimal",)
    elif type(value) is str:
        order = _RELATED.get(known or "string", ("string", "code", "uri", "markdown"))
    else:
        order = _guess(value, types)
    return next((types[one] for one in order if one in types), None)


def _guess(value: Any, types: Mapping[str, str]) -> tuple[str, ...]:
    """The complex type that an object without a known type looks like."""
    if type(value) is not dict:
        return ()
    for mark, type_ in (
        ("reference", "Reference"),
        ("coding", "CodeableConcept"),
        ("start", "Period"),
        ("end", "Period"),
        ("low", "Range"),
        ("high", "Range"),
        ("numerator", "Ratio"),
        ("denominator", "Ratio"),
        ("unit", "Quantity"),
        ("comparator", "Quantity"),
        ("code", "Coding"),
        ("contentType", "Attachment"),
        ("line", "Address"),
        ("family", "HumanName"),
        ("given", "HumanName"),
        ("repeat", "Timing"),
    ):
        if mark in value and type_ in types:
            return (type_,)
    return tuple(types) if len(types) == 1 else ()
