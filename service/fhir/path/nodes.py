"""The items of a collection, and how one becomes a value of the System types.

An item is one of
- a FHIR element: the tuple `(json value, type name, element)`, where `element` is the `_name` sibling of a primitive
  that holds its id and extensions, or `None`; the type is `""` where no model tells it;
- a System value: `bool`, `int`, `Decimal`, `str`, `Moment`, `Quantity`;
- `TypeInfo`, what `type()` gives;
- without a model, plain JSON: a `dict` or a scalar.
A tuple and not a class, because an invariant makes dozens and a tuple costs a tenth.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service.fhir.path.errors import failure
from service.fhir.path.model import Model
from service.fhir.path.moments import Moment, parse_date, parse_datetime, parse_time
from service.fhir.path.quantities import Quantity

QUANTITIES = frozenset({"Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance", "Duration"})
# Types that only say what a value at least is: what it really is stands in `resourceType`.
ABSTRACT = frozenset({"Resource", "DomainResource", ""})
# Types whose elements are not all the elements an item of them has.
OPEN = ABSTRACT | {"Element", "BackboneElement"}
STRINGS = frozenset(
    {"string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid", "base64Binary", "xhtml"}
)
UCUM = "http://unitsofmeasure.org"
MAX_ITEMS = 1_000_000
MAX_TEXT = 20_000_000
_MAGNITUDE = 60


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type as a value: `namespace` is `System` or `FHIR`."""

    namespace: str
    name: str


def sane(value: Decimal) -> bool:
    """Whether arithmetic on `value` is bounded: `1e999999999` is one short JSON number and a billion digits."""
    return value.is_finite() and -_MAGNITUDE <= value.adjusted() <= _MAGNITUDE


_NUMBER = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,2})?")


def _decimal(value: Any) -> Any:
    """A decimal; one that a careless conversion from XML left as a string still is one."""
    if type(value) is int or (type(value) is str and _NUMBER.fullmatch(value)):
        return Decimal(value)
    return value


def _moment(parse: Callable[[str], Moment | None]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is not str:
            return value
        moment = parse(value)
        return value if moment is None else moment

    return convert


def _same(value: Any) -> Any:
    return value


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("boolean", "integer", "positiveInt", "unsignedInt", "integer64", *STRINGS), _same),
    "decimal": _decimal,
    "date": _moment(parse_date),
    "dateTime": _moment(parse_datetime),
    "instant": _moment(parse_datetime),
    "time": _moment(parse_time),
}


def system(item: Any) -> Any:
    """`item` as a System value where it is one or a FHIR primitive or Quantity; `None` for a primitive without a value;
    any other element stays what it is."""
    if type(item) is not tuple:
        return item
    value, type_name, _ = item
    convert = CONVERSIONS.get(type_name)
    if convert is not None:
        return convert(value)
    if type_name in QUANTITIES:
        return quantity(value) or item
    return value if type_name == "" else item


def systems(items: list[Any]) -> list[Any]:
    """`system` of each, without those that have no value."""
    return [value for item in items if (value := system(item)) is not None]


def quantity(value: Any) -> Quantity | None:
    """A FHIR Quantity as a System one: its code where the system is UCUM, else its unit; with a comparator none."""
    if type(value) is not dict or "comparator" in value:
        return None
    number, unit = _decimal(value.get("value")), value.get("unit")
    if value.get("system") == UCUM and "code" in value:
        unit = value["code"]
    if type(number) is not Decimal or not sane(number) or type(unit) not in (str, type(None)):
        return None
    return Quantity(number, unit or "1")


def single(items: list[Any]) -> Any:
    """The one item as a System value (or element); `None` for none; an error for more."""
    if not items:
        return None
    if len(items) > 1:
        raise failure("singleton", count=len(items))
    return system(items[0])


def truth(items: list[Any]) -> bool | None:
    """Singleton evaluation as Boolean: `None` for empty, a Boolean itself, any other one item is true."""
    if not items:
        return None
    if len(items) > 1:
        raise failure("singleton", count=len(items))
    value = system(items[0])
    return value if value is True or value is False or value is None else True


def text(items: list[Any]) -> str | None:
    """The one string of `items`; an error for another type."""
    value = single(items)
    if value is None or type(value) is str:
        return value
    raise failure("operand", expected="a string", found=named(value))


def integer(items: list[Any]) -> int | None:
    """The one integer of `items`; an error for another type."""
    value = single(items)
    if value is None or type(value) is int:
        return value
    raise failure("operand", expected="an integer", found=named(value))


def type_of(item: Any) -> TypeInfo:
    """What `type()` says."""
    if type(item) is tuple:
        value, name, _ = item
        if name:
            return TypeInfo("FHIR", name)
        item = value
    if type(item) is dict:
        found = item.get("resourceType")
        return TypeInfo("FHIR", found) if type(found) is str else TypeInfo("System", "Any")
    if type(item) is Moment:
        return TypeInfo("System", item.kind)
    if type(item) is list:
        return TypeInfo("System", "Any")
    return TypeInfo("System", _SYSTEM_NAMES.get(type(item), "Any"))


_SYSTEM_NAMES: dict[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Decimal: "Decimal",
    str: "String",
    Quantity: "Quantity",
}


def named(value: Any) -> str:
    """The type of `value` for a message."""
    found = type_of(value)
    return f"{found.namespace}.{found.name}"


def wrap(value: Any, model: Model | None) -> list[Any]:
    """A plain JSON value (or list of them) as items; with a model, resources get their type."""
    if value is None:
        return []
    if type(value) is list or type(value) is tuple:
        return [item for one in value for item in wrap(one, model)]
    if model is not None and type(value) is dict:
        name = value.get("resourceType")
        if type(name) is str:
            return [(value, name, None)]
    return [value]


def plain(item: Any) -> Any:
    """The JSON value of an item: elements as they stand, dates and quantities as text."""
    if type(item) is tuple:
        return item[0]
    if type(item) is TypeInfo:
        return {"namespace": item.namespace, "name": item.name}
    if type(item) in (Moment, Quantity):
        return str(item)
    return item


def bounded(items: list[Any]) -> list[Any]:
    """`items`, unless they are too many."""
    if len(items) > MAX_ITEMS:
        raise failure("too-many", most=MAX_ITEMS)
    return items
