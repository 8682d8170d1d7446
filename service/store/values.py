"""How values stand in the index: text without case and accents, systems as numbers, times and numbers as ranges.

https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#date,
https://hl7.org/fhir/R4/search.html#number
"""

import functools
import hashlib
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from service.clock import HELSINKI

LONGEST = 200
BEGINNING = -(2**62)
END = 2**62
MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)


@functools.lru_cache(4096)
def number(text: str) -> int:
    """`text` as a number of 64 bits that is the same everywhere; 0 for no text."""
    if not text:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def short(text: str) -> str:
    """`text`, or where it is too long for an index its beginning and a hash."""
    if len(text) <= LONGEST:
        return text.replace("\x00", "") if "\x00" in text else text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{text[:LONGEST]}#{digest}".replace("\x00", "")


@functools.lru_cache(8192)
def folded(text: str) -> str:
    """`text` as strings are compared: no case, no accents, single blanks; at most `LONGEST` characters."""
    if text.isascii():
        plain = text.lower()
    else:
        marks = unicodedata.normalize("NFKD", text)
        plain = "".join(one for one in marks if not unicodedata.combining(one)).casefold()
    return " ".join(plain.replace("\x00", "").split())[:LONGEST]


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment with an offset."""
    return (moment - _EPOCH) // MICROSECOND


@functools.lru_cache(256)
def instant(at: int) -> str:
    """The FHIR instant of `at`, in UTC with milliseconds."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at // 1000 % 1000:03d}Z"


@functools.lru_cache(8192)
def span(text: str) -> tuple[int, int] | None:
    """First and last microsecond of a date, dateTime or instant; None where it is none.

    What has no offset is Helsinki time: a day there begins at midnight there.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), 0)
        if hour is not None:
            return _time_span(start, second, fraction, offset)
        return _local(start), _local(_next(start, month, day)) - 1
    except (ValueError, OverflowError):
        return None


def _next(start: datetime, month: str | None, day: str | None) -> datetime:
    if day is not None:
        return start + timedelta(days=1)
    if month is not None:
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)


def _local(moment: datetime) -> int:
    return micros(moment.replace(tzinfo=HELSINKI))


def _time_span(start: datetime, second: str | None, fraction: str | None, offset: str | None) -> tuple[int, int]:
    # A leap second is the last of its minute.
    start = start.replace(second=min(int(second or 0), 59))
    if int(second or 0) > 60:
        raise ValueError(second)
    zone = HELSINKI if offset is None else datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    low = micros(start.replace(tzinfo=zone))
    if second is None:
        return low, low + 60_000_000 - 1
    if fraction is None:
        return low, low + 1_000_000 - 1
    digits = fraction[:6]
    unit = 10 ** (6 - len(digits))
    low += int(digits) * unit
    return low, low + unit - 1


def width(value: Decimal | int | str) -> tuple[float, float] | None:
    """The range of numbers that round to `value` with the digits it has; None where it is no number."""
    try:
        exact = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > 300 or abs(exact.adjusted()) > 300:
        return None
    half = Decimal(5).scaleb(exponent - 1)
    return float(exact - half), float(exact + half)


def exactly(value: Decimal | int) -> tuple[float, float] | None:
    """The stored range of `value`: the number itself."""
    try:
        exact = float(value)
    except (OverflowError, ValueError):
        return None
    return (exact, exact) if abs(exact) != float("inf") else None
