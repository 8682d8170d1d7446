"""abs, ceiling, exp, floor, ln, log, power, round, sqrt, truncate. http://hl7.org/fhirpath/N1/#math-2"""

import decimal
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from service.fhir.path import arithmetic, nodes, quantities
from service.fhir.path.code import INTEGER
from service.fhir.path.errors import failure
from service.fhir.path.functions.base import Table, values
from service.fhir.path.quantities import EXACT, Quantity

TABLE: Table = {}
DECIMAL = frozenset({"System.Decimal"})
# What FHIRPath asks of decimals, for functions that cannot be exact.
_ROUGH = Context(prec=28, traps=[], Emax=10000, Emin=-10000)


def _number(items: list[Any]) -> int | Decimal | None:
    value = nodes.single(items)
    if value is None or type(value) is int:
        return value
    if isinstance(value, Decimal):
        return value if nodes.sane(value) or not value else None
    raise failure("operand", expected="a number", found=nodes.named(value))


def _decimal(items: list[Any]) -> Decimal | None:
    value = _number(items)
    found = None if value is None else Decimal(value)
    return found if found is None or not found or nodes.sane(found) else None


@values(TABLE, "abs")
def absolute(items: list[Any]) -> list[Any]:
    value = nodes.single(items)
    if type(value) is Quantity:
        return [Quantity(value.value.copy_abs(), value.unit, value.calendar)]
    number = _number(items)
    return [] if number is None else [number.copy_abs() if isinstance(number, Decimal) else abs(number)]


def _rounded(name: str, mode: str) -> None:
    @values(TABLE, name, types=INTEGER)
    def over(items: list[Any]) -> list[Any]:
        value = _number(items)
        return [] if value is None else [int(value.to_integral_value(mode)) if isinstance(value, Decimal) else value]


_rounded("ceiling", decimal.ROUND_CEILING)
_rounded("floor", decimal.ROUND_FLOOR)
_rounded("truncate", decimal.ROUND_DOWN)


@values(TABLE, "round", 0, 1, types=DECIMAL)
def round_to(items: list[Any], precision: list[Any] | None = None) -> list[Any]:
    value, digits = _decimal(items), 0 if precision is None else nodes.integer(precision)
    if value is None:
        return []
    if digits is None or not 0 <= digits <= 40:
        raise failure("operand", expected="a precision from 0 to 40", found=digits)
    return [quantities.round_half_up(value, digits)]


def _smooth(name: str, calculate: Callable[[Decimal], Decimal | None]) -> None:
    @values(TABLE, name, types=DECIMAL)
    def over(items: list[Any]) -> list[Any]:
        value = _decimal(items)
        return _result(None if value is None else calculate(value))


def _result(found: Decimal | None) -> list[Any]:
    found = None if found is None else arithmetic.bounded(found)
    return [] if found is None else [found]


_smooth("exp", lambda value: _ROUGH.exp(value) if abs(value) < 1000 else None)
_smooth("ln", lambda value: _ROUGH.ln(value) if value > 0 else None)
_smooth("sqrt", lambda value: _ROUGH.sqrt(value) if value >= 0 else None)


@values(TABLE, "log", 1, types=DECIMAL)
def log(items: list[Any], base: list[Any]) -> list[Any]:
    value, of = _decimal(items), _decimal(base)
    if value is None or of is None or value <= 0 or of <= 0 or of == 1:
        return []
    # One digit more than is kept, so that log 2 of 16 is 4 and not 3.999….
    found = _ROUGH.divide(_ROUGH.ln(value), _ROUGH.ln(of))
    return _result(Context(prec=26).plus(found))


@values(TABLE, "power", 1)
def power(items: list[Any], exponent: list[Any]) -> list[Any]:
    value, by = _number(items), _number(exponent)
    if value is None or by is None or not -10_000 <= by <= 10_000 or (value == 0 and by < 0):
        return []
    if type(value) is int and type(by) is int and by >= 0:
        found = EXACT.power(Decimal(value), by)
        return _result_integer(found)
    if value < 0 and by != int(by):
        return []
    return _result(_ROUGH.power(Decimal(value), Decimal(by)))


def _result_integer(found: Decimal) -> list[Any]:
    if not found.is_finite() or found.adjusted() >= 50:
        return []
    return [int(found)]
