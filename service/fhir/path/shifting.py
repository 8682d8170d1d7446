"""Dates and times moved by a quantity of time. http://hl7.org/fhirpath/N1/#datetime-arithmetic"""

import calendar
import datetime
from decimal import ROUND_FLOOR, Decimal

from service.fhir.path.errors import failure
from service.fhir.path.moments import Moment, fraction_digits
from service.fhir.path.quantities import EXACT, Quantity

_NAMES = ("year", "month", "day", "hour", "minute", "second")
# UCUM's `a` and `mo` are so many days, which is not what anybody means by a year later: they are refused.
_OF_UCUM = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_SECONDS = {"week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1}


def shift(moment: Moment, quantity: Quantity, sign: int) -> Moment | None:
    """`moment` later (`sign` 1) or earlier (-1) by `quantity`, at the precision it has; `None` beyond year 1 or 9999.

    Only whole units count. A unit finer than the precision counts in whole units of the precision (30 days a month).
    """
    unit = quantity.unit if quantity.calendar else _OF_UCUM.get(quantity.unit)
    if unit is None or (moment.kind == "Time" and unit in ("year", "month", "week", "day")):
        raise failure("no-duration", value=str(quantity), kind=moment.kind)
    if not quantity.value.is_finite() or abs(quantity.value) > 10**15:
        return None
    amount = sign * int(quantity.value)
    if moment.kind == "Time":
        return _shift_time(moment, unit, amount)
    amount, unit = _at_precision(amount, unit, _NAMES[len(moment.parts) - 1])
    try:
        return _shift_date(moment, unit, amount)
    except (OverflowError, ValueError):
        return None


def _at_precision(amount: int, unit: str, precision: str) -> tuple[int, str]:
    """The amount in the unit of the precision where the given unit is finer."""
    if precision == "second" or unit in ("year", precision):
        return amount, unit
    if precision == "year" and unit == "month":
        return _towards_zero(amount, 12), "year"
    if precision in ("year", "month"):
        if unit == "month":
            return amount, unit
        days = _towards_zero(amount * 1000 * _SECONDS[unit] if unit != "millisecond" else amount, 86400 * 1000)
        return (_towards_zero(days, 365), "year") if precision == "year" else (_towards_zero(days, 30), "month")
    if unit == "month":
        return amount, unit
    thousandths = amount if unit == "millisecond" else amount * 1000 * _SECONDS[unit]
    return _towards_zero(thousandths, 1000 * _SECONDS[precision]), precision


def _towards_zero(amount: int, size: int) -> int:
    return amount // size if amount >= 0 else -(-amount // size)


def _shift_date(moment: Moment, unit: str, amount: int) -> Moment:
    parts = moment.parts
    if unit in ("year", "month"):
        months = int(parts[0]) * 12 + (int(parts[1]) - 1 if len(parts) > 1 else 0)
        months += amount * 12 if unit == "year" else amount
        year, month = divmod(months, 12)
        if not 1 <= year <= 9999:
            raise OverflowError
        moved: tuple[int | Decimal, ...] = (year, month + 1)[: len(parts)]
        if len(parts) > 2:
            moved += (min(int(parts[2]), calendar.monthrange(year, month + 1)[1]),)
        return Moment(moment.kind, moved + parts[3:], moment.offset, moment.zone)
    hour, minute = (int(part) for part in (*parts[3:5], *(0, 0)[len(parts[3:5]) :]))
    second = Decimal(parts[5]) if len(parts) > 5 else Decimal(0)
    start = datetime.datetime(int(parts[0]), int(parts[1]), int(parts[2]), hour, minute)
    total = EXACT.add(second, _seconds(unit, amount))
    minutes = int(EXACT.divide(total, Decimal(60)).to_integral_value(ROUND_FLOOR))
    moved_to = start + datetime.timedelta(minutes=minutes)
    left = EXACT.subtract(total, Decimal(60 * minutes))
    whole = (moved_to.year, moved_to.month, moved_to.day, moved_to.hour, moved_to.minute, _digits(left, moment))
    return Moment(moment.kind, whole[: len(parts)], moment.offset, moment.zone)


def _seconds(unit: str, amount: int) -> Decimal:
    return Decimal(amount).scaleb(-3) if unit == "millisecond" else Decimal(amount * _SECONDS[unit])


def _digits(second: Decimal, moment: Moment) -> Decimal:
    """The second with at least the digits it had, and no more than it needs."""
    digits = fraction_digits(moment)
    needed = -int(second.normalize(EXACT).as_tuple().exponent)
    needed = max(digits, needed if needed <= 0 else max(needed, 3))
    return second.quantize(Decimal(1).scaleb(-needed), context=EXACT)


def _shift_time(moment: Moment, unit: str, amount: int) -> Moment:
    parts = moment.parts
    precision = _NAMES[2 + len(parts)]
    amount, unit = _at_precision(amount, unit, precision)
    hour, minute, second = (*parts, *(0, 0, Decimal(0))[len(parts) :])
    since = EXACT.add(Decimal(int(hour) * 3600 + int(minute) * 60), Decimal(second))
    total = EXACT.remainder(EXACT.add(since, _seconds(unit, amount)), Decimal(86400))
    if total < 0:
        total = EXACT.add(total, Decimal(86400))
    minutes = int(total) // 60
    left = EXACT.subtract(total, Decimal(60 * minutes))
    whole: tuple[int | Decimal, ...] = (minutes // 60, minutes % 60, _digits(left, moment))
    return Moment("Time", whole[: len(parts)])
