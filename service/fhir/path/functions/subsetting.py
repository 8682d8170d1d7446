"""first, last, tail, skip, take, single, intersect, exclude, union, combine. http://hl7.org/fhirpath/N1/#subsetting"""

from collections.abc import Callable
from typing import Any

from service.fhir.path import equality, nodes
from service.fhir.path.code import Code, union
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, failure
from service.fhir.path.functions.base import KEPT, Invocation, Table, compiled, values
from service.fhir.path.operators import distinct, union_code

TABLE: Table = {}


def _slice(name: str, cut: Callable[[list[Any]], list[Any]]) -> None:
    @compiled(TABLE, name)
    def compile_cut(call: Invocation) -> Code:
        call.keep_order()
        many = call.target.many

        def part(this: Any, scope: Scope) -> list[Any]:
            return cut(many(this, scope))

        return Code(part, None, call.target.types)


_slice("first", lambda items: items[:1])
_slice("last", lambda items: items[-1:])
_slice("tail", lambda items: items[1:])


def _counted(name: str, cut: Callable[[list[Any], int], list[Any]]) -> None:
    @compiled(TABLE, name, 1)
    def compile_cut(call: Invocation) -> Code:
        call.keep_order()
        many, number, place = call.target.many, call.argument(0).many, call.place

        def part(this: Any, scope: Scope) -> list[Any]:
            try:
                count = nodes.integer(number(this, scope))
            except PathError as error:
                raise error.at(place) from None
            return [] if count is None else cut(many(this, scope), count)

        return Code(part, None, call.target.types)


_counted("skip", lambda items, count: items[max(count, 0) :])
_counted("take", lambda items, count: items[: max(count, 0)])


@values(TABLE, "single", types=KEPT)
def single(items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise failure("singleton", count=len(items))
    return items


@values(TABLE, "intersect", 1, types=KEPT)
def intersect(items: list[Any], others: list[Any]) -> list[Any]:
    wanted = {equality.key(item) for item in others}
    return distinct([item for item in items if equality.key(item) in wanted])


@values(TABLE, "exclude", 1, types=KEPT)
def exclude(items: list[Any], others: list[Any]) -> list[Any]:
    unwanted = {equality.key(item) for item in others}
    return [item for item in items if equality.key(item) not in unwanted]


@compiled(TABLE, "union", 1)
def unite(call: Invocation) -> Code:
    return union_code([call.target, call.argument(0)])


@compiled(TABLE, "combine", 1, 2)
def combine(call: Invocation) -> Code:
    other = call.argument(0)
    many, more = call.target.many, other.many

    def both(this: Any, scope: Scope) -> list[Any]:
        return nodes.bounded(many(this, scope) + more(this, scope))

    return Code(both, None, union(call.target.types, other.types))
