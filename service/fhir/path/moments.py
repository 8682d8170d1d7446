"""Dates, times and date-times of any precision: reading, comparing, writing.

http://hl7.org/fhirpath/N1/#datetime-comparison: what cannot be decided at the precision given is `None` (empty).
"""

import calendar
import datetime
import functools
import re
from dataclasses import dataclass, field
from decimal import Decimal

_DATE = r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
_TIME = r"(?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:\.[0-9]{1,20})?))?)?"
_ZONE = r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE_ONLY = re.compile(_DATE)
_DATE_TIME = re.compile(f"{_DATE}(?:T(?:{_TIME}{_ZONE})?)?")
_TIME_ONLY = re.compile(f"T?{_TIME}")
_NAMES = ("year", "month", "day", "hour", "minute", "second")
# How far local time may lie from UTC, in minutes: decides comparisons where one side has no offset.
_EAST, _WEST = 14 * 60, -12 * 60


@dataclass(frozen=True, slots=True)
class Moment:
    """A `Date`, `DateTime` or `Time` (`kind`).

    `parts` are year, month, day, hour, minute, second (a `Time` starts at the hour) as far as they were given; the
    second is a `Decimal` with its digits. `offset` is minutes east of UTC, `None` where none was given; `zone` is how
    it was written, for `Z` and `+00:00` are the same.
    """

    kind: str
    parts: tuple[int | Decimal, ...]
    offset: int | None = None
    zone: str = field(default="", compare=False)

    def __str__(self) -> str:
        texts = [_two(part) for part in self.parts]
        if self.kind == "Time":
            return ":".join(texts)
        texts[0] = f"{int(self.parts[0]):04d}"
        date = "-".join(texts[:3])
        if self.kind == "Date" or len(texts) <= 3:
            return date
        return f"{date}T{':'.join(texts[3:])}{self.zone or _zone(self.offset)}"

    @property
    def precision(self) -> int:
        """How many digits of the value are given (year 4 … millisecond 17; a time's hour 2 … millisecond 9)."""
        digits = 2 * len(self.parts) + (2 if self.kind != "Time" else 0)
        return digits + fraction_digits(self)


def fraction_digits(moment: Moment) -> int:
    """The digits after the point of the seconds."""
    last = moment.parts[-1]
    return -int(last.as_tuple().exponent) if isinstance(last, Decimal) else 0


def _two(part: int | Decimal) -> str:
    if isinstance(part, Decimal):
        whole, point, rest = f"{part:f}".partition(".")
        return f"{whole:>02}{point}{rest}"
    return f"{part:02d}"


def _zone(offset: int | None) -> str:
    if offset is None:
        return ""
    if not offset:
        return "Z"
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


@functools.lru_cache(8192)
def parse_date(text: str) -> Moment | None:
    """The Date `text` (`2015`, `2015-02`, `2015-02-04`), `None` where it is none."""
    return _moment("Date", _DATE_ONLY.fullmatch(text))


@functools.lru_cache(8192)
def parse_datetime(text: str) -> Moment | None:
    """The DateTime `text` (a date, or with `T`, time and offset), `None` where it is none."""
    return _moment("DateTime", _DATE_TIME.fullmatch(text))


@functools.lru_cache(8192)
def parse_time(text: str) -> Moment | None:
    """The Time `text` (`14`, `14:34`, `14:34:28.123`, also with a `T` before), `None` where it is none."""
    return _moment("Time", _TIME_ONLY.fullmatch(text))


def parse_literal(text: str) -> Moment | None:
    """The value of a literal with its `@`."""
    if text.startswith("@T"):
        return parse_time(text[2:])
    return parse_datetime(text[1:]) if "T" in text else parse_date(text[1:])


def from_python(now: datetime.datetime) -> Moment:
    """A Python datetime as a DateTime with milliseconds; its offset stays."""
    delta = now.utcoffset()
    second = Decimal(now.second * 1000 + now.microsecond // 1000).scaleb(-3)
    parts = (now.year, now.month, now.day, now.hour, now.minute, second)
    return Moment("DateTime", parts, None if delta is None else int(delta.total_seconds()) // 60)


def _moment(kind: str, match: re.Match[str] | None) -> Moment | None:
    if match is None:
        return None
    found = match.groupdict()
    parts: list[int | Decimal] = []
    for name in _NAMES[3:] if kind == "Time" else _NAMES:
        text = found.get(name)
        if text is None:
            break
        parts.append(Decimal(text) if name == "second" else int(text))
    zone = found.get("zone")
    offset = None
    if zone is not None:
        offset = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
        offset = -offset if zone[0] == "-" else offset
    return Moment(kind, tuple(parts), offset, zone or "") if _exists(kind, parts, offset) else None


def _exists(kind: str, parts: list[int | Decimal], offset: int | None) -> bool:
    time = parts if kind == "Time" else parts[3:]
    if any(part >= most for part, most in zip(time, (24, 60, 60), strict=False)):
        return False
    if offset is not None and not _WEST - 120 <= offset <= _EAST:
        return False
    if kind == "Time":
        return True
    year, month, day = (int(part) for part in (*parts[:3], *(1, 1, 1)[len(parts) :]))
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; `None` where the precisions or a missing offset leave it open, or a time meets a date."""
    if (left.kind == "Time") != (right.kind == "Time"):
        return None
    if left.offset == right.offset:
        return _by_parts(left.parts, right.parts)
    if left.offset is not None and right.offset is not None:
        return _by_parts(in_utc(left, left.offset), in_utc(right, right.offset))
    early, late = _span(left), _span(right)
    if early[1] < late[0]:
        return -1
    return 1 if early[0] > late[1] else None


def _span(moment: Moment) -> tuple[tuple[int, Decimal], tuple[int, Decimal]]:
    """The first and the last instant (minutes, seconds) that `moment` may stand for, in UTC."""
    zones = (_EAST, _WEST) if moment.offset is None else (moment.offset, moment.offset)
    return _instant(filled(moment, False), zones[0]), _instant(filled(moment, True), zones[1])


def _instant(parts: tuple[int | Decimal, ...], offset: int) -> tuple[int, Decimal]:
    year, month, day, hour, minute = (int(part) for part in parts[:5])
    return (datetime.date(year, month, day).toordinal() * 24 + hour) * 60 + minute - offset, Decimal(parts[5])


def filled(moment: Moment, high: bool) -> tuple[int | Decimal, ...]:
    """All parts, down to the milliseconds, of the first or last moment that `moment` may stand for."""
    parts = list(moment.parts)
    whole = 3 if moment.kind == "Time" else 6
    if whole == 6 and len(parts) < 2:
        parts.append(12 if high else 1)
    if whole == 6 and len(parts) < 3:
        parts.append(calendar.monthrange(int(parts[0]), int(parts[1]))[1] if high else 1)
    while len(parts) < whole - 1:
        parts.append((23 if len(parts) == whole - 3 else 59) if high else 0)
    last = Decimal(parts[whole - 1]) if len(parts) == whole else None
    return (*parts[: whole - 1], _seconds(last, high))


def _seconds(second: Decimal | None, high: bool) -> Decimal:
    if second is None:
        return Decimal("59.999") if high else Decimal("0.000")
    missing = 3 + int(second.as_tuple().exponent)
    if missing <= 0:
        return second
    return second.quantize(Decimal("0.001")) + (Decimal(10**missing - 1).scaleb(-3) if high else 0)


def _by_parts(left: tuple[int | Decimal, ...], right: tuple[int | Decimal, ...]) -> int | None:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left) == len(right) else None


def in_utc(moment: Moment, offset: int) -> tuple[int | Decimal, ...]:
    """The parts of `moment`, if its local time is `offset` minutes east of UTC; a date is taken at midnight."""
    parts = moment.parts
    if not offset or moment.kind == "Time":
        return parts
    if len(parts) < 3:
        return parts
    hour, minute = (int(part) for part in (*parts[3:5], *(0, 0)[len(parts[3:5]) :]))
    # The calendar repeats every 400 years: years 1 and 9999 are moved away from the ends of what Python can count.
    away = 400 if int(parts[0]) < 5000 else -400
    start = datetime.datetime(int(parts[0]) + away, int(parts[1]), int(parts[2]), hour, minute)
    utc = start - datetime.timedelta(minutes=offset)
    return (utc.year - away, utc.month, utc.day, utc.hour, utc.minute)[: len(parts)] + parts[5:]
