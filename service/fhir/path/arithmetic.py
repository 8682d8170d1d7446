"""`+ - * / div mod &` and polarity on System values. http://hl7.org/fhirpath/N1/#math"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.fhir.path import quantities
from service.fhir.path.errors import failure
from service.fhir.path.moments import Moment
from service.fhir.path.nodes import MAX_TEXT, named, sane
from service.fhir.path.quantities import EXACT, Quantity
from service.fhir.path.shifting import shift

_MAX_INTEGER = 10**60


def _numbers(left: Any, right: Any) -> bool:
    return type(left) in (int, Decimal) and type(right) in (int, Decimal)


def bounded(value: Any) -> Any:
    """A number that is still one to work with; `None` (empty) beyond."""
    if type(value) is int:
        return value if -_MAX_INTEGER < value < _MAX_INTEGER else None
    return value if value.is_finite() and value.adjusted() <= 60 else None


def _sane(*values: Any) -> bool:
    return all(type(value) is int or sane(value) or not value for value in values)


def _mismatch(operator: str, left: Any, right: Any) -> Exception:
    return failure("operands", operator=operator, left=named(left), right=named(right))


def plus(left: Any, right: Any) -> Any:
    """Sum, joined strings, or a date moved by a quantity of time."""
    return _sum(left, right, 1)


def minus(left: Any, right: Any) -> Any:
    """Difference, or a date moved back by a quantity of time."""
    return _sum(left, right, -1)


def _sum(left: Any, right: Any, sign: int) -> Any:
    operator = "+" if sign == 1 else "-"
    if type(left) is int and type(right) is int:
        return bounded(left + sign * right)
    if _numbers(left, right):
        return (
            bounded((EXACT.add if sign == 1 else EXACT.subtract)(Decimal(left), Decimal(right)))
            if _sane(left, right)
            else None
        )
    if type(left) is str and type(right) is str and sign == 1:
        return joined(left, right)
    if type(left) is Moment and type(right) is Quantity:
        return shift(left, right, sign)
    if type(left) is Quantity and type(right) is Quantity:
        return quantities.add(left, right, sign) if _sane(left.value, right.value) else None
    raise _mismatch(operator, left, right)


def joined(left: str, right: str) -> str:
    """Two strings in a row, unless that is a text nobody can mean."""
    if len(left) + len(right) > MAX_TEXT:
        raise failure("too-long", size=len(left) + len(right), most=MAX_TEXT)
    return left + right


def times(left: Any, right: Any) -> Any:
    """Product."""
    if type(left) is int and type(right) is int:
        return bounded(left * right)
    if _numbers(left, right):
        return bounded(EXACT.multiply(Decimal(left), Decimal(right))) if _sane(left, right) else None
    if (pair := _quantities(left, right)) is not None:
        return quantities.multiply(*pair)
    raise _mismatch("*", left, right)


def divided(left: Any, right: Any) -> Any:
    """Quotient, always a decimal (or quantity); `None` by zero."""
    if _numbers(left, right):
        if not right or not _sane(left, right):
            return None
        return bounded(EXACT.divide(Decimal(left), Decimal(right)))
    if (pair := _quantities(left, right)) is not None:
        return quantities.divide(*pair)
    raise _mismatch("/", left, right)


def _quantities(left: Any, right: Any) -> tuple[Quantity, Quantity] | None:
    if type(left) is not Quantity and type(right) is not Quantity:
        return None
    pair = tuple(Quantity(Decimal(one)) if type(one) in (int, Decimal) else one for one in (left, right))
    if any(type(one) is not Quantity or not _sane(one.value) for one in pair):
        return None
    return pair[0], pair[1]


def whole(left: Any, right: Any) -> Any:
    """Division rounded towards zero; `None` by zero."""
    if not _numbers(left, right):
        raise _mismatch("div", left, right)
    if not right or not _sane(left, right):
        return None
    return int(EXACT.divide_int(Decimal(left), Decimal(right)))


def rest(left: Any, right: Any) -> Any:
    """What `div` leaves, with the sign of the dividend; `None` by zero."""
    if not _numbers(left, right):
        raise _mismatch("mod", left, right)
    if not right or not _sane(left, right):
        return None
    found = EXACT.remainder(Decimal(left), Decimal(right))
    return int(found) if type(left) is int and type(right) is int else found


def negative(value: Any) -> Any:
    """`-value`."""
    if type(value) is int:
        return -value
    if type(value) is Decimal:
        return value.copy_negate() if value else value
    if type(value) is Quantity:
        return Quantity(value.value.copy_negate(), value.unit, value.calendar)
    raise failure("operand", expected="a number or a quantity", found=named(value))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": plus,
    "-": minus,
    "*": times,
    "/": divided,
    "div": whole,
    "mod": rest,
}
