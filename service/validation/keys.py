"""What invariants say of an object by its keys alone: the same for all objects that have them.

Whether an element is there shows by its keys: what stands there cannot be empty in FHIR. `None` means that it takes a
look at the values. https://hl7.org/fhir/R4/conformance-rules.html#constraints, https://hl7.org/fhir/R4/json.html
"""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from service.fhir.path import Model

ByKeys = Callable[[Collection[str]], bool | None]
# `onBehalfOf.exists() implies …`, `Bundle.total.empty() or …`: one element may make the rest idle.
_FIRST = re.compile(r"(?:[A-Z]\w*\.)?(\w+)\.(exists|empty)\(\) (or|implies) ((?:(?! implies ).)+)", re.DOTALL)


def has(keys: Collection[str], name: str) -> bool:
    """Whether an element that is no choice is there, be it with extensions only."""
    return name in keys or "_" + name in keys


def _any_of(*names: str) -> ByKeys:
    return lambda keys: any(has(keys, one) for one in names)


def _not_without(name: str, other: str) -> ByKeys:
    return lambda keys: not has(keys, name) or has(keys, other)


def _not_both(name: str, other: str) -> ByKeys:
    return lambda keys: not has(keys, name) or not has(keys, other)


def _unless_all(*names: str) -> ByKeys:
    """What holds where one of these elements has no value."""
    return lambda keys: None if all(one in keys for one in names) else True


WHOLLY: Mapping[str, ByKeys] = MappingProxyType(
    {
        "code.empty() or system.exists()": _not_without("code", "system"),
        "value.empty() or system.exists()": _not_without("value", "system"),
        "comparator.empty()": lambda keys: not has(keys, "comparator"),
        "data.empty() or contentType.exists()": _not_without("data", "contentType"),
        "detail.empty() or reference.empty()": _not_both("detail", "reference"),
        "resource.exists() or request.exists() or response.exists()": _any_of("resource", "request", "response"),
        "type.exists() or actor.exists()": _any_of("type", "actor"),
        "policy.exists() or policyRule.exists()": _any_of("policy", "policyRule"),
        "(identifier.count() + name.count()) > 0": _any_of("identifier", "name"),
        "(answer.exists() and item.exists()).not()": _not_both("answer", "item"),
    }
)
"""Invariants that are decided by keys, each under the very text of its FHIRPath expression."""

_PARTLY: Mapping[str, ByKeys] = MappingProxyType(
    {
        "start.hasValue().not() or end.hasValue().not() or (start <= end)": _unless_all("start", "end"),
        "fullUrl.contains('/_history/').not()": _unless_all("fullUrl"),
        "start.exists() = end.exists()": lambda keys: True if has(keys, "start") == has(keys, "end") else None,
        "(start.exists() and end.exists()) or (status in ('proposed' | 'cancelled' | 'waitlist'))": (
            lambda keys: True if has(keys, "start") and has(keys, "end") else None
        ),
    }
)


def by_keys(expression: str, type_name: str, model: Model) -> ByKeys | None:
    """What the keys of an object of a type tell of an invariant; None where they never tell anything."""
    known = WHOLLY.get(expression) or _PARTLY.get(expression)
    if known is not None:
        return known
    found = _FIRST.fullmatch(expression)
    rows = model.child(type_name, found[1]) if found else None
    if found is None or rows is None:
        return None
    names = [key for key, _ in rows]
    # `A.exists() or B` and `A.empty() implies B` are true where A is there, the others where it is not.
    when_there = (found[2] == "exists") == (found[3] == "or")
    return lambda keys: True if any(has(keys, one) for one in names) == when_there else None
