"""`is`, `as`, `ofType`, `type()`. https://hl7.org/fhir/R4/fhirpath.html#types, http://hl7.org/fhirpath/N1/#types"""

from typing import Any

from service.fhir.path import nodes
from service.fhir.path.ast import AST, Member, TypeTest
from service.fhir.path.code import BOOLEAN, Code, Site, Types
from service.fhir.path.env import Scope
from service.fhir.path.errors import Place, failure
from service.fhir.path.model import Model

SYSTEM = frozenset({"Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"})
_PLAIN = {"boolean": "Boolean", "string": "String", "integer": "Integer", "decimal": "Decimal"}


def is_a(name: str, wanted: str, model: Model) -> bool:
    """Whether the FHIR type `name` is `wanted` or specialises it."""
    found: str | None = name
    for _ in range(20):
        if found is None or found == wanted:
            return found is not None
        found = model.base(found)
    return False


def specifier(node: AST, place: Place) -> tuple[str | None, str]:
    """The type a function's argument names (`Patient`, `FHIR.Patient`, `System.String`)."""
    if isinstance(node, Member) and node.target is None:
        return None, node.name
    if isinstance(node, Member) and isinstance(node.target, Member) and node.target.target is None:
        return node.target.name, node.name
    raise failure("type-expected", place)


class Check:
    """Whether an item is of one named type; made when the expression is compiled.

    `exactly` (for `as` and `ofType`): a FHIR primitive must have the very type, so that a `code` is no `string`.
    """

    def __init__(self, namespace: str | None, name: str, site: Site, place: Place) -> None:
        self.model = site.model
        self.name = name
        model = site.model
        fhir = model is not None and model.kind(name) is not None
        self.fhir = namespace in (None, "FHIR") and (fhir or model is None)
        self.system = namespace in (None, "System") and name in SYSTEM
        self.primitive = model is not None and model.kind(name) == "primitive-type"
        if namespace not in (None, "FHIR", "System"):
            raise failure("unknown-type", place, name=f"{namespace}.{name}")
        if not self.fhir and not self.system and namespace != "System":
            raise failure("unknown-type", place, name=name)

    def matches(self, item: Any, exactly: bool = False) -> bool:
        if type(item) is tuple and item[1]:
            if not self.fhir or self.model is None:
                return False
            return bool(item[1] == self.name) or (
                not (exactly and self.primitive) and is_a(item[1], self.name, self.model)
            )
        found = nodes.type_of(item)
        if self.model is None and self.fhir:
            if found.namespace == "FHIR":
                return found.name == self.name
            if found.name == _PLAIN.get(self.name):
                return True
        return self.system and found.namespace == "System" and self.name in (found.name, "Any")

    @property
    def types(self) -> Types:
        if self.fhir and self.system:
            return None
        return frozenset({self.name}) if self.fhir else frozenset({f"System.{self.name}"})


def compile_test(node: TypeTest, operand: Code, site: Site) -> Code:
    """The operators `is` and `as`."""
    check = Check(node.namespace, node.type_name, site, node.place)
    return is_code(operand, check, node.place) if node.operator == "is" else as_code(operand, check, site, node.place)


def is_code(operand: Code, check: Check, place: Place) -> Code:
    """One item's type as a Boolean; empty for none, an error for more."""
    many = operand.many

    def is_type(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        if len(items) > 1:
            raise failure("singleton", place, count=len(items))
        return [check.matches(items[0])] if items else []

    return Code(is_type, None, BOOLEAN)


def as_code(operand: Code, check: Check, site: Site, place: Place) -> Code:
    """The item if it has the type. More than one is an error when strict; R4's own invariants need them kept."""
    many, strict = operand.many, site.strict

    def as_type(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        if strict and len(items) > 1:
            raise failure("singleton", place, count=len(items))
        return [item for item in items if check.matches(item, True)]

    return Code(as_type, None, _narrowed(operand, check))


def of_type_code(operand: Code, check: Check) -> Code:
    """The items that have the type."""
    many = operand.many

    def of_type(this: Any, scope: Scope) -> list[Any]:
        return [item for item in many(this, scope) if check.matches(item, True)]

    return Code(of_type, None, _narrowed(operand, check), None, operand.ordered)


def _narrowed(operand: Code, check: Check) -> Types:
    """The type of what comes through; `Quantity` is the System's or FHIR's, depending on what goes in."""
    only_fhir = operand.types is not None and not any(one.startswith("System.") for one in operand.types)
    return frozenset({check.name}) if check.fhir and only_fhir else check.types
