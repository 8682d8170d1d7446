"""Names of elements compiled to rules: what of a resource may be taken along, and the taking itself.

A name is a path from a resource type (`activity.detail.goal`), in which `extension:name` and `identifier:name` pick
extensions and kinds of identifiers. https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/extensibility.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.model import TypeModel

ROOT = "https://yhdessa.example/fhir"
EXTENSION, IDENTIFIER = "extension:", "identifier:"
_CONTAINERS = (dict, list)
_REFERENCE = ("reference", "type", "identifier", "display")

Dropped = Callable[[str], None]
"""Is told the path of what is not taken along."""
_Tree = dict[str, "_Tree"]


class ElementError(ValueError):
    """A name that cannot be; `name` is it, `problem` a key of `texts/policy.toml`."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name)
        self.name = name
        self.problem = problem


@dataclass(slots=True)
class Rule:
    """What of one object goes: None stands for a plain value, `reference` for a Reference.

    `identifiers` are the kinds of identifiers that go, as (member, value) of an Identifier; None means all of them.
    """

    children: dict[str, "Rule | str | None"] = field(default_factory=dict)
    extensions: dict[str, "Rule"] = field(default_factory=dict)
    identifiers: tuple[tuple[str, str], ...] | None = None


class Names:
    """Compiles names. `types`: what goes of a data type; `extensions`, `identifiers`: what the names stand for."""

    def __init__(
        self,
        model: TypeModel,
        types: Mapping[str, Iterable[str]],
        extensions: Mapping[str, str],
        identifiers: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._model = model
        self._types = {name: tuple(paths) for name, paths in types.items()}
        self._extensions = extensions
        self._identifiers = identifiers
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
                rule.extensions[self.url(step.removeprefix(EXTENSION))] = self._extension(below, here)
            elif step.startswith(IDENTIFIER):
                kinds.append(self._kind(step.removeprefix(IDENTIFIER), here))
                rule.children["identifier"] = self._of_type("Identifier", here)
            else:
                self._child(rule, type_name, step, below, here)
        rule.identifiers = tuple(kinds) if kinds else None
        return rule

    def _child(self, rule: Rule, type_name: str, step: str, below: _Tree, here: str) -> None:
        found = self._elements(type_name).get(step)
        if found is None:
            raise ElementError(here, "policy.no-such-element")
        if found == "Reference":
            rule.children[step] = "reference"
        elif self._model.kind(found) == "primitive-type":
            rule.children[step] = None
            if below:
                rule.children[f"_{step}"] = self._build("Element", below, here)
        else:
            rule.children[step] = self._build(found, below, here) if below else self._of_type(found, here)

    def _extension(self, below: _Tree, at: str) -> Rule:
        rule = Rule({"url": None})
        if below:
            rule.extensions = {part: self._extension({}, f"{at}.{part}") for part in below}
            return rule
        if "Extension" not in self._made:
            self._made["Extension"] = Rule({"url": None, **self._values(at)})
        return self._made["Extension"]

    def _values(self, at: str) -> dict[str, Rule | str | None]:
        """`value[x]` of the types that may go at all."""
        found: dict[str, Rule | str | None] = {}
        for key, name in self._model.child("Extension", "value") or ():
            if self._model.kind(name) == "primitive-type":
                found[key] = None
            elif name == "Reference":
                found[key] = "reference"
            elif name in self._types:
                found[key] = self._of_type(name, at)
        return found

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


def taken(value: Mapping[str, Any], rule: Rule, at: str, dropped: Dropped) -> dict[str, Any]:
    """What of `value` goes by `rule`, a copy of its own; `at` is its path, `dropped` is told what stays."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        where = f"{at}.{key}" if at else key
        if key == "extension":
            found: Any = _extensions(item, rule, where, dropped)
        elif key not in rule.children:
            dropped(where)
            continue
        else:
            found = _item(item, rule.children[key], rule if key == "identifier" else None, where, dropped)
        if found not in (None, [], {}):
            out[key] = found
    return out


def _item(item: Any, child: Rule | str | None, holder: Rule | None, at: str, dropped: Dropped) -> Any:
    if type(item) is list:
        every = (_item(one, child, holder, f"{at}[{number}]", dropped) for number, one in enumerate(item))
        return [one for one in every if one is not None]
    if child is None:
        if type(item) in _CONTAINERS:
            dropped(at)
            return None
        return item
    if type(item) is not dict:
        dropped(at)
        return None
    if child == "reference":
        return {key: item[key] for key in _REFERENCE if key in item} or None
    if holder is not None and holder.identifiers is not None and not _chosen(item, holder.identifiers):
        dropped(at)
        return None
    assert isinstance(child, Rule)
    return taken(item, child, at, dropped) or None


def _chosen(identifier: Mapping[str, Any], kinds: Iterable[tuple[str, str]]) -> bool:
    return any(identifier.get(member) == value for member, value in kinds)


def _extensions(items: Any, rule: Rule, at: str, dropped: Dropped) -> list[dict[str, Any]]:
    out = []
    for number, one in enumerate(items if type(items) is list else ()):
        url = one.get("url") if type(one) is dict else None
        here = f"{at}('{url}')" if type(url) is str else f"{at}[{number}]"
        inner = rule.extensions.get(url) if type(url) is str else None
        made = taken(one, inner, here, dropped) if inner else {}
        if len(made) > 1:  # More than its url.
            out.append(made)
        elif inner is None:
            dropped(here)
    return out
