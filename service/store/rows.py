"""What one resource is found by: the rows of the search index, and how a value of each FHIR type becomes such rows.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from service.store.values import BEGINNING, END, exactly, folded, number, short, span

Convert = Callable[[Any, "Rows"], None]


class Rows:
    """Rows of the index, by their tables: tuples in the order of the columns. `rid` is the resource at hand."""

    __slots__ = ("base_urls", "date", "part", "parts", "quantity", "reference", "rid", "string", "token")

    def __init__(self) -> None:
        self.token: set[tuple[int, int, str, int, int]] = set()
        self.reference: set[tuple[int, int, str, int]] = set()
        self.string: set[tuple[int, int, str, int, int]] = set()
        self.date: set[tuple[int, int, int, int, int]] = set()
        self.quantity: set[tuple[int, int, float, float, int, str, int]] = set()
        self.begin(0, ())

    def begin(self, rid: int, base_urls: tuple[str, ...]) -> None:
        """What is collected from now on is of another resource."""
        self.rid = rid
        self.base_urls = base_urls
        self.part = 0
        self.parts = 0


def local(reference: str, base_urls: tuple[str, ...]) -> str:
    """`reference` as it is indexed: relative to this service where it is its own, without a version."""
    for base in base_urls:
        if reference.startswith(base):
            reference = reference[len(base) :]
            break
    return reference.partition("/_history/")[0] if "/_history/" in reference else reference


# Types whose parts are what is indexed: the keys of these and their type. So each part of a name is a string.
INNER: Mapping[tuple[str, str], tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        ("string", "CodeableConcept"): (("text",), "string"),
        ("string", "HumanName"): (("text", "family", "given", "prefix", "suffix"), "string"),
        ("string", "Address"): (("text", "line", "city", "district", "state", "postalCode", "country"), "string"),
    }
)
_CODED = {"Coding": "code", "Identifier": "value", "ContactPoint": "value"}


def token_of(kind: str, param: int, system: int) -> Convert | None:
    """Rows for a token from a value of the FHIR type `kind`; `system` is the one that a bare code implies."""
    if kind == "CodeableConcept":
        return _concept(_coded(param, "code", has_system=True))
    if kind in _CODED:
        # The system of a ContactPoint says what kind it is of.
        return _coded(param, _CODED[kind], has_system=kind != "ContactPoint")
    if kind == "boolean":
        return _truth(param)
    return _code(param, system) if kind[0].islower() else None


def _coded(param: int, key: str, *, has_system: bool) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is dict:
            code, system = value.get(key), value.get("system")
            if type(code) is str and code:
                known = number(system) if has_system and type(system) is str else 0
                rows.token.add((rows.rid, param, short(code), known, rows.part))

    return convert


def _concept(coded: Convert) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        codings = value.get("coding") if type(value) is dict else None
        if type(codings) is list:
            for one in codings:
                coded(one, rows)

    return convert


def _truth(param: int) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is bool:
            rows.token.add((rows.rid, param, "true" if value else "false", 0, rows.part))

    return convert


def _code(param: int, system: int) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is str and value:
            rows.token.add((rows.rid, param, short(value), system, rows.part))

    return convert


def uri_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a uri: they stand among the tokens."""
    return _code(param, 0) if kind[0].islower() else None


def reference_of(kind: str, param: int, identifier: int) -> Convert | None:
    """Rows for a reference; that of a reference by identifier is a token of the parameter `identifier`."""
    if kind == "Reference":
        return _reference(param, _coded(identifier, "value", has_system=True))
    if kind in ("canonical", "uri", "url"):
        return _canonical(param)
    return None


def _reference(param: int, identified: Convert) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is dict:
            target = value.get("reference")
            if type(target) is str and target and target[0] != "#":
                rows.reference.add((rows.rid, param, short(local(target, rows.base_urls)), rows.part))
            if "identifier" in value:
                identified(value["identifier"], rows)

    return convert


def _canonical(param: int) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is str and value:
            rows.reference.add((rows.rid, param, short(value), rows.part))
            rows.reference.add((rows.rid, param, short(value.partition("|")[0]), rows.part))

    return convert


def string_of(kind: str, param: int, _: int) -> Convert | None:
    """Rows for a string."""
    return _string(param) if kind[0].islower() else None


def _string(param: int) -> Convert:
    def convert(value: Any, rows: Rows) -> None:
        if type(value) is str and value:
            rows.string.add((rows.rid, param, folded(value), number(value), rows.part))

    return convert


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
        rows.date.add((rows.rid, param, *found, rows.part))


def _period(param: int, value: Any, rows: Rows) -> None:
    if type(value) is not dict:
        return
    start, end = (span(one) if type(one) is str else None for one in (value.get("start"), value.get("end")))
    if start is not None or end is not None:
        rows.date.add((rows.rid, param, start[0] if start else BEGINNING, end[1] if end else END, rows.part))


def _timing(param: int, value: Any, rows: Rows) -> None:
    if type(value) is not dict:
        return
    events = value.get("event")
    texts = [one for one in events if type(one) is str] if type(events) is list else []
    spans = [found for one in texts if (found := span(one)) is not None]
    if spans:
        rows.date.add((rows.rid, param, min(one[0] for one in spans), max(one[1] for one in spans), rows.part))
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
        rows.quantity.add((rows.rid, param, least, most, system, short(code), rows.part))


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
