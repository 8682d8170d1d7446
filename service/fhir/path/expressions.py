"""Compile a FHIRPath expression to Python functions, or evaluate it at once.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html
"""

import functools
from collections.abc import Callable
from typing import Any

from service.fhir.path import nodes
from service.fhir.path.code import Code, Site, Truth, Types
from service.fhir.path.compiler import compile_node
from service.fhir.path.env import Env, Scope
from service.fhir.path.errors import failure
from service.fhir.path.model import Model
from service.fhir.path.nodes import TypeInfo
from service.fhir.path.parser import MAX_NESTING, parse

Test = Callable[..., bool]
Values = Callable[..., list[Any]]
Start = Callable[[Any, Any], Any]
_DEFAULT = Env()
_SYSTEM_NAMES = {
    "Boolean": "boolean",
    "Integer": "integer",
    "Decimal": "decimal",
    "String": "string",
    "Date": "date",
    "DateTime": "dateTime",
    "Time": "time",
}


def compile_test(
    expression: str, *, model: Model | None = None, context: str | None = None, strict: bool = False
) -> Test:
    """`test(value, env=Env(), element=None) -> bool` for an invariant or a condition.

    `value` is the focus as JSON, `context` its type, `element` the `_name` sibling of a primitive. True only when the
    result is true: empty is false, as the official validator has it; one or more items that are no Boolean are true.
    Not `strict` (the default): `as()` keeps several items, as R4's own dom-3 needs, and an unknown element is empty.
    `PathError` when the expression is wrong, and from the test where it cannot be evaluated.
    """
    code, start = _compiled(expression, model, context, strict)
    many, truth = code.many, code.truth
    if truth is not None:
        return _boolean_test(truth, start)

    def test(value: Any, env: Env = _DEFAULT, element: Any = None) -> bool:
        this = start(value, element)
        items = many(this, Scope(env, this))
        if len(items) == 1:
            found = nodes.system(items[0])
            return found is not False and found is not None
        return bool(items)

    return test


def _boolean_test(truth: Truth, start: Start) -> Test:
    def test(value: Any, env: Env = _DEFAULT, element: Any = None) -> bool:
        this = start(value, element)
        return truth(this, Scope(env, this)) is True

    return test


def compile_values(
    expression: str, *, model: Model | None = None, context: str | None = None, strict: bool = False
) -> Values:
    """`values(value, env=Env(), element=None) -> list` of plain JSON: objects as they stand, dates as text."""
    code, start = _compiled(expression, model, context, strict)

    def values(value: Any, env: Env = _DEFAULT, element: Any = None) -> list[Any]:
        this = start(value, element)
        found = [nodes.plain(item) for item in code.many(this, Scope(env, this))]
        return [one for one in found if one is not None]

    return values


def evaluate(
    expression: str,
    resource: Any,
    *,
    env: Env | None = None,
    model: Model | None = None,
    context: str | None = None,
    strict: bool = True,
) -> list[tuple[str, Any]]:
    """`(type, value)` of each item of the result.

    The type is FHIR's name (`code`, `HumanName`) or the System type as FHIR writes it (`boolean`, `dateTime`,
    `Quantity`); values are plain JSON, System quantities text (`1 'mg'`). With a model the context is by default the
    resource's own type, and what is known to be wrong beforehand is refused.
    """
    if model is not None and context is None and type(resource) is dict:
        found = resource.get("resourceType")
        context = found if type(found) is str and model.kind(found) is not None else None
    code, start = _compiled(expression, model, context, strict)
    this = start(resource, None)
    items = code.many(this, Scope(env or _DEFAULT, this))
    return [(_type_name(item), nodes.plain(item)) for item in items]


def _type_name(item: Any) -> str:
    if type(item) is TypeInfo:
        return "TypeInfo"
    found = nodes.type_of(item)
    return _SYSTEM_NAMES.get(found.name, found.name) if found.namespace == "System" else found.name


@functools.lru_cache(4096)
def _compiled(expression: str, model: Model | None, context: str | None, strict: bool) -> tuple[Code, Start]:
    types: Types = None if context is None else frozenset({context})
    site = Site(model, strict, types)
    try:
        code = compile_node(parse(expression), site)
    except RecursionError:
        raise failure("too-deep", most=MAX_NESTING) from None
    return code, _starter(model, context)


def _starter(model: Model | None, context: str | None) -> Start:
    if model is not None and context is not None and context not in nodes.ABSTRACT:
        return lambda value, element: (value, context, element)

    def start(value: Any, element: Any) -> Any:
        if element is not None:
            return (value, context or "", element)
        found = nodes.wrap(value, model)
        return found[0] if len(found) == 1 else found or None

    return start
