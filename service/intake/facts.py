"""What the rules ask about a document, gathered in one walk along its shape."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from service.fhir.json import escape
from service.intake.identity import NAMED
from service.intake.shape import Shape
from service.intake.times import day
from service.issues import masked

Path = tuple[Any, Any]
"""A place in the document: the place around it, and the key or index in that; the document itself is ()."""


@dataclass(frozen=True, slots=True)
class Found:
    """One value and where it lies; `around` is the entity that holds it."""

    value: Any
    path: Any
    shape: Shape
    around: "Found | None" = None

    @property
    def pointer(self) -> str:
        return pointer(self.path)

    def at(self, *steps: str | int) -> str:
        """The pointer to something below."""
        return "".join([self.pointer, *(f"/{escape(str(step))}" for step in steps)])


@dataclass(slots=True)
class Facts:
    """A document that satisfies its schema, by what the rules look for."""

    document: Mapping[str, Any]
    test_mode: bool
    recorded: date | None
    objects: dict[str, list[Found]] = field(default_factory=dict)
    entities: dict[str, list[Found]] = field(default_factory=dict)
    references: list[Found] = field(default_factory=list)
    times: list[Found] = field(default_factory=list)
    strings: list[Found] = field(default_factory=list)
    named: dict[str, Found] = field(default_factory=dict)

    def of(self, name: str) -> list[Found]:
        """Every object of a `$defs` name."""
        return self.objects.get(name, [])

    def kind(self, local: str) -> str:
        """The kind of the person or organisation of that local id; empty where there is none."""
        found = self.named.get(local)
        return found.shape.entity or "" if found else ""

    def person(self, local: str) -> Mapping[str, Any]:
        """The person or organisation of that local id; empty where there is none."""
        found = self.named.get(local)
        return found.value if found else {}

    def shown(self, local: str) -> str:
        """A local id as it may stand in a text: not where it could be a name or a HETU."""
        low = local.casefold()
        if masked(local) != local or any(name in low for name in self._names()):
            return "…"
        return local

    def _names(self) -> Iterator[str]:
        for found in self.of("name"):
            for name in (found.value["family"], *found.value["given"], found.value.get("call", "")):
                if len(name) > 1:
                    yield name.casefold()


def gather(document: Mapping[str, Any], shape: Shape, *, test_mode: bool) -> Facts:
    """The facts of a document that satisfies the schema of `shape`."""
    facts = Facts(document, test_mode, day(document["recorded"]))
    _walk(document, shape, (), None, facts)
    for kind in NAMED:
        for found in facts.entities.get(kind, ()):
            facts.named.setdefault(found.value["id"], found)
    return facts


def pointer(path: Any) -> str:
    """The JSON Pointer (RFC 6901) of a path."""
    steps = []
    while path:
        path, step = path
        steps.append(f"/{escape(str(step))}")
    return "".join(reversed(steps))


def _walk(value: Any, shape: Shape, path: Any, around: Found | None, facts: Facts) -> None:
    if shape.type == "object":
        found = Found(value, path, shape, around)
        if shape.name and path:
            facts.objects.setdefault(shape.name, []).append(found)
        if shape.entity:
            facts.entities.setdefault(shape.entity, []).append(found)
            around = found
        fields = shape.fields
        for name, inner in value.items():
            if name in fields:
                _walk(inner, fields[name].shape, (path, name), around, facts)
    elif shape.items is not None:
        for index, inner in enumerate(value):
            _walk(inner, shape.items, (path, index), around, facts)
    elif shape.reference:
        facts.references.append(Found(value, path, shape, around))
    elif shape.special == "dateTime":
        facts.times.append(Found(value, path, shape, around))
    elif shape.type == "string" and not shape.enum and shape.special != "date":
        facts.strings.append(Found(value, path, shape, around))
