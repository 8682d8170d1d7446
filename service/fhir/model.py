"""The types of R4 as FHIRPath sees them, read from StructureDefinitions as they are asked for.

https://hl7.org/fhir/R4/fhirpath.html#types, https://hl7.org/fhir/R4/formats.html#choice
"""

from collections.abc import Callable, Mapping
from typing import Any

from service.fhir.trim import FHIR_TYPE

Entries = tuple[tuple[str, str], ...]

_SYSTEM = "http://hl7.org/fhirpath/System."


def type_name(type_: Mapping[str, Any], path: str = "") -> str:
    """The FHIR type that an `ElementDefinition.type` stands for (`System.String` stands for `id`, `string`, `uri`…).

    `path` of an element of a resource, where the definition may be an untrimmed one (see `trim` on resource ids).
    """
    code: str = type_.get("code", "")
    if not code.startswith(_SYSTEM):
        return code
    if path.count(".") == 1 and path.endswith(".id"):
        return "id"
    for extension in type_.get("extension", ()):
        if extension["url"] == FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return code.removeprefix(_SYSTEM).lower()


def choice_key(stem: str, code: str) -> str:
    """The JSON key of a choice element: (`value`, `dateTime`) → `valueDateTime`."""
    return stem + code[0].upper() + code[1:]


class TypeModel:
    """Fulfils `service.fhir.path.model.Model` (see there for what each method gives)."""

    def __init__(self, structure: Callable[[str], dict[str, Any] | None], kinds: Mapping[str, str]) -> None:
        self._structure = structure
        self._kinds = kinds
        self._types: dict[str, dict[str, Entries]] = {}
        self._bases: dict[str, str | None] = {}
        self._loaded: set[str] = set()

    def child(self, type_name: str, element: str) -> Entries | None:
        return self._elements(type_name).get(element)

    def elements(self, type_name: str) -> tuple[str, ...]:
        return tuple(self._elements(type_name))

    def base(self, type_name: str) -> str | None:
        self._elements(type_name)
        return self._bases.get(type_name)

    def kind(self, type_name: str) -> str | None:
        if "." in type_name:
            return "complex-type" if type_name in self._types or self._elements(type_name) else None
        return self._kinds.get(type_name)

    def is_a(self, type_name: str, ancestor: str) -> bool:
        """Whether `type_name` is `ancestor` or specialises it, over any number of steps."""
        name: str | None = type_name
        while name is not None:
            if name == ancestor:
                return True
            name = self.base(name)
        return False

    def _elements(self, name: str) -> dict[str, Entries]:
        root = name.partition(".")[0]
        if root not in self._loaded:
            self._load(root)
            self._loaded.add(root)
        return self._types.get(name, {})

    def _load(self, root: str) -> None:
        structure = self._structure(root) if root in self._kinds else None
        if structure is None:
            return
        base = structure.get("baseDefinition", "").rpartition("/")[2]
        self._bases[root] = base or None
        elements = structure["snapshot"]["element"]
        parents = {one["path"].rpartition(".")[0] for one in elements}
        types: dict[str, dict[str, Entries]] = {root: {}}
        for element in elements[1:]:
            path = element["path"]
            parent, _, name = path.rpartition(".")
            if self._kinds[root] == "primitive-type" and name == "value":
                continue
            if path in parents:
                self._bases[path] = element["type"][0]["code"]
                types.setdefault(path, {})
            stem = name.removesuffix("[x]")
            types[parent][stem] = _entries(element, path, stem, path in parents)
        self._types |= types


def _entries(element: Mapping[str, Any], path: str, stem: str, has_children: bool) -> Entries:
    if has_children:
        return ((stem, path),)
    if "contentReference" in element:
        return ((stem, element["contentReference"].rpartition("#")[2]),)
    types = element.get("type", ())
    if path.endswith("[x]"):
        return tuple((choice_key(stem, one["code"]), one["code"]) for one in types)
    return ((stem, type_name(types[0])),) if types else ((stem, "Element"),)
