"""Equal, equivalent, ordered: what `=`, `~`, `<`, `in`, `distinct()` and `sort()` go by.

http://hl7.org/fhirpath/N1/#equality
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.fhir.path import moments, quantities, ucum
from service.fhir.path.errors import failure
from service.fhir.path.moments import Moment
from service.fhir.path.nodes import QUANTITIES, named, sane, system
from service.fhir.path.quantities import Quantity

_MAX_PAIRS = 5_000_000


def equal(left: list[Any], right: list[Any]) -> bool | None:
    """`left = right`: `None` where either is empty or a date, time or quantity leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answer: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal_items(system(one), system(other))
        if same is False:
            return False
        if same is None:
            answer = None
    return answer


def equal_items(left: Any, right: Any) -> bool | None:
    """Equality of two System values or elements."""
    kind = type(left)
    if kind is type(right):
        if kind is Moment:
            if (left.kind == "Time") != (right.kind == "Time"):
                return False
            order = moments.compare(left, right)
            return None if order is None else order == 0
        if kind is Quantity:
            order = _compare_quantities(left, right)
            return None if order is None else order == 0
        if kind is tuple:
            return bool(key(left) == key(right))
        return bool(left == right) if kind not in (dict, list) else bool(key(left) == key(right))
    if kind in (int, Decimal) and type(right) in (int, Decimal):
        return bool(left == right)
    if (pair := _as_quantities(left, right)) is not None:
        return equal_items(*pair)
    if tuple in (kind, type(right)) or dict in (kind, type(right)):
        return bool(key(left) == key(right))
    return False


def _as_quantities(left: Any, right: Any) -> tuple[Quantity, Quantity] | None:
    """A number beside a quantity is a quantity without a unit."""
    if type(left) is Quantity and type(right) in (int, Decimal):
        return left, Quantity(Decimal(right))
    if type(right) is Quantity and type(left) in (int, Decimal):
        return Quantity(Decimal(left)), right
    return None


def _compare_quantities(left: Quantity, right: Quantity) -> int | None:
    if not sane(left.value) or not sane(right.value):
        return None
    return quantities.compare(left, right)


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 for two System values; `None` where it stays open; an error for types that have no order."""
    kind, other = type(left), type(right)
    if (kind is str and other is str) or (kind in (int, Decimal) and other in (int, Decimal)):
        return int(left > right) - int(left < right)
    if kind is Moment and other is Moment and (left.kind == "Time") == (right.kind == "Time"):
        return moments.compare(left, right)
    if kind is Quantity and other is Quantity:
        return _compare_quantities(left, right)
    if (pair := _as_quantities(left, right)) is not None:
        return _compare_quantities(*pair)
    raise failure("no-order", left=named(left), right=named(right))


def key(item: Any) -> Any:
    """A hashable key: two items have the same one when they are equal."""
    if type(item) is str:
        return item
    if type(item) is tuple and type(item[0]) is dict and item[1] not in QUANTITIES:
        return _object_key(item[0])
    value = system(item)
    kind = type(value)
    if kind is str:
        return value
    if kind is bool:
        return ("boolean", value)
    if kind is Moment:
        parts = value.parts if value.offset is None else moments.in_utc(value, value.offset)
        return (value.kind == "Time", value.offset is None, parts)
    if kind is Quantity:
        return _quantity_key(value)
    if kind is dict:
        return _object_key(value)
    if kind is list:
        return ("list", *(key(one) for one in value))
    if kind is tuple:
        inner = key(value[0])
        return inner if value[2] is None else (inner, key(value[2]))
    return value


def _object_key(value: dict[str, Any]) -> Any:
    return frozenset([(name, one if type(one) is str else key(one)) for name, one in value.items()])


def _quantity_key(value: Quantity) -> Any:
    code = value.unit if not value.calendar else {"week": "wk", "day": "d", "hour": "h"}.get(value.unit, value.unit)
    unit = ucum.parse(code)
    if unit is None or unit.offset or not sane(value.value):
        return ("quantity", value.value, value.unit, value.calendar)
    return ("quantity", Fraction(value.value) * unit.factor, unit.dimension)


def equivalent(left: list[Any], right: list[Any]) -> bool:
    """`left ~ right`: never empty, order does not count."""
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equivalent_items(left[0], right[0])
    texts = [[_plain(value) for item in items if type(value := system(item)) is str] for items in (left, right)]
    if len(texts[0]) == len(texts[1]) == len(left):
        return sorted(texts[0]) == sorted(texts[1])
    if len(left) * len(right) > _MAX_PAIRS:
        raise failure("too-many", most=_MAX_PAIRS)
    rest = list(right)
    for one in left:
        place = next((at for at, other in enumerate(rest) if equivalent_items(one, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def equivalent_items(left: Any, right: Any) -> bool:
    """Equivalence of two items: strings by words and without case, numbers at the coarser precision."""
    one, other = system(left), system(right)
    if type(one) is str and type(other) is str:
        return one == other or _plain(one) == _plain(other)
    if type(one) in (int, Decimal) and type(other) in (int, Decimal):
        return one == other or _rounded_equal(Decimal(one), Decimal(other))
    if type(one) is Quantity and type(other) is Quantity:
        if not sane(one.value) or not sane(other.value):
            return False
        return quantities.equivalent(one, other)
    first, second = _inner(one), _inner(other)
    if type(first) is dict and type(second) is dict:
        return first.keys() - {"id"} == second.keys() - {"id"} and all(
            equivalent(_items(first[name]), _items(second[name])) for name in first if name != "id"
        )
    return equal_items(one, other) is True or one is other is None


def _inner(value: Any) -> Any:
    return value[0] if type(value) is tuple else value


def _items(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _plain(value: str) -> str:
    return " ".join(value.casefold().split())


def _rounded_equal(left: Decimal, right: Decimal) -> bool:
    if not sane(left) or not sane(right):
        return False
    digits = min(_digits(left), _digits(right))
    return quantities.round_half_up(left, digits) == quantities.round_half_up(right, digits)


def _digits(value: Decimal) -> int:
    return max(-int(value.normalize(quantities.EXACT).as_tuple().exponent), 0)
