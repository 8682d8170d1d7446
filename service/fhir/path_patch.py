"""FHIRPath Patch: operations on a resource whose places are FHIRPath, all of them or none.

https://hl7.org/fhir/R4/fhirpatch.html
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir.definitions import Definitions
from service.fhir.patching import PatchError, wrong
from service.fhir.path import PathError, evaluate

# What a path of an operation ends in: an element, and perhaps which of several.
_LAST = re.compile(
    r"(?P<before>.+)\.(?P<name>[A-Za-z][A-Za-z0-9]*)(?:\[(?P<index>\d{1,6})\]|\.(?P<end>first|last)\(\))?"
)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """An element: the key in its parent, and its place there where it stands in a list."""

    parent: Json
    key: str
    index: int | None

    def get(self) -> Any:
        found = self.parent[self.key]
        return found if self.index is None else found[self.index]

    def set(self, value: Any) -> None:
        if self.index is None:
            self.parent[self.key] = value
        else:
            self.parent[self.key][self.index] = value
        self._forget_sibling(lambda many, index: many.__setitem__(index, None))

    def remove(self) -> None:
        if self.index is None:
            del self.parent[self.key]
        else:
            del self.parent[self.key][self.index]
            if not self.parent[self.key]:
                del self.parent[self.key]
        self._forget_sibling(lambda many, index: many.__delitem__(index))

    def _forget_sibling(self, drop: Callable[[list[Any], int], None]) -> None:
        """Id and extensions of a primitive go with it."""
        sibling = self.parent.get(f"_{self.key}")
        if self.index is None or not isinstance(sibling, list):
            self.parent.pop(f"_{self.key}", None)
        elif self.index < len(sibling):
            drop(sibling, self.index)
            if not any(sibling):
                del self.parent[f"_{self.key}"]


def apply(definitions: Definitions, resource: Mapping[str, Any], patch: Any) -> Json:
    """`resource` with the operations of the Parameters `patch` done to it; neither is changed. Raises `PatchError`."""
    rows = patch.get("parameter") if isinstance(patch, dict) and patch.get("resourceType") == "Parameters" else None
    if not isinstance(rows, list) or not rows:
        raise wrong("path-shape", "")
    patcher = _Patcher(definitions, copy.deepcopy(dict(resource)))
    for index, row in enumerate(rows):
        at = f"/parameter/{index}"
        if not isinstance(row, dict) or row.get("name") != "operation" or not isinstance(row.get("part"), list):
            raise wrong("path-shape", at)
        parts = {str(one.get("name")): one for one in row["part"] if isinstance(one, dict)}
        patcher.step(parts, at)
    return patcher.resource


class _Patcher:
    def __init__(self, definitions: Definitions, resource: Json) -> None:
        self.definitions = definitions
        self.resource = resource

    def step(self, parts: Json, at: str) -> None:
        kind = _text(parts, "type", at)
        path = _text(parts, "path", at)
        work = {
            "add": self._add,
            "insert": self._insert,
            "delete": self._delete,
            "replace": self._replace,
            "move": self._move,
        }.get(kind)
        if work is None:
            raise wrong("path-shape", at)
        work(path, parts, at)

    def _add(self, path: str, parts: Json, at: str) -> None:
        type_name, parent = self._one(path, at)
        name = _text(parts, "name", at)
        key, value = self._value(type_name, name, parts.get("value"), at)
        if self._repeats(type_name, name):
            parent.setdefault(key, []).append(copy.deepcopy(value))
        else:
            parent[key] = copy.deepcopy(value)

    def _insert(self, path: str, parts: Json, at: str) -> None:
        type_name, parent, name = self._list(path, at)
        key, value = self._value(type_name, name, parts.get("value"), at)
        many = parent.setdefault(key, [])
        index = _index(parts, "index", at)
        if not isinstance(many, list) or index > len(many):
            raise wrong("path-index", at, index=index)
        many.insert(index, copy.deepcopy(value))
        if isinstance(sibling := parent.get(f"_{key}"), list) and index <= len(sibling):
            sibling.insert(index, None)

    def _delete(self, path: str, parts: Json, at: str) -> None:
        # What is not there need not be deleted.
        found = self._places(path, at)
        if len(found) > 1:
            raise wrong("path-target", at, path=path, count=len(found))
        for one in found:
            one.remove()

    def _replace(self, path: str, parts: Json, at: str) -> None:
        found = self._places(path, at)
        if len(found) != 1:
            raise wrong("path-target", at, path=path, count=len(found))
        place = found[0]
        type_name, _ = next(
            ((name, one) for name, one in self._elements() if one is place.parent), (self.resource["resourceType"], {})
        )
        name = self._name(type_name, place.key)
        key, value = self._value(type_name, name, parts.get("value"), at)
        if key != place.key:
            place.remove()
            place.parent[key] = copy.deepcopy(value)
        else:
            place.set(copy.deepcopy(value))

    def _move(self, path: str, parts: Json, at: str) -> None:
        type_name, parent, name = self._list(path, at)
        many = parent.get(self._key(type_name, name, at))
        source, target = _index(parts, "source", at), _index(parts, "destination", at)
        if not isinstance(many, list) or source >= len(many) or target >= len(many):
            raise wrong("path-index", at, index=max(source, target))
        many.insert(target, many.pop(source))

    def _evaluate(self, path: str, at: str) -> list[tuple[str, Any]]:
        try:
            return evaluate(path, self.resource, model=self.definitions.model)
        except PathError as error:
            raise PatchError(error.issue) from None

    def _one(self, path: str, at: str) -> tuple[str, Json]:
        """The one object that a path leads to, with its type."""
        found = self._evaluate(path, at)
        if len(found) != 1 or not isinstance(found[0][1], dict):
            raise wrong("path-target", at, path=path, count=len(found))
        type_name, value = found[0]
        return (value.get("resourceType", type_name) if "resourceType" in value else type_name), value

    def _list(self, path: str, at: str) -> tuple[str, Json, str]:
        """The parent of a list, the parent's type, and the list's name."""
        before, _, name = path.rpartition(".")
        if not before or not name.isalnum():
            raise wrong("path-target", at, path=path, count=0)
        type_name, parent = self._one(before, at)
        return type_name, parent, name

    def _places(self, path: str, at: str) -> list[_Place]:
        match = _LAST.fullmatch(path)
        if match is not None:
            found = self._evaluate(match["before"], at)
            if all(isinstance(one, dict) for _, one in found):
                places = [place for type_name, one in found for place in self._of(one, type_name, match["name"])]
                if match["index"] is not None:
                    return places[int(match["index"]) :][:1]
                if match["end"] is not None:
                    return places[:1] if match["end"] == "first" else places[-1:]
                return places
        targets = [one for _, one in self._evaluate(path, at)]
        if not all(isinstance(one, dict) for one in targets):
            raise wrong("path-target", at, path=path, count=len(targets))
        return [place for one in targets for place in _holding(self.resource, one)]

    def _of(self, parent: Json, type_name: str, name: str) -> list[_Place]:
        type_name = parent.get("resourceType", type_name)
        entries = self.definitions.model.child(type_name, name) or ()
        for key, _ in entries:
            if key in parent:
                value = parent[key]
                return (
                    [_Place(parent, key, at) for at in range(len(value))]
                    if isinstance(value, list)
                    else [_Place(parent, key, None)]
                )
        return []

    def _elements(self) -> list[tuple[str, Any]]:
        return [
            (self.resource["resourceType"], self.resource),
            *evaluate("descendants()", self.resource, model=self.definitions.model),
        ]

    def _name(self, type_name: str, key: str) -> str:
        """The element's name for a key in JSON: `value` for `valueString`."""
        model = self.definitions.model
        for name in model.elements(type_name):
            if any(one == key for one, _ in model.child(type_name, name) or ()):
                return name
        return key

    def _key(self, type_name: str, name: str, at: str) -> str:
        entries = self.definitions.model.child(type_name, name)
        if not entries:
            raise wrong("path-element", at, name=name)
        return entries[0][0]

    def _value(self, type_name: str, name: str, part: Any, at: str) -> tuple[str, Any]:
        """The key in JSON and the value of a part for the element `name` of a type."""
        entries = self.definitions.model.child(type_name, name)
        if not entries or not isinstance(part, dict):
            raise wrong("path-element", at, name=name)
        if "resource" in part:
            return entries[0][0], part["resource"]
        if isinstance(part.get("part"), list):
            return entries[0][0], self._built(entries[0][1], part["part"], at)
        given = next((key for key in part if key.startswith("value")), None)
        if given is None:
            raise wrong("path-element", at, name=name)
        if len(entries) == 1:
            return entries[0][0], part[given]
        suffix = given.removeprefix("value")
        chosen = next((key for key, _ in entries if key == f"{name}{suffix}"), None)
        if chosen is None:
            raise wrong("path-element", at, name=name)
        return chosen, part[given]

    def _built(self, type_name: str, parts: list[Any], at: str) -> Json:
        """An object of parts, one for each of its elements."""
        made: Json = {}
        for part in parts:
            name = part.get("name") if isinstance(part, dict) else None
            if not isinstance(name, str):
                raise wrong("path-shape", at)
            key, value = self._value(type_name, name, part, at)
            if self._repeats(type_name, name):
                made.setdefault(key, []).append(value)
            else:
                made[key] = value
        return made

    def _repeats(self, type_name: str, name: str) -> bool:
        """Whether there may be several of an element."""
        root, _, rest = type_name.partition(".")
        path = ".".join(one for one in (root, rest, name) if one)
        structure = self.definitions.structure(root) or {}
        for one in structure.get("snapshot", {}).get("element", ()):
            if one["path"] in (path, f"{path}[x]"):
                return bool(one["max"] not in ("0", "1"))
        return False


def _holding(node: Any, wanted: Json) -> list[_Place]:
    """Where `wanted` itself, not an equal one, stands in `node`."""
    found: list[_Place] = []
    stack = [node]
    while stack:
        one = stack.pop()
        for key, value in one.items():
            rows = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, child in rows:
                if child is wanted:
                    found.append(_Place(one, key, index))
                elif isinstance(child, dict):
                    stack.append(child)
    return found


def _text(parts: Json, name: str, at: str) -> str:
    values = [value for key, value in parts.get(name, {}).items() if key.startswith("value")]
    if len(values) != 1 or not isinstance(values[0], str):
        raise wrong("path-shape", at)
    return values[0]


def _index(parts: Json, name: str, at: str) -> int:
    values = [value for key, value in parts.get(name, {}).items() if key.startswith("value")]
    if len(values) != 1 or type(values[0]) is not int or values[0] < 0:
        raise wrong("path-shape", at)
    return values[0]
