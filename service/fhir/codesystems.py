"""The concepts of one CodeSystem: found by code, walked by hierarchy, chosen by filter.

https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from service.fhir.path import PathError

_PARENT_CODES = frozenset(("parent", "subsumedBy"))
_PARENT_URIS = frozenset(("http://hl7.org/fhir/concept-properties#parent",))


@dataclass(slots=True)
class Concept:
    """One concept; `parents` and `children` are codes."""

    code: str
    display: str | None
    designations: tuple[Mapping[str, Any], ...] = ()
    properties: tuple[tuple[str, Any], ...] = ()
    parents: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)

    @property
    def abstract(self) -> bool:
        return ("notSelectable", True) in self.properties

    @property
    def inactive(self) -> bool:
        return any(
            (name == "inactive" and value is True) or (name == "status" and value in ("retired", "inactive"))
            for name, value in self.properties
        )

    def values(self, name: str) -> list[str]:
        return [_shown(value) for key, value in self.properties if key == name]


class CodeSystem:
    """A CodeSystem resource, indexed. `complete` says whether a code that is not here is surely none of it."""

    def __init__(self, resource: Mapping[str, Any]) -> None:
        self.url: str = resource["url"]
        self.version: str | None = resource.get("version")
        self.name: str = resource.get("name") or resource.get("title") or self.url
        self.title: str = resource.get("title") or self.name
        self.complete = resource.get("content") == "complete"
        self.case_sensitive: bool = resource.get("caseSensitive", True)
        self._parent_names = _PARENT_CODES | {
            one["code"] for one in resource.get("property", ()) if one.get("uri") in _PARENT_URIS
        }
        self.concepts: dict[str, Concept] = {}
        self._add(resource.get("concept", ()), None)
        for concept in self.concepts.values():
            for parent in concept.parents:
                if parent in self.concepts and concept.code not in self.concepts[parent].children:
                    self.concepts[parent].children.append(concept.code)

    @functools.cached_property
    def _folded(self) -> Mapping[str, str]:
        return {} if self.case_sensitive else {code.casefold(): code for code in self.concepts}

    def find(self, code: str) -> Concept | None:
        """The concept of `code`; case counts only where the system says so."""
        found = self.concepts.get(code)
        if found is None and not self.case_sensitive:
            found = self.concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def below(self, code: str) -> frozenset[str]:
        """The codes under `code`, itself not included."""
        return self._reach(code, "children")

    def above(self, code: str) -> frozenset[str]:
        """The codes over `code`, itself not included."""
        return self._reach(code, "parents")

    def choose(self, filters: list[Mapping[str, str]]) -> frozenset[str] | None:
        """The codes that pass every filter; None where one of them cannot be decided from this resource."""
        chosen = frozenset(self.concepts)
        for one in filters:
            passed = self._filter(one.get("property", ""), one.get("op", ""), one.get("value", ""))
            if passed is None:
                return None
            chosen &= passed
        return chosen

    def _add(self, concepts: Any, parent: str | None) -> None:
        stack = [(one, parent) for one in reversed(list(concepts))]
        while stack:
            one, above = stack.pop()
            properties = tuple((row["code"], _value(row)) for row in one.get("property", ()))
            parents = [above] if above is not None else []
            parents += [str(value) for name, value in properties if name in self._parent_names and value not in parents]
            designations = tuple(one.get("designation", ()))
            self.concepts[one["code"]] = Concept(one["code"], one.get("display"), designations, properties, parents)
            stack.extend((child, one["code"]) for child in reversed(one.get("concept", ())))

    def _reach(self, code: str, way: str) -> frozenset[str]:
        seen: set[str] = set()
        stack = [code]
        while stack:
            concept = self.concepts.get(stack.pop())
            for other in getattr(concept, way, ()):
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        return frozenset(seen - {code})

    def _filter(self, name: str, op: str, value: str) -> frozenset[str] | None:
        everything = frozenset(self.concepts)
        if op in ("is-a", "is-not-a", "descendent-of", "generalizes"):
            if value not in self.concepts:
                return None if not self.complete else (everything if op == "is-not-a" else frozenset())
            if op == "descendent-of":
                return self.below(value)
            if op == "generalizes":
                return self.above(value) | {value}
            return self.below(value) | {value} if op == "is-a" else everything - self.below(value) - {value}
        test = _test(op, value)
        if test is None:
            return None
        try:
            return frozenset(code for code, concept in self.concepts.items() if test(self._property(concept, name)))
        except PathError:
            return None

    def _property(self, concept: Concept, name: str) -> list[str]:
        if name in ("concept", "code"):
            return [concept.code]
        if name == "display":
            return [concept.display] if concept.display else []
        if name == "parent":
            return list(concept.parents)
        if name == "child":
            return list(concept.children)
        return concept.values(name)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts.values())


def _test(op: str, value: str) -> Callable[[list[str]], bool] | None:
    """What a filter asks of the values of a property; None for an unknown operator, `PathError` for a bad pattern."""
    if op == "=":
        return lambda have: value in have
    listed = frozenset(part.strip() for part in value.split(","))
    if op == "in":
        return lambda have: any(one in listed for one in have)
    if op == "not-in":
        return lambda have: not any(one in listed for one in have)
    if op == "exists":
        return lambda have: bool(have) == (value == "true")
    if op != "regex":
        return None
    # Patterns are loaded with the first filter that has one.
    from service.fhir.path.patterns import covers

    return lambda have: any(covers(one, value) for one in have)


def _value(row: Mapping[str, Any]) -> Any:
    value = next((value for key, value in row.items() if key.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("code")
    return value if isinstance(value, str | bool | int | Decimal) else None


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
