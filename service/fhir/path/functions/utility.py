"""trace, now, today, timeOfDay, type, comparable, precision, boundaries.

http://hl7.org/fhirpath/N1/#utility-functions
"""

from collections.abc import Callable
from typing import Any

from service.fhir.path import boundaries, nodes, quantities
from service.fhir.path.code import BOOLEAN, INTEGER, Code
from service.fhir.path.env import Scope
from service.fhir.path.errors import failure
from service.fhir.path.functions.base import Invocation, Table, compiled, values
from service.fhir.path.moments import Moment, from_python
from service.fhir.path.quantities import Quantity

TABLE: Table = {}


@compiled(TABLE, "trace", 1, 2)
def trace(call: Invocation) -> Code:
    many, name = call.target.many, call.argument(0).many
    project = call.body(1).many if call.count > 1 else None

    def pass_on(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        if scope.env.trace is not None:
            shown = items if project is None else [found for item in items for found in project(item, scope)]
            scope.env.trace(nodes.text(name(this, scope)) or "", [nodes.plain(item) for item in shown])
        return items

    return Code(pass_on, None, call.target.types, None, call.target.ordered)


def _clock(name: str, part: Callable[[Moment], Moment]) -> None:
    @compiled(TABLE, name)
    def compile_clock(call: Invocation) -> Code:
        def read(this: Any, scope: Scope) -> list[Any]:
            if scope.env.now is None:
                raise failure("no-clock", call.place, name=name)
            return [part(from_python(scope.env.now))]

        return Code(read)


_clock("now", lambda now: now)
_clock("today", lambda now: Moment("Date", now.parts[:3]))
_clock("timeOfDay", lambda now: Moment("Time", now.parts[3:]))


@values(TABLE, "type")
def type_info(items: list[Any]) -> list[Any]:
    return [nodes.type_of(item) for item in items]


@values(TABLE, "comparable", 1, types=BOOLEAN)
def comparable(items: list[Any], others: list[Any]) -> list[Any]:
    left, right = nodes.single(items), nodes.single(others)
    if left is None or right is None:
        return []
    if type(left) is not Quantity or type(right) is not Quantity:
        raise failure("operand", expected="a quantity", found=nodes.named(left))
    return [quantities.comparable(left, right)]


@values(TABLE, "precision", types=INTEGER)
def precision(items: list[Any]) -> list[Any]:
    value = nodes.single(items)
    found = None if value is None else boundaries.precision(value)
    return [] if found is None else [found]


def _boundary(name: str, high: bool) -> None:
    @values(TABLE, name, 0, 1)
    def bound(items: list[Any], digits: list[Any] | None = None) -> list[Any]:
        value = nodes.single(items)
        if value is None:
            return []
        found = boundaries.boundary(value, None if digits is None else nodes.integer(digits), high)
        return [] if found is None else [found]


_boundary("lowBoundary", False)
_boundary("highBoundary", True)
