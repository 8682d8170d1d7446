"""Names of elements compiled to rules: what of a resource may be taken along, and the taking itself.

A name is a path from a resource type (`activity.detail.goal`), in which `extension:name` and `identifier:name` pick
extensions and kinds of identifiers. https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/extensibility.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.definitions import Definitions
from service.fhir.model import TypeModel

ROOT = "https://yhdessa.example/fhir"
EXTENSION, IDENTIFIER = "extension:", "identifier:"
_CONTAINERS = (dict, list)
_UNKNOWN: Any = object()

At = tuple[Any, Any] | None
"""A place in a resource: the place above it and the step from there, which is a name, a number, or the url of an
extension (in a tuple of its own). None is the resource itself."""
_Tree = dict[str, "_Tree"]


class ElementError(ValueError):
    """A name that cannot be; `name` is it, `problem` a key of `texts/policy.toml`."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name)
        self.name = name
        self.problem = problem


@dataclass(slots=True)
class Rule:
    """What of one object goes; None stands for a plain value. `identifiers` None means identifiers of all kinds."""

    children: dict[str, "Rule | None"] = field(default_factory=dict)
    extensions: dict[str, "Rule"] = field(default_factory=dict)
    identifiers: "Kinds | None" = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of identifiers: those of these systems, and those of these uses whose system has no name of its own."""

    systems: frozenset[str]
    uses: frozenset[str]
    named: frozenset[str]

    def has(self, identifier: Mapping[str, Any]) -> bool:
        """A personal identity code is one whatever its use."""
        system = identifier.get("system")
        return system in self.systems if system in self.named else identifier.get("use") in self.uses


class Names:
    """Compiles names. `types`: what goes of a data type; `extensions`, `identifiers`: what the names stand for."""

    def __init__(
        self,
        definitions: Definitions,
        types: Mapping[str, Iterable[str]],
        extensions: Mapping[str, str],
        identifiers: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._definitions = definitions
        self._model: TypeModel = definitions.model
        self._types = {name: tuple(paths) for name, paths in types.items()}
        self._extensions = extensions
        self._identifiers = identifiers
        self._systems = frozenset(one["system"] for one in identifiers.values() if "system" in one)
        self._made: dict[str, Rule] = {}
        self._keys: dict[str, dict[str, str]] = {}

    def rule(self, type_name: str, paths: Iterable[str]) -> Rule:
        """The rule of these paths together; `ElementError` where one of them is no element."""
        tree: _Tree = {}
        for path in paths:
            node = tree
            for step in path.split("."):
                node = node.setdefault(step, {})
        return self._build(type_name, tree, type_name)

    def url(self, name: str) -> str:
        """The url of the extension `name`."""
        return self._extensions.get(name, f"{ROOT}/StructureDefinition/{name}")

    def _build(self, type_name: str, tree: _Tree, at: str) -> Rule:
        rule = Rule()
        kinds: list[tuple[str, str]] = []
        for step, below in tree.items():
            here = f"{at}.{step}"
            if step.startswith(EXTENSION):
                url = self.url(step.removeprefix(EXTENSION))
                rule.extensions[url] = self._extension(url, below, here)
            elif step.startswith(IDENTIFIER):
                kinds.append(self._kind(step.removeprefix(IDENTIFIER), here))
                rule.children["identifier"] = self._of_type("Identifier", here)
            else:
                self._child(rule, type_name, step, below, here)
        if kinds:
            uses = frozenset(value for member, value in kinds if member == "use")
            rule.identifiers = Kinds(
                frozenset(value for member, value in kinds if member == "system"), uses, self._systems
            )
        return rule

    def _child(self, rule: Rule, type_name: str, step: str, below: _Tree, here: str) -> None:
        found = self._elements(type_name).get(step)
        if found is None:
            raise ElementError(here, "policy.no-such-element")
        if self._model.kind(found) == "primitive-type":
            rule.children[step] = None
            if below:
                rule.children[f"_{step}"] = self._build("Element", below, here)
        else:
            rule.children[step] = self._build(found, below, here) if below else self._of_type(found, here)

    def _extension(self, url: str, below: _Tree, at: str) -> Rule:
        if below:
            parts = {part: Rule({"url": None, **self._values(url, part, at)}) for part in below}
            return Rule({"url": None}, parts)
        return Rule({"url": None, **self._values(url, "", at)})

    def _values(self, url: str, part: str, at: str) -> dict[str, Rule | None]:
        """`value[x]` of an extension, or of a part of it, of the types that its definition names."""
        found: dict[str, Rule | None] = {}
        allowed = self._value_types(url, part)
        if not allowed:
            raise ElementError(f"{at}", "policy.no-such-element")
        for key, name in self._model.child("Extension", "value") or ():
            if name in allowed:
                found[key] = None if self._model.kind(name) == "primitive-type" else self._of_type(name, at)
        return found

    def _value_types(self, url: str, part: str) -> frozenset[str]:
        structure = self._definitions.get("StructureDefinition", url) or {}
        wanted = f"Extension.extension:{part}.value[x]" if part else "Extension.value[x]"
        for view in ("differential", "snapshot"):
            for element in structure.get(view, {}).get("element", ()):
                if element.get("id") == wanted and "type" in element and element.get("max") != "0":
                    return frozenset(one["code"] for one in element["type"])
        return frozenset()

    def _of_type(self, name: str, at: str) -> Rule:
        if name not in self._made:
            if name not in self._types:
                raise ElementError(f"{at} ({name})", "policy.type-not-allowed")
            # Noted before it is made: a questionnaire's items hold items.
            self._made[name] = rule = Rule()
            made = self.rule(name, self._types[name])
            rule.children, rule.extensions = made.children, made.extensions
        return self._made[name]

    def _kind(self, name: str, at: str) -> tuple[str, str]:
        if name not in self._identifiers:
            raise ElementError(at, "policy.no-such-identifier")
        ((member, value),) = self._identifiers[name].items()
        return member, value

    def _elements(self, type_name: str) -> dict[str, str]:
        """The JSON members of a type with the types of their values."""
        if type_name not in self._keys:
            names = self._model.elements(type_name)
            self._keys[type_name] = {
                key: kind for name in names for key, kind in self._model.child(type_name, name) or ()
            }
        return self._keys[type_name]


def taken(value: Mapping[str, Any], rule: Rule, at: At, dropped: list[At]) -> dict[str, Any]:
    """What of `value`, which is at `at`, goes by `rule`, a copy of its own; the places of what stays join `dropped`."""
    out: dict[str, Any] = {}
    known = rule.children
    for key, item in value.items():
        child = known.get(key, _UNKNOWN)
        if child is None and type(item) not in _CONTAINERS and item is not None:
            out[key] = item
            continue
        if key == "extension":
            found: Any = _extensions(item, rule, (at, key), dropped)
        elif child is _UNKNOWN:
            dropped.append((at, key))
            continue
        else:
            found = item_taken(item, child, rule.identifiers if key == "identifier" else None, (at, key), dropped)
        if found:
            out[key] = found
    return out


def item_taken(item: Any, child: Rule | None, kinds: Kinds | None, at: At, dropped: list[At]) -> Any:
    """What of one element goes, a list or not: by `child`, of identifiers those of `kinds`. None where nothing does."""
    if type(item) is list:
        every = [item_taken(one, child, kinds, (at, number), dropped) for number, one in enumerate(item)]
        return [one for one in every if one is not None]
    if child is None and type(item) not in _CONTAINERS:
        return item
    if child is None or type(item) is not dict or (kinds is not None and not kinds.has(item)):
        dropped.append(at)
        return None
    return taken(item, child, at, dropped) or None


def extension_taken(one: Any, rule: Rule, at: At, dropped: list[At]) -> dict[str, Any] | None:
    """What of one extension goes: more than its url, or nothing."""
    url = one.get("url") if type(one) is dict else None
    inner = rule.extensions.get(url) if type(url) is str else None
    if inner is None:
        dropped.append(at)
        return None
    made = taken(one, inner, at, dropped)
    return made if len(made) > 1 else None


def _extensions(items: Any, rule: Rule, at: At, dropped: list[At]) -> list[dict[str, Any]]:
    out = []
    for number, one in enumerate(items if type(items) is list else ()):
        url = one.get("url") if type(one) is dict else None
        found = extension_taken(one, rule, (at, (url,) if type(url) is str else number), dropped)
        if found is not None:
            out.append(found)
    return out
