"""empty, exists, all, allTrue …, count, distinct. http://hl7.org/fhirpath/N1/#existence"""

from typing import Any

from service.fhir.path import equality, nodes
from service.fhir.path.ast import Member
from service.fhir.path.code import BOOLEAN, INTEGER, Code, Truth, as_truth, of_truth
from service.fhir.path.env import Scope
from service.fhir.path.errors import failure
from service.fhir.path.functions.base import KEPT, Invocation, Table, compiled, scoped, values
from service.fhir.path.model import Entries
from service.fhir.path.navigation import holder_of, presence, primitive
from service.fhir.path.operators import distinct

TABLE: Table = {}


@compiled(TABLE, "empty")
def empty(call: Invocation) -> Code:
    present = _present(call)
    return of_truth(lambda this, scope: not present(this, scope))


@compiled(TABLE, "exists", 0, 1)
def exists(call: Invocation) -> Code:
    if not call.count:
        return of_truth(_present(call))
    many, matches, indexed = call.target.many, call.body_truth(0), call.needs_index(0)

    def decide(this: Any, scope: Scope) -> bool | None:
        for index, item in enumerate(many(this, scope)):
            if matches(item, scoped(scope, index) if indexed else scope) is True:
                return True
        return False

    return of_truth(decide)


def _present(call: Invocation) -> Truth:
    """Whether there is anything: one look-up where the target is an element of a known type."""
    if entries := _own_entries(call):
        return presence(entries)
    many = call.target.many
    return lambda this, scope: bool(many(this, scope))


def _own_entries(call: Invocation) -> Entries | None:
    """What the target stands for, where it is the name of an element of `$this` and nothing more."""
    node, site = call.node.target, call.site
    if not isinstance(node, Member) or node.target is not None or site.exact is None or site.model is None:
        return None
    return site.model.child(site.exact, node.name) if site.model.kind(site.exact) is not None else None


@compiled(TABLE, "all", 1)
def all_match(call: Invocation) -> Code:
    many, matches, indexed = call.target.many, call.body_truth(0), call.needs_index(0)

    def decide(this: Any, scope: Scope) -> bool | None:
        for index, item in enumerate(many(this, scope)):
            if matches(item, scoped(scope, index) if indexed else scope) is not True:
                return False
        return True

    return of_truth(decide)


def _booleans(items: list[Any]) -> list[bool]:
    found = nodes.systems(items)
    for value in found:
        if type(value) is not bool:
            raise failure("operand", expected="a Boolean", found=nodes.named(value))
    return found


@values(TABLE, "allTrue", types=BOOLEAN)
def all_true(items: list[Any]) -> list[Any]:
    return [all(_booleans(items))]


@values(TABLE, "anyTrue", types=BOOLEAN)
def any_true(items: list[Any]) -> list[Any]:
    return [any(_booleans(items))]


@values(TABLE, "allFalse", types=BOOLEAN)
def all_false(items: list[Any]) -> list[Any]:
    return [not any(_booleans(items))]


@values(TABLE, "anyFalse", types=BOOLEAN)
def any_false(items: list[Any]) -> list[Any]:
    return [not all(_booleans(items))]


@compiled(TABLE, "not")
def negation(call: Invocation) -> Code:
    truth = as_truth(call.target, call.place)

    def decide(this: Any, scope: Scope) -> bool | None:
        found = truth(this, scope)
        return None if found is None else not found

    return of_truth(decide)


@values(TABLE, "count", types=INTEGER)
def count(items: list[Any]) -> list[Any]:
    return [len(items)]


@values(TABLE, "distinct", types=KEPT)
def distinct_items(items: list[Any]) -> list[Any]:
    return distinct(items)


@values(TABLE, "isDistinct", types=BOOLEAN)
def is_distinct(items: list[Any]) -> list[Any]:
    return [len(items) < 2 or len({equality.key(item) for item in items}) == len(items)]


@values(TABLE, "subsetOf", 1, types=BOOLEAN)
def subset_of(items: list[Any], others: list[Any]) -> list[Any]:
    return [{equality.key(item) for item in items} <= {equality.key(item) for item in others}]


@values(TABLE, "supersetOf", 1, types=BOOLEAN)
def superset_of(items: list[Any], others: list[Any]) -> list[Any]:
    return subset_of(others, items)


@compiled(TABLE, "hasValue")
def has_value_code(call: Invocation) -> Code:
    many = call.target.many
    entries = _own_entries(call)
    key = primitive(entries) if entries else None
    if key is None:
        return of_truth(lambda this, scope: has_value(many(this, scope)))

    def decide(this: Any, scope: Scope) -> bool | None:
        holder = holder_of(this)
        value = holder.get(key) if type(holder) is dict else None
        return has_value(many(this, scope)) if type(value) is list else value is not None

    return of_truth(decide)


def has_value(items: list[Any]) -> bool:
    """Whether there is one item, and it is a primitive with a value."""
    if len(items) != 1:
        return False
    item = items[0]
    if type(item) is tuple:
        value, type_name, _ = item
        return value is not None and (type_name in nodes.CONVERSIONS or (not type_name and type(value) is not dict))
    return type(item) is not dict


@values(TABLE, "getValue")
def get_value(items: list[Any]) -> list[Any]:
    if not has_value(items):
        return []
    value = nodes.system(items[0])
    return [] if value is None else [value]
