"""What the compiler asks about types: an element's JSON keys, its types and whether it repeats.

https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/json.html
A FHIR type goes by its name (`Patient`, `Patient.contact`, `code`); a logical model's types by `@` and their path
(`@SharedPlan`, `@SharedPlan.family`), so that a model may bear the name of a resource.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from service.fhir.model import choice_key, type_name

_TYPE_ROOT = "http://hl7.org/fhir/StructureDefinition/"
PRIMITIVES = frozenset(
    {
        "base64Binary",
        "boolean",
        "canonical",
        "code",
        "date",
        "dateTime",
        "decimal",
        "id",
        "instant",
        "integer",
        "integer64",
        "markdown",
        "oid",
        "positiveInt",
        "string",
        "time",
        "unsignedInt",
        "uri",
        "url",
        "uuid",
        "xhtml",
    }
)
STRINGS = PRIMITIVES - {"boolean", "decimal", "integer", "positiveInt", "unsignedInt"}
# Types that say nothing about the elements of what really stands there.
OPEN = frozenset({"Resource", "DomainResource", "Element", "BackboneElement", "@Base", "@Element"})


@dataclass(frozen=True, slots=True)
class Element:
    """An element: `choices` are `(JSON key, type)`, more than one for a choice element; `many` where it is a list.

    `siblings` says whether a primitive value may have a `_key` beside it (FHIR), `[]`, never in logical models.
    """

    name: str
    choices: tuple[tuple[str, str], ...]
    many: bool
    siblings: bool = True

    @property
    def is_choice(self) -> bool:
        return len(self.choices) > 1

    @property
    def key(self) -> str:
        return self.choices[0][0]

    @property
    def type(self) -> str | None:
        """The only type, where there is one."""
        return self.choices[0][1] if len(self.choices) == 1 else None


class TargetModel(Protocol):
    """The shape of types; `Shapes` fulfils it from StructureDefinitions."""

    def resolve(self, url: str) -> str | None:
        """The type that a canonical url or a bare type name stands for; None where unknown."""
        ...

    def element(self, type_name: str, name: str) -> Element | None:
        """The element, also by its joined name (`valueString`); None where the type has none of that name."""
        ...

    def names(self, type_name: str) -> tuple[str, ...]:
        """The names of all elements of a type; none for an unknown one."""
        ...

    def kind(self, type_name: str) -> str | None:
        """`primitive-type`, `complex-type`, `resource` or `logical`; None for an unknown type."""
        ...

    def is_a(self, type_name: str, ancestor: str) -> bool:
        """Whether the type is `ancestor` or specialises it."""
        ...


class Shapes:
    """`TargetModel` over StructureDefinitions with snapshots; each is read when it is first asked for.

    `structure(name or url)` gives a StructureDefinition or None (`Definitions.structure` does); `logical` are further
    ones, found by their url and their name.
    """

    def __init__(
        self,
        structure: Callable[[str], Mapping[str, Any] | None] = lambda _: None,
        logical: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self._structure = structure
        self._logical: dict[str, Mapping[str, Any]] = {}
        for one in logical:
            for name in (one["url"], one["name"], one["type"], _root(one)):
                self._logical.setdefault(name, one)
        self._types: dict[str, dict[str, Element]] = {}
        self._bases: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._resolved: dict[str, str | None] = {}

    def resolve(self, url: str) -> str | None:
        if url not in self._resolved:
            self._resolved[url] = self._resolve(url.partition("|")[0])
        return self._resolved[url]

    def _resolve(self, url: str) -> str | None:
        if url.startswith("@"):
            return url if self._known(url) else None
        if url in PRIMITIVES:
            return url
        root, dot, rest = url.partition(".") if "/" not in url else (url, "", "")
        found = self._logical.get(root) or self._structure(root)
        if found is None:
            return None
        if found["kind"] == "logical":
            key = "@" + _root(found)
        elif found.get("derivation") == "constraint":
            return self.resolve(found["type"])
        else:
            key = found["type"].removeprefix(_TYPE_ROOT)
        self._read(key, found)
        return key + dot + rest if self._known(key + dot + rest) else None

    def element(self, type_name: str, name: str) -> Element | None:
        if not self._known(type_name):
            return None
        elements = self._types[type_name]
        found = elements.get(name)
        if found is None:
            for one in elements.values():
                for key, type_ in one.choices if one.is_choice else ():
                    if key == name:
                        return Element(name, ((key, type_),), one.many, one.siblings)
        return found

    def names(self, type_name: str) -> tuple[str, ...]:
        return tuple(self._types[type_name]) if self._known(type_name) else ()

    def kind(self, type_name: str) -> str | None:
        if type_name in PRIMITIVES:
            return "primitive-type"
        return self._kinds.get(type_name) if self._known(type_name) else None

    def is_a(self, type_name: str, ancestor: str) -> bool:
        seen: str | None = type_name
        while seen and seen != ancestor:
            seen = self._bases.get(seen) if self._known(seen) else None
        return seen == ancestor

    def _known(self, key: str) -> bool:
        if key in self._types:
            return True
        root = key.partition(".")[0]
        if root in self._types:
            return False
        found = self._logical.get(root.removeprefix("@")) if root.startswith("@") else self._structure(root)
        if found is None or (found["kind"] == "logical") != root.startswith("@"):
            return False
        self._read(root, found)
        return key in self._types

    def _read(self, key: str, structure: Mapping[str, Any]) -> None:
        if key in self._types:
            return
        logical = key.startswith("@")
        elements = structure["snapshot"]["element"]
        parents = {one["path"].rpartition(".")[0] for one in elements}
        root = _root(structure)
        self._types[key] = {}
        self._kinds[key] = structure["kind"]
        self._bases[key] = structure.get("baseDefinition", "").rpartition("/")[2]
        for element in elements[1:]:
            parent, _, name = (key + element["path"][len(root) :]).rpartition(".")
            if ":" in element["id"] or parent not in self._types:
                continue
            path = f"{parent}.{name}"
            if element["path"] in parents and not element.get("contentReference"):
                self._types.setdefault(path, {})
                self._kinds[path] = "logical" if logical else "complex-type"
                self._bases[path] = element.get("type", [{"code": "BackboneElement"}])[0]["code"]
            made = self._element(element, path, name, path in self._types, key, root)
            self._types[parent][made.name] = made

    def _element(self, element: Mapping[str, Any], path: str, name: str, nested: bool, key: str, root: str) -> Element:
        stem = name.removesuffix("[x]")
        many = (element.get("base", element).get("max") or "1") not in ("0", "1")
        siblings = not key.startswith("@")
        types = element.get("type", ())
        if nested:
            return Element(stem, ((stem, path),), many, siblings)
        if "contentReference" in element:
            target = element["contentReference"].rpartition("#")[2]
            return Element(stem, ((stem, key + target[len(root) :]),), many, siblings)
        if name.endswith("[x]") or len(types) > 1:
            return Element(stem, tuple((choice_key(stem, one["code"]), one["code"]) for one in types), many, siblings)
        resource = self._kinds.get(key) == "resource"
        code = type_name(types[0], path if resource else "") if types else "Element"
        if "/" in code:
            code = self.resolve(code) or "Element"
        return Element(stem, ((stem, code),), many, siblings)


class Layers:
    """Several models as one: the first that knows a type answers for it."""

    def __init__(self, models: Iterable[TargetModel]) -> None:
        self._models = tuple(models)
        self._kinds: dict[str, str | None] = {}
        self._elements: dict[tuple[str, str], Element | None] = {}

    def resolve(self, url: str) -> str | None:
        return next((found for one in self._models if (found := one.resolve(url)) is not None), None)

    def element(self, type_name: str, name: str) -> Element | None:
        key = (type_name, name)
        if key not in self._elements:
            found = (one.element(type_name, name) for one in self._models)
            self._elements[key] = next((one for one in found if one is not None), None)
        return self._elements[key]

    def names(self, type_name: str) -> tuple[str, ...]:
        return next((one.names(type_name) for one in self._of(type_name)), ())

    def kind(self, type_name: str) -> str | None:
        if type_name not in self._kinds:
            self._kinds[type_name] = next((one.kind(type_name) for one in self._of(type_name)), None)
        return self._kinds[type_name]

    def is_a(self, type_name: str, ancestor: str) -> bool:
        return type_name == ancestor or any(one.is_a(type_name, ancestor) for one in self._of(type_name))

    def _of(self, type_name: str) -> Iterator[TargetModel]:
        return (one for one in self._models if one.kind(type_name) is not None)


def _root(structure: Mapping[str, Any]) -> str:
    return str(structure["snapshot"]["element"][0]["path"])


def shown(type_name: str | None) -> str:
    """A type as a person writes it."""
    return (type_name or "?").removeprefix("@")
