"""From an element to its children: by key in plain JSON, by the type model where there is one.

https://hl7.org/fhir/R4/fhirpath.html#polymorphism; the ways to walk are chosen when an expression is compiled.
"""

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.fhir.path.env import Scope
from service.fhir.path.model import Entries, Model
from service.fhir.path.nodes import ABSTRACT, CONVERSIONS, MAX_ITEMS, TypeInfo, bounded
from service.fhir.path.quantities import Quantity

Many = Callable[[Any, Scope], list[Any]]
Step = Callable[[Any, list[Any]], None]


def items_of(this: Any) -> list[Any]:
    """`$this` as a collection; a document that is a JSON array is its members."""
    if this is None:
        return []
    return this if type(this) is list else [this]


def holder_of(this: Any) -> Any:
    """The object with the children of `$this`, which is an element or nothing (`iif` on an empty collection)."""
    if this is None:
        return None
    value = this[0]
    return value if type(value) is dict else this[2]


def put_plain(value: Any, sibling: Any, out: list[Any]) -> None:
    """Append a JSON value of unknown type (and its `_name` sibling) to `out`, flattening lists."""
    if type(value) is list:
        siblings = sibling if type(sibling) is list else ()
        for place, one in enumerate(value):
            put_plain(one, siblings[place] if place < len(siblings) else None, out)
    elif type(sibling) is dict:
        out.append((value, "", sibling))
    elif value is not None:
        out.append(value)
    elif type(sibling) is list:
        out.extend((None, "", one) for one in sibling if type(one) is dict)


def put_typed(value: dict[str, Any], key: str, type_name: str, out: list[Any]) -> None:
    """Append the element `key` of the object `value` to `out`, as of `type_name`."""
    child = value.get(key)
    if type_name in CONVERSIONS:
        sibling = value.get("_" + key)
        if type(child) is not list and type(sibling) is not list:
            if child is not None or type(sibling) is dict:
                out.append((child, type_name, sibling))
            return
        children = child if type(child) is list else []
        siblings = sibling if type(sibling) is list else []
        for place in range(max(len(children), len(siblings))):
            one = children[place] if place < len(children) else None
            other = siblings[place] if place < len(siblings) else None
            if one is not None or type(other) is dict:
                out.append((one, type_name, other))
        return
    if child is None:
        return
    for one in child if type(child) is list else (child,):
        if type_name in ABSTRACT and type(one) is dict:
            found = one.get("resourceType")
            out.append((one, found if type(found) is str else type_name, None))
        elif one is not None:
            out.append((one, type_name, None))


def stepper(name: str, model: Model | None) -> Step:
    """A function that appends the children `name` of one item, whatever it is, to a list."""
    known: dict[str, Entries] = {}

    def step(item: Any, out: list[Any]) -> None:
        if type(item) is tuple:
            value, type_name, element = item
            if type_name and model is not None:
                entries = known.get(type_name)
                if entries is None:
                    entries = known[type_name] = model.child(type_name, name) or ()
                holder = value if type(value) is dict else element
                if type(holder) is dict:
                    for key, child_type in entries:
                        put_typed(holder, key, child_type, out)
                return
            item = value if type(value) is dict else element
        if type(item) is dict:
            put_plain(item.get(name), item.get("_" + name), out)
        elif type(item) in (TypeInfo, Quantity):
            _put_attribute(item, name, out)

    return step


def _put_attribute(item: TypeInfo | Quantity, name: str, out: list[Any]) -> None:
    found: str | Decimal | None = None
    if isinstance(item, TypeInfo) and name in ("namespace", "name"):
        found = item.namespace if name == "namespace" else item.name
    elif isinstance(item, Quantity) and name in ("value", "unit"):
        found = item.value if name == "value" else item.unit
    if found is not None:
        out.append(found)


def member(source: Many | None, name: str, model: Model | None) -> Many:
    """`source.name` for items of any type; without a source, of `$this`."""
    step = stepper(name, model)
    if source is None:

        def from_this(this: Any, scope: Scope) -> list[Any]:
            out: list[Any] = []
            for item in items_of(this):
                step(item, out)
            return out

        return from_this
    inner = source

    def from_items(this: Any, scope: Scope) -> list[Any]:
        out: list[Any] = []
        for item in inner(this, scope):
            step(item, out)
        return bounded(out)

    return from_items


def typed_member(source: Many | None, entries: Entries) -> Many:
    """`source.name` where every item is an element of one known type and the name stands for `entries`."""
    if source is None and (only := primitive(entries)) is not None:
        return _own_primitive(only, entries[0][1])
    if source is None:

        def from_this(this: Any, scope: Scope) -> list[Any]:
            out: list[Any] = []
            value = holder_of(this)
            if type(value) is dict:
                for key, type_name in entries:
                    put_typed(value, key, type_name, out)
            return out

        return from_this
    inner = source

    def from_items(this: Any, scope: Scope) -> list[Any]:
        out: list[Any] = []
        for value, _, element in inner(this, scope):
            holder = value if type(value) is dict else element
            if type(holder) is dict:
                for key, type_name in entries:
                    put_typed(holder, key, type_name, out)
        return out if len(out) <= MAX_ITEMS else bounded(out)

    return from_items


def _own_primitive(key: str, type_name: str) -> Many:
    """The commonest step of all: one primitive of `$this`."""
    sibling_key = "_" + key

    def read(this: Any, scope: Scope) -> list[Any]:
        holder = None if this is None else this[0]
        if type(holder) is not dict:
            holder = holder_of(this)
            if type(holder) is not dict:
                return []
        value = holder.get(key)
        if sibling_key not in holder and type(value) is not list:
            return [] if value is None else [(value, type_name, None)]
        out: list[Any] = []
        put_typed(holder, key, type_name, out)
        return out

    return read


def children(item: Any, model: Model | None) -> list[Any]:
    """All children of one item, in the order of the JSON."""
    out: list[Any] = []
    holder = item
    if type(item) is tuple:
        value, type_name, element = item
        holder = value if type(value) is dict else element
        if type_name and model is not None:
            types = child_types(model, type_name)
            if types and type(holder) is dict:
                _put_known(holder, types, out)
                return out
    if type(holder) is dict:
        for key, value in holder.items():
            if key == "resourceType":
                continue
            if not key.startswith("_"):
                put_plain(value, holder.get("_" + key), out)
            elif key[1:] not in holder:
                put_plain(None, value, out)
    return out


@functools.lru_cache(4096)
def child_types(model: Model, type_name: str) -> dict[str, str]:
    """The type of each JSON key that an element of `type_name` may have."""
    rows = (entry for name in model.elements(type_name) for entry in model.child(type_name, name) or ())
    return dict(rows)


def _put_known(holder: dict[str, Any], types: dict[str, str], out: list[Any]) -> None:
    for key in holder:
        child_type = types.get(key)
        if child_type is not None:
            put_typed(holder, key, child_type, out)
        elif key[:1] == "_" and key[1:] not in holder and (child_type := types.get(key[1:])) in CONVERSIONS:
            put_typed(holder, key[1:], str(child_type), out)


def descendants(items: list[Any], model: Model | None) -> list[Any]:
    """The children of `items`, their children, and so on; parents before children, in document order."""
    out: list[Any] = []
    stack = [child for item in reversed(items) for child in reversed(children(item, model))]
    while stack:
        item = stack.pop()
        out.append(item)
        if type(item) is dict or (type(item) is tuple and (type(item[0]) is dict or item[2] is not None)):
            stack.extend(reversed(children(item, model)))
    return bounded(out)


def presence(entries: Entries) -> Callable[[Any, Scope], bool]:
    """Whether an element of a known type has any of `entries`, without making a collection."""
    keys = tuple(
        key for name, type_name in entries for key in ((name, "_" + name) if type_name in CONVERSIONS else (name,))
    )
    if len(keys) <= 4:

        def has_few(this: Any, scope: Scope) -> bool:
            holder = None if this is None else this[0]
            if type(holder) is not dict:
                holder = holder_of(this)
                if type(holder) is not dict:
                    return False
            for key in keys:
                child = holder.get(key)
                if child is not None and child != []:
                    return True
            return False

        return has_few
    wanted = frozenset(keys)

    def has(this: Any, scope: Scope) -> bool:
        holder = holder_of(this)
        if type(holder) is not dict:
            return False
        # An object has a handful of keys, an open choice a hundred: it is the object that is searched.
        for key in holder:
            child = holder[key] if key in wanted else None
            if child is not None and child != []:
                return True
        return False

    return has


def primitive(entries: Entries) -> str | None:
    """The JSON key, where `entries` are one element of a primitive type."""
    return entries[0][0] if len(entries) == 1 and entries[0][1] in CONVERSIONS else None
