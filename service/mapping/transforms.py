"""The transforms of the mapping language: JSON values in, a JSON value (or None, which creates nothing) out.

https://hl7.org/fhir/R4/valueset-map-transform.html, https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8.1
https://build.fhir.org/ig/HL7/mapping-language-ig/transforms.html
"""

import html
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from service.mapping.runtime import Run
from service.mapping.shapes import STRINGS


@dataclass(frozen=True, slots=True)
class Signature:
    """How many parameters a transform takes (`most` None: any number), and the type of its result (None: varies)."""

    least: int
    most: int | None
    result: str | None


SIGNATURES: Mapping[str, Signature] = {
    "create": Signature(0, 1, None),
    "copy": Signature(1, 1, None),
    "truncate": Signature(2, 2, "string"),
    "escape": Signature(2, 3, "string"),
    "cast": Signature(1, 2, None),
    "append": Signature(1, None, "string"),
    "translate": Signature(2, 3, None),
    "reference": Signature(1, 1, "string"),
    "dateOp": Signature(0, 3, None),
    "toDate": Signature(1, 2, "date"),
    "toDateTime": Signature(1, 2, "dateTime"),
    "toTime": Signature(1, 2, "time"),
    "unixToDate": Signature(1, 2, "date"),
    "unixToDateTime": Signature(1, 2, "dateTime"),
    "unixToTime": Signature(1, 2, "time"),
    "uuid": Signature(0, 0, "id"),
    "pointer": Signature(1, 1, "uri"),
    "evaluate": Signature(1, 2, None),
    "cc": Signature(1, 3, "CodeableConcept"),
    "c": Signature(2, 3, "Coding"),
    "qty": Signature(1, 4, "Quantity"),
    "id": Signature(2, 3, "Identifier"),
    "cp": Signature(1, 2, "ContactPoint"),
}
_QUANTITY = re.compile(r"\s*(<=|>=|<|>)?\s*([+-]?\d+(?:\.\d+)?)\s*(\S.*)?", re.DOTALL)
_UCUM = "http://unitsofmeasure.org"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


def text(value: Any) -> str | None:
    """A primitive value as text; None for no value and for an object."""
    if value is None or type(value) in (dict, list):
        return None
    if type(value) is bool:
        return "true" if value else "false"
    return value if type(value) is str else f"{value:f}" if type(value) is Decimal else str(value)


def truncate(run: Run, where: str, pointer: str | None, value: Any, length: Any) -> Any:
    source = text(value)
    size = number(length)
    if size is None or size < 0:
        run.fail("fml.not-a-length", where, pointer, value=length)
        return None
    return None if source is None else source[: int(size)] or None


def append(run: Run, where: str, pointer: str | None, *values: Any) -> Any:
    return "".join(part for value in values if (part := text(value)) is not None) or None


_V2 = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_FROM_V2 = {value[1]: key for key, value in _V2.items()}
_ESCAPERS: dict[str, Callable[[str], str]] = {
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "html": lambda value: html.escape(value, quote=True),
    "xml": lambda value: html.escape(value, quote=True),
    "url": lambda value: urllib.parse.quote(value, safe=""),
    "v2": lambda value: re.sub(r"[\\|^&~]", lambda found: _V2[found[0]], value),
    "none": str,
    "text": str,
    "plain": str,
}


def _from_json(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"', strict=False))
    except ValueError:
        return value


_UNESCAPERS: dict[str, Callable[[str], str]] = {
    "json": _from_json,
    "html": html.unescape,
    "xml": html.unescape,
    "url": urllib.parse.unquote,
    "v2": lambda value: re.sub(r"\\([EFSTR])\\", lambda found: _FROM_V2[found[1]], value),
    "none": str,
    "text": str,
    "plain": str,
}


def escape(run: Run, where: str, pointer: str | None, value: Any, first: Any, second: Any = None) -> Any:
    """From one escaping to another (`none html xml json url v2`); with one format, from plain text to it."""
    source = text(value)
    before, after = ("none", first) if second is None else (first, second)
    if before not in _UNESCAPERS or after not in _ESCAPERS:
        run.fail("fml.escape-format", where, pointer, value=after if before in _UNESCAPERS else before)
        return None
    return None if source is None else _ESCAPERS[after](_UNESCAPERS[before](source)) or None


def cast(run: Run, where: str, pointer: str | None, value: Any, type_: Any) -> Any:
    """`value` as the primitive type `type_`; a value that is none of that type ends the run."""
    if type(value) is bool and type_ == "boolean":
        return value
    source = text(value)
    if source is None:
        return None
    made: Any = None
    if type_ == "boolean":
        made = {"true": True, "false": False, "1": True, "0": False}.get(source.lower())
    elif type_ in ("integer", "positiveInt", "unsignedInt", "integer64"):
        size = number(source)
        least = {"positiveInt": 1, "unsignedInt": 0}.get(type_, -(2**63))
        made = int(size) if size is not None and size == size.to_integral_value() and size >= least else None
    elif type_ == "decimal":
        made = number(source)
    elif type_ in STRINGS:
        made = source if type_ not in LEXICAL or LEXICAL[type_].fullmatch(source) else None
    if made is None:
        run.fail("fml.cast", where, pointer, value=source, type=type_)
    return made


_YEAR = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
LEXICAL = {
    "date": re.compile(_YEAR),
    "dateTime": re.compile(rf"{_YEAR}|\d{{4}}-\d\d-\d\dT{_CLOCK}(Z|[+-]\d\d:\d\d)"),
    "instant": re.compile(rf"\d{{4}}-\d\d-\d\dT{_CLOCK}(Z|[+-]\d\d:\d\d)"),
    "time": re.compile(_CLOCK),
    "code": re.compile(r"[^\s]+( [^\s]+)*"),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "oid": re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+"),
    "uuid": re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}


def number(value: Any) -> Decimal | None:
    """A number, or a text that is one; None for anything else and for what is out of all proportion."""
    if type(value) is bool or value is None:
        return None
    try:
        found = value if type(value) is Decimal else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 60 else None


def uuid(run: Run, where: str, pointer: str | None) -> str:
    return run.uuid()


def reference(run: Run, where: str, pointer: str | None, value: Any) -> Any:
    """`Type/id` of a resource; one that has no id yet is given a new one, unless it belongs to the source."""
    if type(value) is not dict or "resourceType" not in value:
        run.fail("fml.no-resource", where, pointer)
        return None
    if "id" not in value:
        run.fail("fml.no-id", where, pointer, type=value["resourceType"])
    return f"{value['resourceType']}/{value['id']}"


def pointer_(run: Run, where: str, pointer: str | None, value: Any) -> Any:
    """`urn:uuid:` and the id of a resource."""
    if type(value) is not dict or "resourceType" not in value:
        run.fail("fml.no-resource", where, pointer)
        return None
    if "id" not in value:
        run.fail("fml.no-id", where, pointer, type=value["resourceType"])
    return f"urn:uuid:{value['id']}"


def identified(run: Run, value: Any) -> Any:
    """A resource that is being made, given an id where it has none, so that something can refer to it."""
    if type(value) is dict and "resourceType" in value:
        value.setdefault("id", run.uuid())
    return value


def coding(run: Run, where: str, pointer: str | None, system: Any, code: Any, display: Any = None) -> Any:
    return _filled({"system": text(system), "code": text(code), "display": text(display)})


def concept(run: Run, where: str, pointer: str | None, first: Any, code: Any = None, display: Any = None) -> Any:
    """A CodeableConcept of a text, or of system, code and display."""
    if code is None:
        return _filled({"text": text(first)})
    made = coding(run, where, pointer, first, code, display)
    return {"coding": [made]} if made else None


def quantity(
    run: Run, where: str, pointer: str | None, value: Any, unit: Any = None, system: Any = None, code: Any = None
) -> Any:
    """A Quantity of a text (`<5.5 mg`), or of value, unit, system and code."""
    if unit is None and type(value) is str:
        match = _QUANTITY.fullmatch(value)
        if match is None:
            run.fail("fml.quantity", where, pointer, value=value)
            return None
        rest = (match[3] or "").strip() or None
        return _filled({"value": number(match[2]), "comparator": match[1], "unit": rest})
    size = value if type(value) in (int, Decimal) else number(value)
    if size is None and value is not None:
        run.fail("fml.quantity", where, pointer, value=value)
    coded = text(code) if code is not None else None
    return _filled({"value": size, "unit": text(unit), "system": text(system), "code": coded})


def identifier(run: Run, where: str, pointer: str | None, system: Any, value: Any, type_: Any = None) -> Any:
    made = _filled({"system": text(system), "value": text(value)})
    if made and type_ is not None:
        made["type"] = {"coding": [{"system": _IDENTIFIER_TYPES, "code": text(type_)}]}
    return made


def contact(run: Run, where: str, pointer: str | None, first: Any, second: Any = None) -> Any:
    """A ContactPoint of system and value; with the value alone, its system follows from what it looks like."""
    if second is not None:
        return _filled({"system": text(first), "value": text(second)})
    value = text(first)
    return _filled({"system": _contact_system(value), "value": value}) if value else None


def _contact_system(value: str) -> str:
    if re.fullmatch(r"(mailto:)?[^@\s/]+@[^@\s/]+", value):
        return "email"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value) or value.startswith("www."):
        return "url"
    if re.fullmatch(r"(tel:)?[+(]?[\d\s().-]{3,}", value):
        return "phone"
    return "other"


def _filled(made: dict[str, Any]) -> dict[str, Any] | None:
    return {key: value for key, value in made.items() if value is not None and value != ""} or None
