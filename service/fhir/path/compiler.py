"""From the syntax tree to closures; what the type model knows is settled here, not at run time.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html
"""

import difflib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from service.fhir.path import arithmetic, nodes, typetests
from service.fhir.path.ast import (
    AST,
    Binary,
    Call,
    Empty,
    Index,
    Literal,
    Member,
    Special,
    TypeTest,
    Unary,
    Variable,
    children,
)
from service.fhir.path.code import NOTHING, Code, Site, Types, constant, exact, of_truth, this_code
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, failure
from service.fhir.path.functions import REGISTRY
from service.fhir.path.functions.base import Invocation
from service.fhir.path.moments import Moment
from service.fhir.path.navigation import Many, member, typed_member
from service.fhir.path.operators import compile_binary
from service.fhir.path.variables import compile_variable


def compile_node(node: AST, site: Site) -> Code:
    """The code of `node` where it stands; `PathError` for what can be known to be wrong beforehand."""
    if not site.loop or not _same_for_all(node):
        return _COMPILERS[type(node)](node, site)
    code = _COMPILERS[type(node)](node, replace(site, loop=False))
    return replace(code, many=_once(code.many), truth=None)


def _same_for_all(node: AST) -> bool:
    """Whether `node` starts from variables only, and is work enough to be done once for all turns of a loop."""
    if not isinstance(node, Member | Call | Binary):
        return False
    found = False
    stack: list[AST] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Special) or (isinstance(top, Member | Call) and top.target is None):
            return False
        found = found or isinstance(top, Variable)
        if isinstance(top, Call) and top.target is not None and top.name in ("as", "is", "ofType"):
            stack.append(top.target)
        else:
            stack.extend(children(top))
    return found


def _once(many: Many) -> Many:
    mark = object()

    def remembered(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] | None = scope.memo.get(mark)
        if found is None:
            found = scope.memo[mark] = many(this, scope)
        return found

    return remembered


def _literal(node: Literal, site: Site) -> Code:
    value = node.value
    if isinstance(value, bool):
        return of_truth(lambda this, scope: value)
    kind = value.kind if isinstance(value, Moment) else nodes.type_of(value).name
    return constant(value, types=frozenset({f"System.{kind}"}))


def _empty(node: Empty, site: Site) -> Code:
    return constant(types=NOTHING)


def _special(node: Special, site: Site) -> Code:
    if node.name == "this":
        return this_code(site)
    if node.name == "index":
        return Code(lambda this, scope: [] if scope.index is None else [scope.index])
    return Code(lambda this, scope: scope.total or [])


def _member(node: Member, site: Site) -> Code:
    if node.target is None:
        return _first_name(node, site)
    source = compile_node(node.target, site)
    return child_code(node, source, site)


def child_code(node: Member, source: Code | None, site: Site) -> Code:
    """`source.name`, or the child of `$this`."""
    types = site.types if source is None else source.types
    many = None if source is None else source.many
    model = site.model
    if model is None or types is None:
        return Code(member(many, node.name, model))
    found = _child_types(types, node.name, site)
    if found == NOTHING and site.strict and _all_known(types, site):
        raise failure("unknown-element", node.place, name=node.name, type=", ".join(sorted(types)) or "{}")
    if (name := exact(types)) is not None and model.kind(name) is not None:
        return Code(typed_member(many, model.child(name, node.name) or ()), None, found)
    return Code(member(many, node.name, model), None, found)


def _child_types(types: frozenset[str], name: str, site: Site) -> Types:
    assert site.model is not None
    found: set[str] = set()
    for one in types:
        if one in nodes.OPEN or one.startswith("System.") or site.model.kind(one) is None:
            return None
        found.update(child for _, child in site.model.child(one, name) or ())
    return frozenset(found)


def _all_known(types: frozenset[str], site: Site) -> bool:
    return bool(types) and site.model is not None and all(site.model.kind(one) is not None for one in types)


def _first_name(node: Member, site: Site) -> Code:
    """A name at the start: the type of `$this`, or else an element of it."""
    if not node.name[:1].isupper():
        return child_code(node, None, site)
    model = site.model
    if site.types is not None and model is not None and site.exact is not None:
        if typetests.is_a(site.exact, node.name, model):
            return this_code(site)
        return child_code(node, None, site)
    child = member(None, node.name, model)
    name = node.name

    def this_or_child(this: Any, scope: Scope) -> list[Any]:
        if type(this) is tuple and model is not None and typetests.is_a(this[1], name, model):
            return [this]
        if type(this) is dict and this.get("resourceType") == name:
            return [this]
        return child(this, scope)

    return Code(this_or_child)


def _call(node: Call, site: Site) -> Code:
    function = REGISTRY.get(node.name)
    if function is None:
        raise failure("unknown-function", node.place, name=node.name, hint=_like(node.name))
    if not function.least <= len(node.arguments) <= function.most:
        expected = f"{function.least}" if function.least == function.most else f"{function.least}–{function.most}"
        raise failure("arity", node.place, name=node.name, expected=expected, count=len(node.arguments))
    target = this_code(site) if node.target is None else compile_node(node.target, site)
    return function.compile(Invocation(node, target, site, compile_node))


def _like(name: str) -> str:
    """The function that is most like `name`."""
    lower = {known.lower(): known for known in REGISTRY}
    found = difflib.get_close_matches(name.lower(), lower, 1, 0)
    return lower[found[0]] if found else "exists"


def _index(node: Index, site: Site) -> Code:
    target, index = compile_node(node.target, site), compile_node(node.index, site)
    many, at, place = target.many, index.many, node.place
    _require_order(target, site, node, "[]")

    def pick(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        try:
            number = nodes.integer(at(this, scope))
        except PathError as error:
            raise error.at(place) from None
        return [] if number is None or not 0 <= number < len(items) else [items[number]]

    return Code(pick, None, target.types)


def _require_order(target: Code, site: Site, node: AST, what: str) -> None:
    if site.strict and not target.ordered:
        raise failure("unordered", node.place, name=what)


def _unary(node: Unary, site: Site) -> Code:
    operand = compile_node(node.operand, site)
    many, place, minus = operand.many, node.place, node.operator == "-"

    def signed(this: Any, scope: Scope) -> list[Any]:
        try:
            value = nodes.single(many(this, scope))
            if value is None:
                return []
            negative = arithmetic.negative(value)
        except PathError as error:
            raise error.at(place) from None
        return [negative if minus else value]

    return Code(signed)


def _type_test(node: TypeTest, site: Site) -> Code:
    return typetests.compile_test(node, compile_node(node.operand, site), site)


def _binary(node: Binary, site: Site) -> Code:
    return compile_binary(node, site, compile_node)


_COMPILERS: dict[type, Callable[[Any, Site], Code]] = {
    Literal: _literal,
    Empty: _empty,
    Special: _special,
    Variable: compile_variable,
    Member: _member,
    Call: _call,
    Index: _index,
    Unary: _unary,
    Binary: _binary,
    TypeTest: _type_test,
}
