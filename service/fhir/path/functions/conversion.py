"""toInteger, convertsToDate and their like. http://hl7.org/fhirpath/N1/#conversion"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.fhir.path import nodes, quantities
from service.fhir.path.code import BOOLEAN
from service.fhir.path.errors import failure
from service.fhir.path.functions.base import Table, values
from service.fhir.path.moments import Moment, parse_date, parse_datetime, parse_time
from service.fhir.path.quantities import CALENDAR, Quantity

TABLE: Table = {}
_INTEGER = re.compile(r"[+-]?[0-9]{1,60}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{1,60})?")
_QUANTITY = re.compile(r"(?P<value>[+-]?[0-9]{1,60}(?:\.[0-9]{1,60})?)\s*(?:'(?P<code>[^']+)'|(?P<word>[a-zA-Z]+))?")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}


def to_boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if type(value) in (int, Decimal):
        return bool(value) if value in (0, 1) else None
    return _BOOLEANS.get(value.lower()) if type(value) is str else None


def to_integer(value: Any) -> int | None:
    if type(value) in (bool, int):
        return int(value)
    return int(value) if type(value) is str and _INTEGER.fullmatch(value) else None


def to_decimal(value: Any) -> Decimal | None:
    if type(value) is Decimal:
        return value
    if type(value) in (bool, int):
        return Decimal(int(value)) if type(value) is int else Decimal(f"{int(value)}.0")
    return Decimal(value) if type(value) is str and _DECIMAL.fullmatch(value) else None


def to_string(value: Any) -> str | None:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return f"{value:f}" if nodes.sane(value) or not value else str(value)
    return str(value) if type(value) in (int, Moment, Quantity) else None


def to_date(value: Any) -> Moment | None:
    if type(value) is str:
        found = parse_datetime(value)
        return parse_date(value[:10]) if found is not None else None
    if type(value) is Moment and value.kind != "Time":
        return Moment("Date", value.parts[:3])
    return None


def to_datetime(value: Any) -> Moment | None:
    if type(value) is str:
        return parse_datetime(value)
    if type(value) is Moment and value.kind != "Time":
        return Moment("DateTime", value.parts, value.offset, value.zone)
    return None


def to_time(value: Any) -> Moment | None:
    if type(value) is str:
        return parse_time(value)
    return value if type(value) is Moment and value.kind == "Time" else None


def to_quantity(value: Any) -> Quantity | None:
    if type(value) is Quantity:
        return value
    if type(value) in (bool, int, Decimal):
        number = to_decimal(value)
        return None if number is None or not (nodes.sane(number) or not number) else Quantity(number)
    match = _QUANTITY.fullmatch(value) if type(value) is str else None
    if match is None or (match["word"] and match["word"] not in CALENDAR):
        return None
    return Quantity.of(match["value"], match["code"] or match["word"] or "1")


def _declare(name: str, convert: Callable[[Any], Any], types: frozenset[str]) -> None:
    @values(TABLE, f"to{name}", 0, 1 if name == "Quantity" else 0, types=types)
    def to(items: list[Any], unit: list[Any] | None = None) -> list[Any]:
        found = _converted(items, convert, unit)
        return [] if found is None else [found]

    @values(TABLE, f"convertsTo{name}", 0, 1 if name == "Quantity" else 0, types=BOOLEAN)
    def converts_to(items: list[Any], unit: list[Any] | None = None) -> list[Any]:
        return [_converted(items, convert, unit) is not None] if items else []


def _converted(items: list[Any], convert: Callable[[Any], Any], unit: list[Any] | None) -> Any:
    if len(items) > 1:
        raise failure("singleton", count=len(items))
    value = nodes.single(items)
    found = None if value is None else convert(value)
    return _in_unit(found, unit) if unit is not None and type(found) is Quantity else found


def _in_unit(found: Quantity, unit: list[Any]) -> Quantity | None:
    wanted = nodes.text(unit)
    if wanted is None:
        return found
    goal = Quantity.of("0", wanted)
    return quantities.add(goal, found, 1)


for _name, _convert in (
    ("Boolean", to_boolean),
    ("Integer", to_integer),
    ("Decimal", to_decimal),
    ("String", to_string),
    ("Date", to_date),
    ("DateTime", to_datetime),
    ("Time", to_time),
    ("Quantity", to_quantity),
):
    _declare(_name, _convert, frozenset({f"System.{_name}"}))
