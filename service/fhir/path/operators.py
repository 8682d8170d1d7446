"""The binary operators: logic with three values, equality, order, membership, union, arithmetic.

http://hl7.org/fhirpath/N1/#operations
"""

from collections.abc import Callable
from typing import Any, cast

from service.fhir.path import arithmetic, equality, nodes
from service.fhir.path.ast import AST, Binary
from service.fhir.path.code import STRING, Code, Site, Truth, as_truth, of_truth, union
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, Place, failure
from service.fhir.path.moments import Moment, parse_datetime, parse_time
from service.fhir.path.navigation import Many
from service.fhir.path.parser import FLAT

_DATES = frozenset({"date", "dateTime", "instant"})
Compile = Callable[[AST, Site], Code]


def compile_binary(node: Binary, site: Site, compile_node: Compile) -> Code:
    """The code of any binary operator."""
    if node.operator in FLAT:
        parts = [compile_node(part, site) for part in _chain(node)]
        if node.operator in ("and", "or"):
            truths = [as_truth(part, node.place) for part in parts]
            return of_truth(_and(truths) if node.operator == "and" else _or(truths))
        if node.operator == "|":
            return union_code(parts)
        return _fold(node, parts, site)
    left, right = compile_node(node.left, site), compile_node(node.right, site)
    if node.operator in ("xor", "implies"):
        combine = _xor if node.operator == "xor" else _implies
        return of_truth(combine(as_truth(left, node.place), as_truth(right, node.place)))
    if node.operator in ("=", "!="):
        return of_truth(_equal(left, right, node, site))
    if node.operator in ("~", "!~"):
        return of_truth(_equivalent(left.many, right.many, node))
    if node.operator in ("<", "<=", ">", ">="):
        return of_truth(_ordered(left.many, right.many, node, site))
    if node.operator in ("in", "contains"):
        swap = node.operator == "contains"
        return of_truth(_in(right, left, node.place) if swap else _in(left, right, node.place))
    return _arithmetic(left, right, node, site)


def _chain(node: Binary) -> list[AST]:
    """The operands of a chain of one operator, from the left."""
    found: list[AST] = []
    at: AST = node
    while isinstance(at, Binary) and at.operator == node.operator:
        found.append(at.right)
        at = at.left
    return [at, *reversed(found)]


def _and(parts: list[Truth]) -> Truth:
    first, *others = parts

    def decide(this: Any, scope: Scope) -> bool | None:
        answer = first(this, scope)
        for part in others:
            if answer is False:
                return False
            found = part(this, scope)
            if found is not True:
                answer = found if found is False or answer is True else answer
        return answer

    return decide


def _or(parts: list[Truth]) -> Truth:
    first, *others = parts

    def decide(this: Any, scope: Scope) -> bool | None:
        answer = first(this, scope)
        for part in others:
            if answer is True:
                return True
            found = part(this, scope)
            if found is not False:
                answer = found if found is True or answer is False else answer
        return answer

    return decide


def _xor(left: Truth, right: Truth) -> Truth:
    def decide(this: Any, scope: Scope) -> bool | None:
        one, other = left(this, scope), right(this, scope)
        return None if one is None or other is None else one is not other

    return decide


def _implies(left: Truth, right: Truth) -> Truth:
    def decide(this: Any, scope: Scope) -> bool | None:
        one = left(this, scope)
        if one is False:
            return True
        other = right(this, scope)
        if one is True or other is True:
            return other
        return None

    return decide


def union_code(parts: list[Code]) -> Code:
    """All items of the parts, each once."""
    if all(part.constant is not None for part in parts):
        fixed = distinct([item for part in parts for item in part.constant or ()])
        return Code(lambda this, scope: fixed, None, union(*(part.types for part in parts)), tuple(fixed))
    manys = [part.many for part in parts]

    def unite(this: Any, scope: Scope) -> list[Any]:
        found = [item for many in manys for item in many(this, scope)]
        return distinct(found) if len(found) > 1 else found

    return Code(unite, None, union(*(part.types for part in parts)))


def distinct(items: list[Any]) -> list[Any]:
    """`items` without those that equal an earlier one."""
    seen: dict[Any, Any] = {}
    for item in items:
        seen.setdefault(equality.key(item), item)
    return list(seen.values())


def _equal(left: Code, right: Code, node: Binary, site: Site) -> Truth:
    one, other, negate = left.many, right.many, node.operator == "!="
    if right.constant is not None and len(right.constant) == 1 and type(right.constant[0]) is str:
        return _equals_text(one, right.constant[0], negate)
    untyped = site.model is None
    if left.truth is not None and right.truth is not None:
        return _equals_boolean(left.truth, right.truth, negate)

    def decide(this: Any, scope: Scope) -> bool | None:
        first, second = one(this, scope), other(this, scope)
        if not first or not second:
            return None
        if untyped and len(first) == 1 == len(second):
            first, second = _read_alike(first, second)
        same = equality.equal(first, second)
        return same if same is None or not negate else not same

    return decide


def _equals_boolean(left: Truth, right: Truth, negate: bool) -> Truth:
    def decide(this: Any, scope: Scope) -> bool | None:
        one, other = left(this, scope), right(this, scope)
        return None if one is None or other is None else (one is other) is not negate

    return decide


def _equals_text(many: Many, text: str, negate: bool) -> Truth:
    """`… = 'literal'`, the most frequent test of all."""

    def decide(this: Any, scope: Scope) -> bool | None:
        items = many(this, scope)
        if len(items) == 1:
            item = items[0]
            value = item if type(item) is str else nodes.system(item)
            if value is None:
                return negate
            return (type(value) is str and value == text) is not negate
        return negate if items else None

    return decide


def _read_alike(first: list[Any], second: list[Any]) -> tuple[list[Any], list[Any]]:
    """Without a model a date in JSON is only a string: beside a date it is read as one."""
    one, other = nodes.system(first[0]), nodes.system(second[0])
    if type(one) is Moment and type(other) is str:
        return first, [_read(other, one)]
    if type(other) is Moment and type(one) is str:
        return [_read(one, other)], second
    return first, second


def _read(text: str, like: Moment) -> Any:
    found = parse_time(text) if like.kind == "Time" else parse_datetime(text)
    return text if found is None else found


def _equivalent(one: Many, other: Many, node: Binary) -> Truth:
    negate, place = node.operator == "!~", node.place

    def decide(this: Any, scope: Scope) -> bool | None:
        try:
            return equality.equivalent(one(this, scope), other(this, scope)) is not negate
        except PathError as error:
            raise error.at(place) from None

    return decide


def _ordered(one: Many, other: Many, node: Binary, site: Site) -> Truth:
    place, untyped = node.place, site.model is None
    allowed = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0)}[node.operator]

    def decide(this: Any, scope: Scope) -> bool | None:
        first, second = one(this, scope), other(this, scope)
        if not first or not second:
            return None
        if len(first) == 1 == len(second) and (order := _same_form(first[0], second[0])) is not None:
            return order in allowed
        try:
            if untyped and len(first) == 1 == len(second):
                first, second = _read_alike(first, second)
            left, right = nodes.single(first), nodes.single(second)
            if left is None or right is None:
                return None
            order = equality.compare(left, right)
        except PathError as error:
            raise error.at(place) from None
        return None if order is None else order in allowed

    return decide


def _same_form(left: Any, right: Any) -> int | None:
    """The order of two FHIR dates that are written alike, for which the texts need not be read."""
    if type(left) is not tuple or type(right) is not tuple:
        return None
    one, type_name, _ = left
    other, other_name, _ = right
    if type_name != other_name or type_name not in _DATES or type(one) is not str or type(other) is not str:
        return None
    if len(one) != len(other) or (len(one) > 10 and one[19:] != other[19:]):
        return None
    return (one > other) - (one < other)


def _in(item: Code, collection: Code, place: Place) -> Truth:
    one, keys = item.many, _keys(collection)

    def decide(this: Any, scope: Scope) -> bool | None:
        found = one(this, scope)
        if not found:
            return None
        if len(found) > 1:
            raise failure("singleton", place, count=len(found))
        return equality.key(found[0]) in keys(this, scope)

    return decide


def _keys(collection: Code) -> Callable[[Any, Scope], frozenset[Any]]:
    """What is in the collection; of one that stays the same from turn to turn of a loop it is found out once."""
    if collection.constant is not None:
        fixed = frozenset(map(equality.key, collection.constant))
        return lambda this, scope: fixed
    many, mark = collection.many, object()

    def keys(this: Any, scope: Scope) -> frozenset[Any]:
        members = many(this, scope)
        known = scope.memo.get(mark)
        if known is None or known[0] is not members:
            known = scope.memo[mark] = (members, frozenset(map(equality.key, members)))
        return cast(frozenset[Any], known[1])

    return keys


def _fold(node: Binary, parts: list[Code], site: Site) -> Code:
    """`+` and `&` along a whole chain."""
    manys, place = [part.many for part in parts], node.place
    combine = _concatenate if node.operator == "&" else _add

    def fold(this: Any, scope: Scope) -> list[Any]:
        try:
            found = combine([nodes.single(many(this, scope)) for many in manys])
        except PathError as error:
            raise error.at(place) from None
        return [] if found is None else [found]

    return Code(fold, None, STRING if node.operator == "&" else None)


def _concatenate(values: list[Any]) -> str:
    text = ""
    for value in values:
        if value is not None:
            if type(value) is not str:
                raise failure("operand", expected="a string", found=nodes.named(value))
            text = arithmetic.joined(text, value)
    return text


def _add(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        if total is None or value is None:
            return None
        total = arithmetic.plus(total, value)
    return total


def _arithmetic(left: Code, right: Code, node: Binary, site: Site) -> Code:
    one, other, place = left.many, right.many, node.place
    operate = arithmetic.OPERATORS[node.operator]

    def calculate(this: Any, scope: Scope) -> list[Any]:
        try:
            first, second = nodes.single(one(this, scope)), nodes.single(other(this, scope))
            found = None if first is None or second is None else operate(first, second)
        except PathError as error:
            raise error.at(place) from None
        return [] if found is None else [found]

    return Code(calculate)
