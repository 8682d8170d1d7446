"""What a value of each primitive type may look like in JSON.

https://hl7.org/fhir/R4/datatypes.html#primitive, https://hl7.org/fhir/R4/json.html#primitive
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

Checker = Callable[[Any], str | None]

MAX_STRING = 1_048_576
_YEAR = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_date = re.compile(rf"{_YEAR}(-{_MONTH}(-{_DAY})?)?").fullmatch
_date_time = re.compile(rf"{_YEAR}(-{_MONTH}(-{_DAY}(T{_TIME}{_ZONE})?)?)?").fullmatch
_instant = re.compile(rf"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}").fullmatch
_time = re.compile(_TIME).fullmatch
_without_zone = re.compile(rf"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}").fullmatch
_code = re.compile(r"[^\s]+(\s[^\s]+)*", re.ASCII).fullmatch
_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_oid = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+").fullmatch
_uuid = re.compile(f"urn:uuid:{_UUID}").fullmatch
_any_case_uuid = re.compile(f"urn:uuid:{_UUID}", re.IGNORECASE).fullmatch
_base64 = re.compile(r"(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?").fullmatch
_blank = re.compile(r"[ \t\r\n]+")
_control = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_space = re.compile(r"\s").search


def _boolean(value: Any) -> str | None:
    return None if value is None or type(value) is bool else "values.boolean"


def _decimal(value: Any) -> str | None:
    return None if value is None or type(value) in (Decimal, int, float) else "values.decimal"


def _whole(key: str, least: int) -> Checker:
    def check(value: Any) -> str | None:
        if value is None:
            return None
        if type(value) is not int:
            return "values.integer"
        return None if least <= value <= 2_147_483_647 else key

    return check


def _string(value: Any) -> str | None:
    if type(value) is not str:
        return None if value is None else "values.string"
    if not value:
        return "values.empty"
    if len(value) > MAX_STRING:
        return "values.too-long"
    if value.isprintable() and not value.isspace():
        return None
    if _control(value):
        return "values.control-character"
    return "values.only-whitespace" if value.isspace() else None


def _text(form: Callable[[str], Any], key: str) -> Checker:
    """A checker for a string type: `form` gives something true for a good value, `key` is the issue otherwise."""

    def check(value: Any) -> str | None:
        if type(value) is not str:
            return None if value is None else "values.string"
        if not value:
            return "values.empty"
        return None if form(value) else key

    return check


def _dated(form: Callable[[str], Any], key: str) -> Checker:
    def check(value: Any) -> str | None:
        if type(value) is not str:
            return None if value is None else "values.string"
        if not value:
            return "values.empty"
        if not form(value):
            return "values.zone-missing" if key != "values.date" and _without_zone(value) else key
        return None if len(value) < 10 or _exists(value) else "values.no-such-date"

    return check


def _exists(value: str) -> bool:
    """Whether the day of a well-formed date is in the (proleptic Gregorian) calendar."""
    day = int(value[8:10])
    if day < 29:
        return True
    month = int(value[5:7])
    if month != 2:
        return day < 31 or month not in (4, 6, 9, 11)
    year = int(value[:4])
    return day == 29 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _uri(value: Any) -> str | None:
    if type(value) is not str:
        return None if value is None else "values.string"
    if not value:
        return "values.empty"
    if not value.isprintable() and _control(value):
        return "values.control-character"
    if _space(value):
        return "values.uri"
    if value.startswith("urn:"):
        return _urn(value.partition("#")[0])
    return "values.uri-scheme" if value.startswith(("oid:", "uuid:")) else None


def _urn(value: str) -> str | None:
    if value.startswith("urn:oid:") and not _oid(value):
        return "values.oid"
    if value.startswith("urn:uuid:") and not _any_case_uuid(value):
        return "values.uuid"
    return None


def _canonical(value: Any) -> str | None:
    # A version may follow: https://hl7.org/fhir/R4/references.html#canonical
    found = _uri(value.partition("|")[0]) if type(value) is str else _uri(value)
    if found or value is None:
        return found
    if _space(value):
        return "values.uri"
    return None if value.startswith("#") or _absolute(value) else "values.canonical"


def _is_base64(value: str) -> bool:
    text = _blank.sub("", value)
    return bool(text) and bool(_base64(text))


def _xhtml(value: Any) -> str | None:
    # An empty or ill-formed narrative is the matter of txt-1 and txt-2 (htmlChecks), not of the lexical form.
    if type(value) is not str:
        return "values.string"
    return "values.control-character" if not value.isprintable() and _control(value) else None


PRIMITIVES: Mapping[str, Checker] = MappingProxyType(
    {
        "base64Binary": _text(_is_base64, "values.base64"),
        "boolean": _boolean,
        "canonical": _canonical,
        "code": _text(_code, "values.code"),
        "date": _dated(_date, "values.date"),
        "dateTime": _dated(_date_time, "values.date-time"),
        "decimal": _decimal,
        "id": _text(_id, "values.id"),
        "instant": _dated(_instant, "values.instant"),
        "integer": _whole("values.integer-range", -2_147_483_648),
        "markdown": _string,
        "oid": _text(_oid, "values.oid"),
        "positiveInt": _whole("values.positive", 1),
        "string": _string,
        "time": _text(_time, "values.time"),
        "unsignedInt": _whole("values.unsigned", 0),
        "uri": _uri,
        "url": _uri,
        "uuid": _text(_uuid, "values.uuid"),
        "xhtml": _xhtml,
    }
)
"""A checker for each primitive type: JSON value (as `service.fhir.json` reads it) → None, or the key of the issue.

The text of each issue takes `value` and `type`. `null` is no value and passes, except as xhtml: whether it may stand
where it stands is the structure's matter.
"""
