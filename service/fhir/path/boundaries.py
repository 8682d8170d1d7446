"""The least and greatest value that a value of limited precision may stand for, and that precision.

http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from service.fhir.path import nodes
from service.fhir.path.errors import failure
from service.fhir.path.moments import Moment, filled
from service.fhir.path.quantities import EXACT, Quantity

_MAX_DIGITS = 28
_STEPS = {"Date": (4, 6, 8), "DateTime": (4, 6, 8, 10, 12, 14, 17), "Time": (2, 4, 6, 9)}
_EAST, _WEST = 14 * 60, -12 * 60


def precision(value: Any) -> int | None:
    """The digits after the point of a number; of a date or time all digits that are given."""
    if type(value) in (int, Decimal):
        return max(0, -int(Decimal(value).as_tuple().exponent))
    if type(value) is Moment:
        return value.precision
    raise failure("operand", expected="a number, a date or a time", found=nodes.named(value))


def boundary(value: Any, digits: int | None, high: bool) -> Any:
    """The boundary at `digits` (digits after the point; of a date, digits in all); `None` where there is none."""
    if type(value) in (int, Decimal):
        return _number(Decimal(value), digits, high)
    if type(value) is Quantity:
        found = _number(value.value, digits, high)
        return None if found is None else Quantity(found, value.unit, value.calendar)
    if type(value) is Moment:
        return _moment(value, digits, high)
    raise failure("operand", expected="a number, a quantity, a date or a time", found=nodes.named(value))


def _number(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    digits = 8 if digits is None else digits
    if not 0 <= digits <= _MAX_DIGITS or not (nodes.sane(value) or not value):
        return None
    half = Decimal(5).scaleb(min(int(value.as_tuple().exponent), 0) - 1)
    edge = EXACT.add(value, half if high else half.copy_negate())
    return edge.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING if high else ROUND_FLOOR, EXACT)


def _moment(value: Moment, digits: int | None, high: bool) -> Moment | None:
    steps = _STEPS[value.kind]
    digits = steps[-1] if digits is None else digits
    if digits not in steps:
        return None
    parts = filled(value, high)
    if value.kind == "Time":
        return Moment("Time", _cut(parts, digits, 0))
    offset = value.offset
    if offset is None and digits > 8:
        offset = _WEST if high else _EAST
    return Moment(value.kind, _cut(parts, digits, 2), offset, value.zone)


def _cut(parts: tuple[int | Decimal, ...], digits: int, extra: int) -> tuple[int | Decimal, ...]:
    """As many parts as `digits` say; whole seconds where they end before the milliseconds."""
    count = (digits - extra) // 2
    if digits in (6, 14) and digits - extra in (6, 12):
        return (*parts[: count - 1], Decimal(int(parts[count - 1])))
    return parts[: len(parts) if digits in (9, 17) else count]
