"""where, select, repeat, ofType, aggregate, iif, sort. http://hl7.org/fhirpath/N1/#filtering-and-projection"""

import functools
from typing import Any

from service.fhir.path import equality, nodes
from service.fhir.path.ast import AST, Unary
from service.fhir.path.code import NOTHING, Code, as_truth, constant, union
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, failure
from service.fhir.path.functions.base import Invocation, Table, compiled, scoped
from service.fhir.path.navigation import Many
from service.fhir.path.typetests import Check, as_code, is_code, of_type_code, specifier

TABLE: Table = {}
# No document is nested deeper; without a bound `repeat($this & 'a')` would go on for ever.
_MAX_LAYERS = 500
_MAX_REPEATED = 100_000


@compiled(TABLE, "where", 1)
def where(call: Invocation) -> Code:
    many, matches = call.target.many, call.body_truth(0)

    def keep(this: Any, scope: Scope) -> list[Any]:
        return [item for item in many(this, scope) if matches(item, scope) is True]

    def keep_indexed(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        return [item for index, item in enumerate(items) if matches(item, scoped(scope, index)) is True]

    chosen = keep_indexed if call.needs_index(0) else keep
    return Code(chosen, None, call.target.types, None, call.target.ordered)


@compiled(TABLE, "select", 1)
def select(call: Invocation) -> Code:
    many, body, indexed = call.target.many, call.body(0), call.needs_index(0)
    project = body.many

    def flatten(this: Any, scope: Scope) -> list[Any]:
        out: list[Any] = []
        for index, item in enumerate(many(this, scope)):
            out.extend(project(item, scoped(scope, index) if indexed else scope))
            if len(out) > nodes.MAX_ITEMS:
                nodes.bounded(out)
        return out

    return Code(flatten, None, body.types, None, call.target.ordered and body.ordered)


@compiled(TABLE, "repeat", 1)
def repeat(call: Invocation) -> Code:
    # What is found is searched again, so the types of the body's `$this` are not those of the target.
    many, project = call.target.many, _loose_body(call)

    def search(this: Any, scope: Scope) -> list[Any]:
        found: dict[Any, Any] = {}
        layer = many(this, scope)
        for _ in range(_MAX_LAYERS):
            fresh: list[Any] = []
            for index, item in enumerate(layer):
                for child in project(item, scoped(scope, index)):
                    key = equality.key(child)
                    if key not in found:
                        found[key] = child
                        fresh.append(child)
                _bounded(len(found), call)
            if not fresh:
                return list(found.values())
            layer = fresh
        raise failure("too-many", call.place, most=_MAX_LAYERS)

    return Code(search)


@compiled(TABLE, "repeatAll", 1)
def repeat_all(call: Invocation) -> Code:
    many, project = call.target.many, _loose_body(call)

    def search(this: Any, scope: Scope) -> list[Any]:
        found: list[Any] = []
        layer = many(this, scope)
        for _ in range(_MAX_LAYERS):
            fresh: list[Any] = []
            for index, item in enumerate(layer):
                fresh.extend(project(item, scoped(scope, index)))
                _bounded(len(found) + len(fresh), call)
            if not fresh:
                return found
            found.extend(fresh)
            layer = fresh
        raise failure("too-many", call.place, most=_MAX_LAYERS)

    return Code(search)


def _bounded(count: int, call: Invocation) -> None:
    if count > _MAX_REPEATED:
        raise failure("too-many", call.place, most=_MAX_REPEATED)


def _loose_body(call: Invocation) -> Many:
    unknown = Code(call.target.many)
    return Invocation(call.node, unknown, call.site, call.compile_node).body(0).many


@compiled(TABLE, "ofType", 1)
def of_type(call: Invocation) -> Code:
    return of_type_code(call.target, _check(call))


@compiled(TABLE, "as", 1)
def as_type(call: Invocation) -> Code:
    return as_code(call.target, _check(call), call.site, call.place)


@compiled(TABLE, "is", 1)
def is_type(call: Invocation) -> Code:
    return is_code(call.target, _check(call), call.place)


def _check(call: Invocation) -> Check:
    namespace, name = specifier(call.node.arguments[0], call.place)
    return Check(namespace, name, call.site, call.node.arguments[0].place)


@compiled(TABLE, "aggregate", 1, 2)
def aggregate(call: Invocation) -> Code:
    many, step = call.target.many, call.body(0).many
    start = call.argument(1).many if call.count > 1 else constant().many

    def fold(this: Any, scope: Scope) -> list[Any]:
        total = start(this, scope)
        for index, item in enumerate(many(this, scope)):
            total = nodes.bounded(step(item, scope.turn(index, total)))
        return total

    return Code(fold)


@compiled(TABLE, "iif", 2, 3)
def iif(call: Invocation) -> Code:
    """Only the branch that is taken is evaluated; the criterion must be a Boolean."""
    on_target = call.node.target is not None
    target = call.target.many
    parts = [call.body(at) if on_target else call.argument(at) for at in range(call.count)]
    criterion = as_truth(parts[0], call.place)
    if parts[0].types and not parts[0].types & {"System.Boolean", "boolean"}:
        raise failure("operand", call.node.arguments[0].place, expected="a Boolean", found=", ".join(parts[0].types))
    then, other = parts[1].many, parts[2].many if call.count > 2 else constant().many
    place = call.node.arguments[0].place
    test = parts[0].many

    def choose(this: Any, scope: Scope) -> list[Any]:
        found = test(this, scope)
        value = nodes.system(found[0]) if len(found) == 1 else None
        if found and value is not None and type(value) is not bool:
            raise failure("operand", place, expected="a Boolean", found=nodes.named(found[0]))
        return (then if criterion(this, scope) is True else other)(this, scope)

    if not on_target:
        return Code(choose, None, union(parts[1].types, parts[2].types if call.count > 2 else NOTHING))

    def choose_for(this: Any, scope: Scope) -> list[Any]:
        items = target(this, scope)
        if len(items) > 1:
            raise failure("singleton", call.place, count=len(items))
        return choose(items[0] if items else None, scope)

    return Code(choose_for)


@compiled(TABLE, "sort", 0, 20)
def sort(call: Invocation) -> Code:
    """By the values themselves, or by keys; a minus before a key reverses it. Empty keys come first either way."""
    many = call.target.many
    keys = [_sort_key(call, at) for at in range(call.count)] or [(lambda this, scope: [this], False)]

    def ordered(this: Any, scope: Scope) -> list[Any]:
        rows = [
            (item, [nodes.single(key(item, scoped(scope, index))) for key, _ in keys])
            for index, item in enumerate(many(this, scope))
        ]

        def compare(one: Any, other: Any) -> int:
            for left, right, (_, down) in zip(one[1], other[1], keys, strict=True):
                if left is None or right is None:
                    order = (left is not None) - (right is not None)
                else:
                    order = (equality.compare(left, right) or 0) * (-1 if down else 1)
                if order:
                    return order
            return 0

        try:
            return [item for item, _ in sorted(rows, key=functools.cmp_to_key(compare))]
        except PathError as error:
            raise error.at(call.place) from None

    return Code(ordered, None, call.target.types)


def _sort_key(call: Invocation, at: int) -> tuple[Many, bool]:
    node: AST = call.node.arguments[at]
    down = isinstance(node, Unary) and node.operator == "-"
    inner = node.operand if isinstance(node, Unary) else node
    arguments = (*call.node.arguments[:at], inner, *call.node.arguments[at + 1 :])
    plain = type(call.node)(call.node.place, call.node.target, call.node.name, arguments)
    return Invocation(plain, call.target, call.site, call.compile_node).body(at).many, down
