"""Dates and times out of text by a pattern, out of Unix time, and back: `dateOp`, `toDate`, `unixToDateTime` …

https://build.fhir.org/ig/HL7/mapping-language-ig/transforms.html#date-op-details
"""

import datetime
import functools
import re
from typing import Any

from service.mapping.runtime import Run
from service.mapping.transforms import number, text

_CODES = re.compile(r"yyyy|yy|MMMM|MMM|MM|M|dd|d|HH|H|hh|h|mm|m|ss|s|S+|a|XXX|Z|z|'(?:[^']|'')*'|.", re.DOTALL)
_PARTS = {
    "yyyy": r"(?P<year>\d{4})",
    "yy": r"(?P<short>\d{2})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "MMM": r"(?P<named>[^\W\d_]+)\.?",
    "MMMM": r"(?P<named>[^\W\d_]+)",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<half>\d{2})",
    "h": r"(?P<half>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "m": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{2})",
    "s": r"(?P<second>\d{1,2})",
    "a": r"(?P<noon>[AaPp][Mm]?)",
    "Z": r"(?P<zone>Z|[+-]\d{2}:?\d{2})",
    "XXX": r"(?P<zone>Z|[+-]\d{2}:\d{2})",
    "z": r"(?P<zone>Z|UTC|GMT)",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DEFAULTS = ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd'T'HH:mm:ssXXX", "yyyy-MM-dd", "yyyy-MM", "yyyy")
_TIMES = ("HH:mm:ss.SSS", "HH:mm:ss", "HH:mm")


@functools.lru_cache(512)
def _pattern(form: str) -> re.Pattern[str] | None:
    """The regular expression of a pattern; None where a part stands twice."""
    parts: list[str] = []
    for code in _CODES.findall(form):
        if code[0] == "S":
            parts.append(rf"(?P<fraction>\d{{{len(code)}}})" if len(code) > 1 else r"(?P<fraction>\d+)")
        elif code in _PARTS:
            parts.append(_PARTS[code])
        else:
            parts.append(re.escape(code[1:-1].replace("''", "'") if len(code) > 1 else code))
    try:
        return re.compile("".join(parts))
    except re.error:
        return None


def _read(value: str, forms: tuple[str, ...]) -> dict[str, str] | None:
    for form in forms:
        pattern = _pattern(form)
        match = pattern.fullmatch(value) if pattern else None
        if match:
            return {name: part for name, part in match.groupdict().items() if part is not None}
    return None


def _date(found: dict[str, str]) -> str | None:
    year = found.get("year")
    if year is None and "short" in found:
        year = ("20" if int(found["short"]) < 50 else "19") + found["short"]
    month = found.get("month")
    if "named" in found:
        name = found["named"][:3].lower()
        month = str(_MONTHS.index(name) + 1) if name in _MONTHS else None
    if year is None:
        return None
    if month is None:
        return year
    try:
        datetime.date(int(year), int(month), int(found.get("day", "1")))
    except ValueError:
        return None
    return f"{year}-{int(month):02d}" + (f"-{int(found['day']):02d}" if "day" in found else "")


def _time(found: dict[str, str]) -> str | None:
    hour = int(found.get("hour", "0"))
    if "half" in found:
        hour = int(found["half"]) % 12 + (12 if found.get("noon", "a")[0] in "pP" else 0)
    minute, second = int(found.get("minute", "0")), int(found.get("second", "0"))
    if hour > 23 or minute > 59 or second > 60:
        return None
    return f"{hour:02d}:{minute:02d}:{second:02d}" + (f".{found['fraction']}" if "fraction" in found else "")


def _zone(found: dict[str, str]) -> str:
    zone = found.get("zone", "Z")
    if zone in ("Z", "UTC", "GMT"):
        return "Z"
    return zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"


def _whole(found: dict[str, str], kind: str) -> str | None:
    """As `date`, `dateTime` or `time`; a dateTime without a time of day is a date."""
    if kind == "time":
        return _time(found)
    day = _date(found)
    if day is None or kind == "date" or not found.keys() & {"hour", "half"}:
        return day
    clock = _time(found)
    return f"{day}T{clock}{_zone(found)}" if clock and len(day) == 10 else None


def parsed(run: Run, where: str, pointer: str | None, kind: str, value: Any, form: Any = None) -> Any:
    """`toDate`, `toDateTime` and `toTime`: a text by a pattern (default: as FHIR writes it)."""
    source = text(value)
    if source is None:
        return None
    forms = (str(form),) if form is not None else _TIMES if kind == "time" else _DEFAULTS
    found = _read(source, forms)
    made = _whole(found, kind) if found is not None else None
    if made is None:
        run.fail("fml.date", where, pointer, value=source, form=form or forms[0])
    return made


def unix(run: Run, where: str, pointer: str | None, kind: str, value: Any, zone: Any = None) -> Any:
    """`unixToDate`, `unixToDateTime` and `unixToTime`: seconds since 1970 at an offset such as `+02:00`."""
    size = number(value)
    match = re.fullmatch(r"Z|([+-])(\d\d):?(\d\d)", str(zone or "Z"))
    if size is None or match is None or abs(size) > 253_402_300_799:
        run.fail("fml.date", where, pointer, value=value if match else zone, form="Unix time")
        return None
    minutes = (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1) if match[1] else 0
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(size), minutes=minutes)
    day, clock = moment.date().isoformat(), moment.time().isoformat()
    if kind == "date":
        return day
    offset = "Z" if not minutes else f"{match[1]}{match[2]}:{match[3]}"
    return clock if kind == "time" else f"{day}T{clock}{offset}"


def date_op(run: Run, where: str, pointer: str | None, *given: Any) -> Any:
    """`dateOp()` is now; `(value)` and `(value, pattern)` read a text; `(value, pattern, pattern)` writes it anew."""
    if not given:
        if run.now is None:
            run.fail("fml.no-clock", where, pointer)
            return None
        return run.now.isoformat()
    if len(given) < 3:
        return parsed(run, where, pointer, "dateTime", *given)
    source = text(given[0])
    if source is None:
        return None
    found = _read(source, (str(given[1]),))
    if found is None or _whole(found, "time" if "year" not in found and "short" not in found else "date") is None:
        run.fail("fml.date", where, pointer, value=source, form=given[1])
        return None
    return _written(found, str(given[2]))


def _written(found: dict[str, str], form: str) -> str:
    day = [*(_date(found) or "").split("-"), "01", "01"]
    hour, minute, second = (_time(found) or "00:00:00").partition(".")[0].split(":")
    half = int(hour) % 12 or 12
    values = {
        "yyyy": day[0],
        "yy": day[0][-2:],
        "MM": day[1],
        "M": str(int(day[1])),
        "dd": day[2],
        "d": str(int(day[2])),
        "HH": hour,
        "H": str(int(hour)),
        "hh": f"{half:02d}",
        "h": str(half),
        "mm": minute,
        "m": str(int(minute)),
        "ss": second,
        "s": str(int(second)),
        "a": "PM" if int(hour) > 11 else "AM",
        "Z": _zone(found).replace(":", ""),
        "XXX": _zone(found),
    }
    parts: list[str] = []
    for code in _CODES.findall(form):
        if code[0] == "S":
            parts.append(found.get("fraction", "").ljust(len(code), "0")[: len(code)])
        elif code in values:
            parts.append(values[code])
        else:
            parts.append(code[1:-1].replace("''", "'") if len(code) > 1 and code[0] == "'" else code)
    return "".join(parts)
