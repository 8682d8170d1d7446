"""Filling the target while a map runs: objects, lists, and primitives with what stands beside them."""

from typing import Any

from service.mapping.choosing import choose
from service.mapping.shapes import TargetModel


class Slot:
    """A primitive element of the target that is being filled: its value, and its id and extensions beside it."""

    __slots__ = ("index", "key", "parent")

    def __init__(self, parent: dict[str, Any], key: str, index: int | None) -> None:
        self.parent = parent
        self.key = key
        self.index = index

    def get(self) -> Any:
        found = self.parent.get(self.key)
        return found if self.index is None or found is None else found[self.index]

    def set(self, value: Any, sibling: Any = None) -> None:
        if self.index is None:
            self.parent[self.key] = value
        else:
            items = self.parent.setdefault(self.key, [])
            items.extend([None] * (self.index + 1 - len(items)))
            items[self.index] = value
            level(self.parent, self.key)
        if sibling:
            self.beside().update(clone(sibling))

    def beside(self) -> dict[str, Any]:
        """The `_key` object, made where it is missing."""
        name = f"_{self.key}"
        if self.index is None:
            found: dict[str, Any] = self.parent.setdefault(name, {})
            return found
        items = self.parent.setdefault(name, [])
        items.extend([None] * (self.index + 1 - len(items)))
        if items[self.index] is None:
            items[self.index] = {}
        values = self.parent.setdefault(self.key, [])
        values.extend([None] * (self.index + 1 - len(values)))
        made: dict[str, Any] = items[self.index]
        return made

    def close(self) -> None:
        """Takes away what stayed empty."""
        name = f"_{self.key}"
        if self.index is None:
            if self.parent.get(name) == {}:
                del self.parent[name]
            return
        beside = self.parent.get(name)
        if beside and self.index < len(beside) and beside[self.index] == {}:
            beside[self.index] = None
            if not any(beside):
                del self.parent[name]
        items = self.parent.get(self.key)
        if items and self.index == len(items) - 1 and items[-1] is None and not self._said(name):
            items.pop()
            if not items:
                del self.parent[self.key]

    def _said(self, name: str) -> bool:
        beside = self.parent.get(name)
        return bool(beside and (self.index or 0) < len(beside) and beside[self.index or 0])


def slot(parent: Any, key: str, many: bool) -> Slot:
    """A new slot for an element of `parent`; in a list behind what is there."""
    return Slot(parent, key, len(parent.get(key, ())) if many else None)


def level(parent: dict[str, Any], key: str) -> None:
    """Makes the list beside a list of primitives as long as it."""
    beside_ = parent.get(f"_{key}")
    if beside_ is not None:
        beside_.extend([None] * (len(parent[key]) - len(beside_)))


def beside(parent: dict[str, Any], key: str, sibling: Any, listed: bool) -> None:
    """Copies the id and extensions of a primitive value that has just been set."""
    Slot(parent, key, len(parent[key]) - 1 if listed else None).beside().update(clone(sibling))


def room(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """The object that an element holds, made where it is missing."""
    found = parent.get(key)
    if type(found) is dict:
        return found
    made: dict[str, Any] = {}
    parent[key] = made
    return made


def loose(model: TargetModel, parent: dict[str, Any], key: str, value: Any, type_: str | None = None) -> None:
    """Sets an element of something whose type shows only now: as its resource type wants it.

    Where that is not known either, the first value stands alone, and more become a list.
    """
    kind = parent.get("resourceType")
    element = model.element(kind, key) if type(kind) is str else None
    if element is not None:
        found = choose(element.choices, value, type_) if element.is_choice else element.key
        if element.many:
            parent.setdefault(found or key, []).append(value)
        else:
            parent[found or key] = value
        return
    old = parent.get(key)
    if old is None:
        parent[key] = value
    elif type(old) is list:
        old.append(value)
    else:
        parent[key] = [old, value]


def drop(parent: dict[str, Any], key: str, value: Any) -> None:
    """Takes an object that stayed empty out of its parent again."""
    found = parent.get(key)
    if found is value:
        del parent[key]
    elif type(found) is list:
        for index in range(len(found) - 1, -1, -1):
            if found[index] is value:
                del found[index]
                break
        if not found:
            del parent[key]


def clone(value: Any) -> Any:
    """A deep copy of JSON."""
    if type(value) is dict:
        return {key: clone(one) if type(one) in (dict, list) else one for key, one in value.items()}
    if type(value) is list:
        return [clone(one) if type(one) in (dict, list) else one for one in value]
    return value


def overlay(target: dict[str, Any], source: Any) -> None:
    """Copies all elements of an object; the target stays the resource that it is."""
    if type(source) is dict:
        for key, value in source.items():
            if key != "resourceType" or key not in target:
                target[key] = clone(value)
