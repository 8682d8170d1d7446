"""What one resource is found by: the rows of the search index, and how a value of each FHIR type becomes such rows.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.store.values import BEGINNING, END, exactly, folded, number, short, span

Convert = Callable[[Any, "Rows"], None]


class Rows:
    """The index rows of one resource, without its number: tuples in the order of the table's columns after `rid`."""

    __slots__ = ("base_urls", "date", "part", "parts", "quantity", "reference", "string", "token")

    def __init__(self, base_urls: tuple[str, ...] = ()) -> None:
        self.base_urls = base_urls
        self.part = 0
        self.parts = 0
        self.token: set[tuple[int, str, int, int]] = set()
        self.reference: set[tuple[int, str, int]] = set()
        self.string: set[tuple[int, str, int, int]] = set()
        self.date: set[tuple[int, int, int, int]] = set()
        self.quantity: set[tuple[int, float, float, int, str, int]] = set()


def local(reference: str, base_urls: tuple[str, ...]) -> str:
    """`reference` as it is indexed: relative to this service where it is its own, without a version."""
    for base in base_urls:
        if reference.startswith(base):
            reference = reference[len(base) :]
            break
    return reference.partition("/_history/")[0]


def token_of(kind: str, param: int, system: int) -> Convert | None:
    """Rows for a token from a value of the FHIR type `kind`; `system` is the one that a bare code implies."""
    if kind == "CodeableConcept":
        return lambda value, rows: _codings(param, value, rows)
    if kind == "Coding":
        return lambda value, rows: _coding(param, value, "code", rows)
    if kind == "Identifier":
        return lambda value, rows: _coding(param, value, "value", rows)
    if kind == "ContactPoint":
        return lambda value, rows: _put(param, value.get("value") if type(value) is dict else None, 0, rows)
    if kind == "boolean":
        return lambda value, rows: _put(param, str(value).lower() if type(value) is bool else None, 0, rows)
    if kind[0].islower():
        return lambda value, rows: _put(param, value, system, rows)
    return None


def _put(param: int, code: Any, system: int, rows: Rows) -> None:
    if type(code) is str and code:
        rows.token.add((param, short(code), system, rows.part))


def _coding(param: int, value: Any, key: str, rows: Rows) -> None:
    if type(value) is dict:
        system = value.get("system")
        _put(param, value.get(key), number(system) if type(system) is str else 0, rows)


def _codings(param: int, value: Any, rows: Rows) -> None:
    codings = value.get("coding") if type(value) is dict else None
    if type(codings) is list:
        for one in codings:
            _coding(param, one, "code", rows)


def uri_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a uri: they stand among the tokens."""
    return (lambda value, rows: _put(param, value, 0, rows)) if kind[0].islower() else None


def reference_of(kind: str, param: int, identifier: int) -> Convert | None:
    """Rows for a reference; that of a reference by identifier is a token of the parameter `identifier`."""
    if kind == "Reference":
        return lambda value, rows: _reference(param, identifier, value, rows)
    if kind in ("canonical", "uri", "url"):
        return lambda value, rows: _canonical(param, value, rows)
    return None


def _reference(param: int, identifier: int, value: Any, rows: Rows) -> None:
    if type(value) is not dict:
        return
    target = value.get("reference")
    if type(target) is str and target and target[0] != "#":
        rows.reference.add((param, short(local(target, rows.base_urls)), rows.part))
    if "identifier" in value:
        _coding(identifier, value["identifier"], "value", rows)


def _canonical(param: int, value: Any, rows: Rows) -> None:
    if type(value) is str and value:
        rows.reference.add((param, short(value), rows.part))
        rows.reference.add((param, short(value.partition("|")[0]), rows.part))


_PARTS = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
    "CodeableConcept": ("text",),
}


def string_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a string: each part of a name or an address is one."""
    if kind in _PARTS:
        keys = _PARTS[kind]
        return lambda value, rows: _parts(param, value, keys, rows)
    return (lambda value, rows: _text(param, value, rows)) if kind[0].islower() else None


def _text(param: int, value: Any, rows: Rows) -> None:
    if type(value) is str and value:
        rows.string.add((param, folded(value), number(value), rows.part))


def _parts(param: int, value: Any, keys: tuple[str, ...], rows: Rows) -> None:
    if type(value) is not dict:
        return
    for key in keys:
        found = value.get(key)
        if type(found) is list:
            for one in found:
                _text(param, one, rows)
        else:
            _text(param, found, rows)


def date_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a date: its first and last moment; an open end is the end of time."""
    if kind in ("date", "dateTime", "instant"):
        return lambda value, rows: _moment(param, value, rows)
    if kind == "Period":
        return lambda value, rows: _period(param, value, rows)
    if kind == "Timing":
        return lambda value, rows: _timing(param, value, rows)
    return None


def _moment(param: int, value: Any, rows: Rows) -> None:
    found = span(value) if type(value) is str else None
    if found is not None:
        rows.date.add((param, *found, rows.part))


def _period(param: int, value: Any, rows: Rows) -> None:
    if type(value) is not dict:
        return
    start, end = (span(one) if type(one) is str else None for one in (value.get("start"), value.get("end")))
    if start is not None or end is not None:
        rows.date.add((param, start[0] if start else BEGINNING, end[1] if end else END, rows.part))


def _timing(param: int, value: Any, rows: Rows) -> None:
    if type(value) is not dict:
        return
    events = value.get("event")
    texts = [one for one in events if type(one) is str] if type(events) is list else []
    spans = [found for one in texts if (found := span(one)) is not None]
    if spans:
        rows.date.add((param, min(one[0] for one in spans), max(one[1] for one in spans), rows.part))
    repeat = value.get("repeat")
    if type(repeat) is dict:
        _period(param, repeat.get("boundsPeriod"), rows)


def quantity_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a quantity or a number: the range it covers and its unit."""
    if kind in ("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity"):
        return lambda value, rows: _quantity(param, value, value, rows)
    if kind == "Money":
        return lambda value, rows: _money(param, value, rows)
    if kind == "Range":
        return lambda value, rows: _range(param, value, rows)
    if kind in ("integer", "decimal", "positiveInt", "unsignedInt"):
        return lambda value, rows: _number(param, value, value, 0, "", rows)
    return None


def _number(param: int, low: Any, high: Any, system: int, code: str, rows: Rows) -> None:
    bounds = [exactly(one) if type(one) in (int, Decimal) else None for one in (low, high)]
    if bounds[0] or bounds[1]:
        least = bounds[0][0] if bounds[0] else -1e308
        most = bounds[1][1] if bounds[1] else 1e308
        rows.quantity.add((param, least, most, system, short(code), rows.part))


def _quantity(param: int, low: Any, high: Any, rows: Rows) -> None:
    first = low if type(low) is dict else high
    if type(first) is not dict:
        return
    values = [one.get("value") if type(one) is dict else None for one in (low, high)]
    system, code, unit = first.get("system"), first.get("code"), first.get("unit")
    known = number(system) if type(system) is str else 0
    for name in {one for one in (code, unit) if type(one) is str} or {""}:
        _number(param, values[0], values[1], known, name, rows)


def _range(param: int, value: Any, rows: Rows) -> None:
    if type(value) is dict:
        _quantity(param, value.get("low"), value.get("high"), rows)


def _money(param: int, value: Any, rows: Rows) -> None:
    if type(value) is dict:
        code = value.get("currency")
        amount = value.get("value")
        _number(param, amount, amount, number("urn:iso:std:iso:4217"), code if type(code) is str else "", rows)


CONVERT: dict[str, Callable[[str, int, int], Convert | None]] = {
    "token": token_of,
    "uri": uri_of,
    "reference": reference_of,
    "string": string_of,
    "date": date_of,
    "quantity": quantity_of,
    "number": quantity_of,
}
