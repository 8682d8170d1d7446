"""Moments and periods as FHIR writes them, judged in Finland: a date is a whole day in Helsinki.

https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/datatypes.html#Period
"""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


def start(text: Any) -> datetime | None:
    """The first moment of a FHIR date or dateTime; None where it is none."""
    found = _parsed(text)
    return found[0] if found else None


def end(text: Any) -> datetime | None:
    """The first moment after it."""
    found = _parsed(text)
    return found[1] if found else None


def _parsed(text: Any) -> tuple[datetime, datetime] | None:
    if not isinstance(text, str):
        return None
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            moment = datetime.fromisoformat(text)
            return (moment, moment) if moment.tzinfo else None
        year, month, day = (int(one) if one else None for one in match.groups())
        assert year is not None
        first = datetime(year, month or 1, day or 1, tzinfo=HELSINKI)
        if day:
            return first, first + timedelta(days=1)
        if month:
            return first, first.replace(year=year + month // 12, month=month % 12 + 1)
        return first, first.replace(year=year + 1)
    except (ValueError, OverflowError):
        return None
