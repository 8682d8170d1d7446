"""The elements of a resource with their definitions and types, so that a mutator knows what it breaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.fhir.definitions import Definitions

Json = dict[str, Any]
_ROWS: dict[str, dict[str, Json]] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """One value: `holder[key]`, or `holder[key][index]` of an element that repeats."""

    holder: Json
    key: str
    index: int | None
    element: Json
    type: str
    path: str

    @property
    def value(self) -> Any:
        return self.holder[self.key] if self.index is None else self.holder[self.key][self.index]

    def where_is(self, name: str) -> bool:
        """Whether `name` is the type or the path of this value."""
        return name in (self.type, self.path)

    def put(self, value: Any) -> None:
        if self.index is None:
            self.holder[self.key] = value
        else:
            self.holder[self.key][self.index] = value

    def remove(self) -> None:
        """Take the value away, and the array with its last item."""
        if self.index is None or len(self.holder[self.key]) == 1:
            del self.holder[self.key]
        else:
            del self.holder[self.key][self.index]


def rows(definitions: Definitions, type_name: str) -> dict[str, Json]:
    """The elements of a type by path."""
    if type_name not in _ROWS:
        structure = definitions.structure(type_name)
        elements = structure["snapshot"]["element"] if structure else []
        _ROWS[type_name] = {one["path"]: one for one in elements}
    return _ROWS[type_name]


def nodes(definitions: Definitions, resource: Json) -> list[Node]:
    """Every value of the resource, outermost first."""
    type_name = resource["resourceType"]
    return list(_walk(definitions, resource, type_name, type_name))


def absent(definitions: Definitions, holder: Json, type_name: str, at: str) -> list[tuple[str, Json, str]]:
    """The elements that an object of that type may have and has not: (JSON key, definition, type)."""
    found = []
    for path, element in rows(definitions, type_name).items():
        if path.rpartition(".")[0] != at or path.endswith((".id", ".contained", ".extension", ".modifierExtension")):
            continue
        name = path.rpartition(".")[2]
        for code in types_of(element):
            key = name.replace("[x]", code[:1].upper() + code[1:]) if name.endswith("[x]") else name
            if not any(one.startswith(name.removesuffix("[x]")) for one in holder):
                found.append((key, element, code))
    return found


def places(definitions: Definitions, resource: Json) -> Iterator[tuple[Json, str, str]]:
    """Every object of the resource with its type and the path of its own children in that type."""
    yield resource, resource["resourceType"], resource["resourceType"]
    for node in nodes(definitions, resource):
        if isinstance(node.value, dict) and node.type != "Resource":
            inline = node.type in ("BackboneElement", "Element")
            owner = node.path.split(".", 1)[0]
            yield node.value, owner if inline else node.type, node.path if inline else node.type


def types_of(element: Json) -> list[str]:
    """The type codes of an element; `id` and `url` have FHIRPath's own, which are strings."""
    codes = [one["code"] for one in element.get("type", ())]
    return ["string" if one.startswith("http://hl7.org/fhirpath/") else one for one in codes]


def _walk(definitions: Definitions, holder: Json, type_name: str, at: str) -> Iterator[Node]:
    for key, value in list(holder.items()):
        found = _element(definitions, type_name, at, key)
        if found is None:
            continue
        element, code, path = found
        single = not isinstance(value, list)
        for index, one in enumerate([value] if single else value):
            yield Node(holder, key, None if single else index, element, code, path)
            if isinstance(one, dict):
                inline = code in ("BackboneElement", "Element")
                target = one.get("resourceType", "Resource") if code == "Resource" else code
                yield from _walk(definitions, one, type_name if inline else target, path if inline else target)


def _element(definitions: Definitions, type_name: str, at: str, key: str) -> tuple[Json, str, str] | None:
    known = rows(definitions, type_name)
    path = f"{at}.{key}"
    if path in known:
        element = known[path]
        if "contentReference" in element:
            target = element["contentReference"].rpartition("#")[2]
            return element, "BackboneElement", target
        return element, (types_of(element) or ["Element"])[0], path
    for one, element in known.items():
        if one.rpartition(".")[0] == at and one.endswith("[x]") and key.startswith(one.rpartition(".")[2][:-3]):
            rest = key.removeprefix(one.rpartition(".")[2][:-3])
            for code in types_of(element):
                if code[:1].upper() + code[1:] == rest:
                    return element, code, one
    return None
