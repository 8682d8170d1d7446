"""Dates, weekdays and times as people of a language write them, in Helsinki time.

https://hl7.org/fhir/R4/datatypes.html#dateTime; names of days and months: Unicode CLDR by way of Babel.
"""

import functools
import re
from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale

HELSINKI = ZoneInfo("Europe/Helsinki")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?")


@functools.lru_cache(maxsize=4096)
def moment(value: str) -> datetime | date | None:
    """A FHIR dateTime, instant or whole date; times become Helsinki time. None for anything else, partial dates too."""
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if len(value) < 16 or found.tzinfo is None:
        return None
    return found.astimezone(HELSINKI)


def day(value: str, language: str) -> str:
    """`1.10.2025`, `1 oktober 2025`, `1 October 2025`; a month or a year where no more is known; else as it stands."""
    found = moment(value)
    if found is not None:
        return _day(found, language)
    partial = _PARTIAL.fullmatch(value)
    if partial is None:
        return value
    year, month = partial.groups()
    if month is None or not 1 <= int(month) <= 12:
        return year if month is None else value
    return f"{_months(language, 'stand-alone')[int(month)]} {year}"


def span(start: str | None, end: str | None, language: str) -> tuple[str, str, str]:
    """`(from, until, both)`, of which only one is not empty: the caller puts the first two into words."""
    if not (start and end):
        return (day(start, language) if start else "", day(end, language) if end else "", "")
    first, last = moment(start), moment(end)
    if first is None or last is None:
        return "", "", f"{day(start, language)} – {day(end, language)}"
    if (first.year, first.month, first.day) == (last.year, last.month, last.day):
        return "", "", _day(first, language)
    same = first.year == last.year
    if language == "fi":
        opening = f"{first.day}.{first.month}." if same else _day(first, language)
        return "", "", f"{opening}–{_day(last, language)}"
    opening = f"{first.day} {_months(language)[first.month]}" if same else _day(first, language)
    return "", "", f"{opening} – {_day(last, language)}"


def weekday(value: str, language: str) -> str:
    """The day with its weekday, for large type: `Keskiviikko 1.10.2025`."""
    found = moment(value)
    if found is None:
        return day(value, language)
    name = _weekdays(language)[found.weekday()]
    return f"{name[0].upper()}{name[1:]} {_day(found, language)}"


def clock(start: str, end: str | None, language: str) -> str:
    """`klo 16.30–17.00`, `kl. 16.30–17.00`, `16:30–17:00`; empty where no time of day is given."""
    first = moment(start)
    if not isinstance(first, datetime):
        return ""
    last = moment(end) if end else None
    shown = [_time(first, language)]
    if isinstance(last, datetime) and last.date() == first.date() and last != first:
        shown.append(_time(last, language))
    return {"fi": "klo ", "sv": "kl. ", "en": ""}[language] + "–".join(shown)


def months_of(language: str) -> tuple[str, ...]:
    """The names of the months, as they stand in a date."""
    return tuple(_months(language).values())


def _time(found: datetime, language: str) -> str:
    if language == "fi":
        return f"{found.hour}.{found.minute:02}"
    return f"{found.hour:02}{':' if language == 'en' else '.'}{found.minute:02}"


def _day(found: date, language: str) -> str:
    if language == "fi":
        return f"{found.day}.{found.month}.{found.year}"
    return f"{found.day} {_months(language)[found.month]} {found.year}"


@functools.cache
def _months(language: str, context: str = "format") -> Mapping[int, str]:
    return dict(Locale(language).months[context]["wide"])


@functools.cache
def _weekdays(language: str) -> Mapping[int, str]:
    return dict(Locale(language).days["format"]["wide"])
