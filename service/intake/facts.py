"""What the rules ask about a document, gathered in one walk along its shape."""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from msgspec import Struct

from service.fhir.json import escape
from service.intake.shape import Shape
from service.intake.times import day
from service.issues import masked

OBJECT, LIST, REFERENCE, TIME, TEXT, OID = range(1, 7)
ORDER = ("child", "guardian", "other", "professional", "organisation")
"""Where two things share a local id, the first of them in this order keeps it."""
SHORTEST = 11
"""Texts shorter than a HETU are of interest to no rule."""

Step = tuple[int, Shape]
Path = tuple[Any, Any]
"""A place in the document: the place around it, and the key or index in that; the document itself is ()."""


class Found(Struct, eq=False):
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


Leaf = tuple[Any, Any, Shape, Found | None]
"""The same for a reference, a time or a text: there are many, and an unnamed tuple is made and read faster."""


def _lists() -> dict[str, list[Found]]:
    return defaultdict(list)


@dataclass(slots=True)
class Facts:
    """A document that satisfies its schema, by what the rules look for."""

    document: Mapping[str, Any]
    test_mode: bool
    recorded: date | None
    objects: dict[str, list[Found]] = field(default_factory=_lists)
    entities: dict[str, list[Found]] = field(default_factory=_lists)
    references: list[Leaf] = field(default_factory=list)
    times: list[Leaf] = field(default_factory=list)
    strings: list[Leaf] = field(default_factory=list)
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
    _walk(document.items(), _steps(shape), (), None, facts)
    for kind in ORDER:
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


def _walk(
    values: Iterable[tuple[Any, Any]], steps: Mapping[Any, Step], path: Any, around: Found | None, facts: Facts
) -> None:
    """Walks the fields of an object, or the entries of a list: those have one step, under None."""
    every = steps.get(None)
    for name, value in values:
        step = every or steps.get(name)
        if step is None:
            continue
        sort, shape = step
        if sort == OBJECT:
            found = Found(value, (path, name), shape, around)
            if shape.name:
                facts.objects[shape.name].append(found)
            if shape.entity:
                facts.entities[shape.entity].append(found)
            _walk(value.items(), _steps(shape), found.path, found if shape.entity else around, facts)
        elif sort == LIST:
            _walk(enumerate(value), _steps(shape), (path, name), around, facts)
        elif sort == REFERENCE:
            facts.references.append((value, (path, name), shape, around))
        elif sort == TIME:
            facts.times.append((value, (path, name), shape, around))
        elif sort == OID or len(value) >= SHORTEST:
            facts.strings.append((value, (path, name), shape, around))


@functools.lru_cache(1024)
def _steps(shape: Shape) -> Mapping[str | None, Step]:
    """What to do with each field of an object (or, under None, with the entries of a list)."""
    below: dict[str | None, Shape]
    below = {None: shape.items} if shape.items else {name: one.shape for name, one in shape.fields.items()}
    return {name: (sort, inner) for name, inner in below.items() if (sort := _sort(inner))}


def _sort(shape: Shape) -> int:
    if shape.items is not None:
        return LIST if _sort(shape.items) else 0
    if shape.type == "object":
        return OBJECT
    if shape.reference:
        return REFERENCE
    if shape.type != "string" or shape.enum or shape.special in ("date", "hetu"):
        return 0
    return {"dateTime": TIME, "oid": OID}.get(shape.special, TEXT)
