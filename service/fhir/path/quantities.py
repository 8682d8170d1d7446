"""Quantities: a value with a UCUM unit or a calendar duration; comparing and arithmetic across units.

http://hl7.org/fhirpath/N1/#quantity
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from service.fhir.path import ucum

_PRECISIONS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR = {word: name for name in _PRECISIONS for word in (name, f"{name}s")}
# Calendar durations up to the week have a definite length; a year is twelve months, but neither is so many days.
_UCUM_OF = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_LOOSE_UCUM_OF = {"year": "a", "month": "mo", **_UCUM_OF}
_MONTHS = {"year": 12, "month": 1}
EXACT = Context(prec=50, traps=[])


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` `unit`; the unit is a UCUM code (`1` for none), or with `calendar` one of `year` … `millisecond`."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    @classmethod
    def of(cls, value: str, unit: str) -> "Quantity":
        """From a literal's or a string's two parts; a calendar word in quotes is a calendar duration as well."""
        if unit in CALENDAR:
            return cls(Decimal(value), CALENDAR[unit], True)
        return cls(Decimal(value), unit)

    def __str__(self) -> str:
        if not self.calendar:
            return f"{self.value:f} '{self.unit}'"
        return f"{self.value:f} {self.unit}{'' if self.value == 1 else 's'}"


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; `None` where the units cannot be compared."""
    scaled = _scaled(left, right, loose=False)
    if scaled is None:
        return None
    one, other = scaled
    return (one > other) - (one < other)


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether the units are of one dimension."""
    return _scaled(left, right, loose=False) is not None


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Equal once both are rounded to the coarser of their precisions; `year` and `a` count as the same."""
    if left.calendar != right.calendar or left.unit not in _MONTHS:
        scaled = _scaled(left, right, loose=True)
        steps = _scaled(_step(left), _step(right), loose=True)
    else:
        scaled, steps = _scaled(left, right, loose=False), _scaled(_step(left), _step(right), loose=False)
    if scaled is None or steps is None:
        return False
    step = max(steps)
    return _rounded(scaled[0] / step) == _rounded(scaled[1] / step)


def _step(quantity: Quantity) -> Quantity:
    exponent = min(int(quantity.value.as_tuple().exponent), 0)
    return Quantity(Decimal(1).scaleb(exponent), quantity.unit, quantity.calendar)


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2)) if value >= 0 else -int(-value + Fraction(1, 2))


def _scaled(left: Quantity, right: Quantity, *, loose: bool) -> tuple[Fraction, Fraction] | None:
    """Both values in one unit."""
    if (left.unit, left.calendar) == (right.unit, right.calendar):
        return Fraction(left.value), Fraction(right.value)
    if left.calendar and right.calendar and left.unit in _MONTHS and right.unit in _MONTHS:
        return Fraction(left.value) * _MONTHS[left.unit], Fraction(right.value) * _MONTHS[right.unit]
    one, other = _unit(left, loose), _unit(right, loose)
    if one is None or other is None or one.dimension != other.dimension or one.offset or other.offset:
        return None
    return Fraction(left.value) * one.factor, Fraction(right.value) * other.factor


def _unit(quantity: Quantity, loose: bool) -> ucum.Unit | None:
    if not quantity.calendar:
        return ucum.parse(quantity.unit)
    name = (_LOOSE_UCUM_OF if loose else _UCUM_OF).get(quantity.unit)
    return None if name is None else ucum.parse(name)


def add(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Sum (or difference with `sign` -1) in the left one's unit; `None` where the units cannot be added."""
    if (left.unit, left.calendar) == (right.unit, right.calendar):
        return Quantity(_sum(left.value, right.value, sign), left.unit, left.calendar)
    base = _scaled(Quantity(Decimal(1), left.unit, left.calendar), right, loose=False)
    if base is None:
        return None
    moved = base[1] / base[0]
    other = EXACT.divide(Decimal(moved.numerator), Decimal(moved.denominator))
    return Quantity(_sum(left.value, other, sign), left.unit, left.calendar)


def _sum(left: Decimal, right: Decimal, sign: int) -> Decimal:
    return EXACT.add(left, right) if sign == 1 else EXACT.subtract(left, right)


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """The product, its unit the product of the units."""
    if (unit := _joined(left, right, ".")) is None:
        return None
    return Quantity(EXACT.multiply(left.value, right.value), unit)


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient, its unit the quotient of the units (`1` where they are the same); `None` by zero."""
    if not right.value:
        return None
    if (unit := _joined(left, right, "/")) is None:
        return None
    return Quantity(EXACT.divide(left.value, right.value), unit)


def _joined(left: Quantity, right: Quantity, mark: str) -> str | None:
    one, other = _code(left), _code(right)
    if ucum.parse(one) is None or ucum.parse(other) is None:
        return None
    if other == "1":
        return one
    if mark == "/" and one == other:
        return "1"
    if mark == "." and one == "1":
        return other
    return f"{one}{mark}({other})" if "." in other or "/" in other else f"{one}{mark}{other}"


def _code(quantity: Quantity) -> str:
    return _LOOSE_UCUM_OF[quantity.unit] if quantity.calendar else quantity.unit


def round_half_up(value: Decimal, digits: int) -> Decimal:
    """`value` with `digits` digits after the point."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, EXACT)
