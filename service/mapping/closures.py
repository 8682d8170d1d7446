"""FHIRPath expressions of a map as callables over JSON: the variables of a map with their types, values out again.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from service.fhir.path.ast import AST, Binary, Call, Index, Member, TypeTest, Unary, Variable
from service.fhir.path.code import Site
from service.fhir.path.compiler import compile_node
from service.fhir.path.env import Env
from service.fhir.path.env import Scope as PathScope
from service.fhir.path.moments import Moment
from service.fhir.path.nodes import truth
from service.fhir.path.quantities import Quantity
from service.mapping.runtime import Run
from service.mapping.scope import Var
from service.mapping.shapes import OPEN, TargetModel
from service.mapping.walking import KNOWN_TYPES

Entries = tuple[tuple[str, str], ...]
Argument = tuple[Any, str | None, Any]
_TYPE_ROOT = "http://hl7.org/fhir/StructureDefinition/"
_UCUM = "http://unitsofmeasure.org"
_MOMENTS = {"Date": "date", "DateTime": "dateTime", "Time": "time"}
_CALENDAR = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s"}


class PathTypes:
    """The shapes as FHIRPath's type model, and with them one made-up type for the variables of each expression.

    FHIRPath takes variables as plain JSON and so without their types; as elements of `%context` they keep them.
    """

    def __init__(self, model: TargetModel) -> None:
        self.model = model
        self.scopes: dict[str, dict[str, Entries]] = {}

    def child(self, type_name: str, element: str) -> Entries | None:
        if type_name in self.scopes:
            return self.scopes[type_name].get(element)
        found = self.model.element(type_name, element)
        return found.choices if found else None

    def elements(self, type_name: str) -> tuple[str, ...]:
        return self.model.names(type_name)

    def base(self, type_name: str) -> str | None:
        for one in _BASES.get(type_name, ()):
            return one
        kind = self.model.kind(type_name)
        if kind == "resource":
            return (
                None if type_name == "Resource" else "DomainResource" if type_name != "DomainResource" else "Resource"
            )
        if kind in ("complex-type", "logical"):
            return None if type_name == "Element" else "BackboneElement" if "." in type_name else "Element"
        return None

    def kind(self, type_name: str) -> str | None:
        found = self.model.kind(type_name)
        return "complex-type" if found == "logical" or type_name in self.scopes else found


_BASES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("code", "id", "markdown"), ("string",)),
    **dict.fromkeys(("url", "canonical", "uuid", "oid"), ("uri",)),
    **dict.fromkeys(("positiveInt", "unsignedInt"), ("integer",)),
    **dict.fromkeys(("Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"), ("Quantity",)),
}


class Closure:
    """One compiled expression; `run(run, focus, variables)` gives what `form` says.

    The focus and each variable is `(value, type or None, `_key` object or None)`. `form` is `true` (a bool) or `pairs`
    (a list of (JSON value, type or None)). `PathError` from the constructor: the expression is wrong.
    """

    def __init__(self, tree: AST, context: Var | None, variables: list[Var], types: PathTypes, form: str) -> None:
        name = f"§{len(types.scopes)}"
        types.scopes[name] = {one.name: _entries(one) for one in variables}
        self._scope = name
        self._types = types
        known = context is not None and context.type is not None and context.type not in OPEN
        site = Site(types, False, frozenset({context.type}) if known and context and context.type else None)
        self._code = compile_node(_scoped(tree, {one.name for one in variables}), site)
        self._known = known
        self.run: Callable[[Run, Argument | None, dict[str, Argument]], Any] = (
            self._true if form == "true" else self._pairs
        )

    def _items(self, run: Run, focus: Argument | None, variables: dict[str, Argument]) -> list[Any]:
        holder: dict[str, Any] = {}
        for name, (value, type_, sibling) in variables.items():
            key = f"{name}:{type_}" if self._types.scopes[self._scope][name][0][0] != name else name
            holder[key] = value
            if sibling is not None:
                holder[f"_{key}"] = sibling
        env = Env(
            resource=focus[0] if focus and type(focus[0]) is dict else None,
            variables=run.variables,
            now=run.now,
            conforms_to=self._conforms,
            trace=lambda name, values: run.log.append((name, str(values))),
        )
        this = None if focus is None else _item(focus, self._known)
        return self._code.many(this, PathScope(env, (holder, self._scope, None)))

    def _true(self, run: Run, focus: Argument | None, variables: dict[str, Argument]) -> bool:
        return truth(self._items(run, focus, variables)) is True

    def _pairs(self, run: Run, focus: Argument | None, variables: dict[str, Argument]) -> list[tuple[Any, str | None]]:
        return [pair for item in self._items(run, focus, variables) if (pair := _pair(item))[0] is not None]

    def _conforms(self, profile: str, value: Any) -> bool | None:
        if not profile.startswith(_TYPE_ROOT) or type(value) is not dict:
            return None
        wanted = profile.removeprefix(_TYPE_ROOT)
        found = value.get("resourceType")
        if type(found) is not str or self._types.model.kind(wanted) is None:
            return None
        return self._types.model.is_a(found, wanted)


def _entries(var: Var) -> Entries:
    if var.rtype is not None:
        return tuple((f"{var.name}:{one}", one if one != "None" else "") for one in (*KNOWN_TYPES, "None"))
    return ((var.name, "" if var.type is None or var.type in OPEN else var.type),)


def _scoped(tree: AST, names: set[str]) -> AST:
    """`tree` with the given variables as elements of `%context`."""
    if isinstance(tree, Variable):
        return Member(tree.place, Variable(tree.place, "context"), tree.name) if tree.name in names else tree
    if isinstance(tree, Member):
        return tree if tree.target is None else replace(tree, target=_scoped(tree.target, names))
    if isinstance(tree, Call):
        target = None if tree.target is None else _scoped(tree.target, names)
        return replace(tree, target=target, arguments=tuple(_scoped(one, names) for one in tree.arguments))
    if isinstance(tree, Index):
        return replace(tree, target=_scoped(tree.target, names), index=_scoped(tree.index, names))
    if isinstance(tree, Unary | TypeTest):
        return replace(tree, operand=_scoped(tree.operand, names))
    if isinstance(tree, Binary):
        return replace(tree, left=_scoped(tree.left, names), right=_scoped(tree.right, names))
    return tree


def _item(focus: Argument, known: bool) -> Any:
    value, type_, sibling = focus
    if known or (type_ is not None and type_ not in OPEN):
        return (value, type_, sibling)
    if type(value) is dict and type(value.get("resourceType")) is str:
        return (value, value["resourceType"], None)
    return value if sibling is None else (value, "", sibling)


def _pair(item: Any) -> tuple[Any, str | None]:
    if type(item) is tuple:
        return item[0], item[1] or None
    if type(item) is Moment:
        return str(item), _MOMENTS[item.kind]
    if type(item) is Quantity:
        return _quantity(item), "Quantity"
    kind = {bool: "boolean", int: "integer", Decimal: "decimal", str: "string"}.get(type(item))
    return item, kind


def _quantity(found: Quantity) -> dict[str, Any]:
    if found.calendar:
        code = _CALENDAR.get(found.unit)
        made = {"value": found.value, "unit": found.unit}
        return made | ({"system": _UCUM, "code": code} if code else {})
    if found.unit == "1":
        return {"value": found.value}
    return {"value": found.value, "unit": found.unit, "system": _UCUM, "code": found.unit}
