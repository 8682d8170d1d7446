"""Types compiled: one walk per type or backbone element, one pass over the keys of each object.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/elementdefinition.html
"""

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.model import choice_key
from service.validation import fields
from service.validation.fields import FieldCheck, Node, Walk
from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
BUILT_IN = frozenset(("ele-1", "ext-1"))  # in the walk itself, where the definition is R4's own
BUILT_IN_EXPRESSIONS = frozenset(
    ("hasValue() or (children().count() > id.count())", "extension.exists() != value.exists()")
)


class Field(NamedTuple):
    """How one JSON key of a type is checked; `choice` is the name of the choice element that it belongs to."""

    check: FieldCheck
    choice: str | None


class Outline:
    """The elements of a StructureDefinition's snapshot by path, without slices."""

    def __init__(self, structure: Mapping[str, Any]) -> None:
        self.structure = structure
        self.elements: dict[str, Json] = {}
        self.children: dict[str, list[Json]] = {}
        for element in structure["snapshot"]["element"]:
            if "sliceName" in element or ":" in element.get("id", ""):
                continue
            path = element["path"]
            self.elements[path] = element
            self.children.setdefault(path.rpartition(".")[0], []).append(element)


def own_types(element: Mapping[str, Any]) -> list[str]:
    """The FHIR type names of an element, without profiles."""
    if element.get("base", {}).get("path") == "Resource.id":
        return ["id"]  # R4 says "string" there, and means "id": https://hl7.org/fhir/R4/resource.html#id
    names = []
    for type_ in element.get("type", ()):
        name = type_.get("code", "")
        if name.startswith("http://hl7.org/fhirpath/System."):
            urls = (one.get("valueUrl") or one.get("valueUri") for one in type_.get("extension", ()))
            name = next((url for url in urls if url), "string")
        names.append(name)
    return names


class Types:
    """Every type and backbone element that has been asked for, by name or path."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._nodes: dict[str, Node] = {}
        self._outlines: dict[str, Outline | None] = {}

    def node(self, name: str) -> Node:
        """The node of a type (`HumanName`) or a backbone element (`Patient.contact`)."""
        if name not in self._nodes:
            self._nodes[name] = Node(name, self._compile)
        return self._nodes[name]

    def outline(self, type_name: str) -> Outline | None:
        if type_name not in self._outlines:
            structure = self._rules.definitions.structure(type_name)
            self._outlines[type_name] = Outline(structure) if structure else None
        return self._outlines[type_name]

    def element(self, path: str) -> Json | None:
        outline = self.outline(path.partition(".")[0])
        return outline.elements.get(path) if outline else None

    def _compile(self, node: Node) -> Walk:
        type_name = node.name.partition(".")[0]
        outline = self.outline(type_name)
        if outline is None or node.name not in outline.elements:
            return _unknown_type(node.name)
        table: dict[str, Field] = {}
        required: list[tuple[str, str | None]] = []
        for element in outline.children.get(node.name, ()):
            self._add(element, table, required)
        own = outline.elements[node.name]
        tests = self._rules.invariants.of_type(own.get("constraint", ()), node.name)
        if own.get("type") is None and self._rules.definitions.types().get(node.name) == "resource":
            table["resourceType"] = Field(fields.nothing, None)
            return _walk(node.name, table, tuple(required), tests, may_be_empty=True)
        return _walk(node.name, table, tuple(required), (*self.further(node.name), *tests))

    def further(self, name: str, is_absolute: bool = False) -> tuple[ItemCheck, ...]:
        """What no invariant says of every object of a type; less where its system is known to be absolute."""
        if name == "Reference":
            return (self._rules.references.check,)
        bindings = self._rules.bindings
        # The official validator refuses a relative system in an Identifier only.
        if name == "Coding":
            return (*(() if is_absolute else (bindings.check_system("warning"),)), bindings.check_coding)
        if name == "Identifier":
            return (*(() if is_absolute else (bindings.check_system("error"),)), bindings.check_uri)
        return ()

    def _add(self, element: Json, table: dict[str, Field], required: list[tuple[str, str | None]]) -> None:
        name = element["path"].rpartition(".")[2]
        is_choice = name.endswith("[x]")
        stem = name.removesuffix("[x]")
        if element.get("min", 0) > 0:
            required.append((stem, stem if is_choice else None))
        if "contentReference" in element:
            reference = element["contentReference"].rpartition("#")[2]
            self._add_one(stem, reference, element, table, None)
            return
        for type_name in own_types(element):
            key = choice_key(stem, type_name) if is_choice else stem
            self._add_one(key, type_name, element, table, stem if is_choice else None)

    def _add_one(self, key: str, type_name: str, element: Json, table: dict[str, Field], choice: str | None) -> None:
        rules = self._rules
        repeats = element.get("max", "1") not in ("0", "1")
        if rules.definitions.types().get(type_name) == "primitive-type":
            lexical, params, tests = rules.primitives.of(type_name, element)
            build = fields.primitives if repeats else fields.primitive
            table[key] = Field(build(key, lexical, params, tests), choice)
            if type_name != "xhtml" and element["path"] != "Extension.url":  # in XML an attribute: it has no extensions
                missing = rules.bindings.code_missing(element.get("binding", {})) if type_name == "code" else None
                beside = fields.sibling("_" + key, self.node("Element"), repeats, (missing,) if missing else ())
                table["_" + key] = Field(beside, choice)
            return
        check: FieldCheck
        if type_name in ("Element", "BackboneElement"):
            node, tests = self.node(element["path"]), ()
        elif type_name == "Resource":
            node, tests = rules.any_resource(contained=key == "contained"), ()
        elif "contentReference" in element:
            node, tests = self.node(type_name), ()
        else:
            node, tests = self.node(type_name), self.tests(element, type_name)
        if type_name == "Extension":
            tests = (rules.extensions.check(key == "modifierExtension"),)
        build_complex = fields.complex_many if repeats else fields.complex_one
        check = build_complex(key, node, tests)
        table[key] = Field(check, choice)

    def tests(self, element: Json, type_name: str, targets: bool = True) -> tuple[ItemCheck, ...]:
        """What R4 asks of the value of an element beyond what its type asks; of its targets too if `targets`."""
        root = self.element(type_name) or {}
        known = tuple(one["key"] for one in root.get("constraint", ()))
        tests: list[ItemCheck] = list(self._rules.invariants.of_element(element, type_name, known))
        bound = self._rules.bindings.compile(element, type_name)
        if bound:
            tests.append(bound)
        if type_name in ("Reference", "canonical"):
            target = self._rules.references.targets(element, type_name) if targets else None
            if target:
                tests.append(self._rules.references.check_targets(target))
        for type_ in element.get("type", ()):
            if type_.get("code") == type_name and type_.get("profile"):
                tests.append(self._rules.profiles.any_of(type_["profile"]))
        return tuple(tests)


def _walk(
    name: str,
    table: Mapping[str, Field],
    required: tuple[tuple[str, str | None], ...],
    tests: tuple[ItemCheck, ...],
    may_be_empty: bool = False,
) -> Walk:
    field_of: Callable[[str], Field | None] = table.get

    def walk(value: Json, at: At, run: Run) -> None:
        if len(value) < 2 and not may_be_empty and (not value or "id" in value):
            run.add("validation.empty-object", at, constraint="ele-1", type=name)
        chosen: dict[str, str] | None = None
        for key, item in value.items():
            field = field_of(key)
            if field is None:
                _unknown(key, name, table, at, run)
                continue
            check, choice = field
            check(item, value, at, run)
            if choice is not None:
                if chosen is None:
                    chosen = {choice: key}
                elif chosen.setdefault(choice, key).lstrip("_") != key.lstrip("_"):
                    run.add("validation.choice-twice", at, name=choice, first=chosen[choice], second=key)
        for key, choice in required:
            if choice is None:
                if key not in value and "_" + key not in value:
                    run.add("validation.required", at, name=key, type=name)
            elif chosen is None or choice not in chosen:
                run.add("validation.required", at, name=f"{key}[x]", type=name)
        for test in tests:
            test(value, None, at, run)

    return walk


def _unknown(key: Any, name: str, table: Mapping[str, Field], at: At, run: Run) -> None:
    text = str(key)
    near = difflib.get_close_matches(text, table, 1)
    if near:
        run.add("validation.unknown-near", (at, text), name=text, type=name, near=near[0])
    else:
        run.add("validation.unknown", (at, text), name=text, type=name)


def _unknown_type(name: str) -> Walk:
    def walk(value: Json, at: At, run: Run) -> None:
        run.add("validation.type-unknown", at, type=name)

    return walk
