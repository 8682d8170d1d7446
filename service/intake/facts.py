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

Step = tuple[int, Shape, Any]
"""What is done with a field or an entry: its sort, its shape, the steps of its fields (of a list: of each entry)."""
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
_NONE: Mapping[Any, Step] = {}


def _lists() -> dict[str, list[Found]]:
    return defaultdict(list)


def _texts() -> dict[str, str]:
    return defaultdict(str)


@dataclass(slots=True)
class Facts:
    """A document that satisfies its schema, by what the rules look for.

    `objects` are by the `$defs` name, `entities` by their kind; `named` are the people and organisations by their local
    ids, `kinds` the kinds of these. Lists and kinds are empty where there is nothing.
    """

    document: Mapping[str, Any]
    test_mode: bool
    recorded: date | None
    objects: dict[str, list[Found]] = field(default_factory=_lists)
    entities: dict[str, list[Found]] = field(default_factory=_lists)
    references: list[Leaf] = field(default_factory=list)
    times: list[Leaf] = field(default_factory=list)
    oids: list[Leaf] = field(default_factory=list)
    strings: list[Leaf] = field(default_factory=list)
    named: dict[str, Found] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=_texts)

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
        for found in self.objects["name"]:
            for name in (found.value["family"], *found.value["given"], found.value.get("call", "")):
                if len(name) > 1:
                    yield name.casefold()


def gather(document: Mapping[str, Any], shape: Shape, *, test_mode: bool) -> Facts:
    """The facts of a document that satisfies the schema of `shape`."""
    facts = Facts(document, test_mode, day(document["recorded"]))
    _walk(document.items(), _steps(shape), None, (), None, facts)
    for kind in ORDER:
        for found in facts.entities[kind]:
            local = found.value["id"]
            if local not in facts.named:
                facts.named[local], facts.kinds[local] = found, kind
    return facts


def pointer(path: Any) -> str:
    """The JSON Pointer (RFC 6901) of a path."""
    steps = []
    while path:
        path, step = path
        steps.append(f"/{escape(str(step))}")
    return "".join(reversed(steps))


def _walk(
    values: Iterable[tuple[Any, Any]],
    steps: Mapping[Any, Step],
    every: Step | None,
    path: Any,
    around: Found | None,
    facts: Facts,
) -> None:
    """Walks the fields of an object by their steps, or the entries of a list, which all have the one step `every`."""
    for name, value in values:
        if every is not None:
            sort, shape, below = every
        elif name in steps:
            sort, shape, below = steps[name]
        else:
            continue
        if sort == OBJECT:
            found = Found(value, (path, name), shape, around)
            if shape.name:
                facts.objects[shape.name].append(found)
            if shape.entity:
                facts.entities[shape.entity].append(found)
            _walk(value.items(), below, None, found.path, found if shape.entity else around, facts)
        elif sort == LIST:
            _walk(enumerate(value), _NONE, below, (path, name), around, facts)
        elif sort == REFERENCE:
            facts.references.append((value, (path, name), shape, around))
        elif sort == TIME:
            facts.times.append((value, (path, name), shape, around))
        else:
            if sort == OID:
                facts.oids.append((value, (path, name), shape, around))
            if len(value) >= SHORTEST:
                facts.strings.append((value, (path, name), shape, around))


@functools.lru_cache(64)
def _steps(root: Shape) -> Mapping[str, Step]:
    """The steps of the fields of a document."""
    done: dict[int, dict[str, Step]] = {}

    def fields(shape: Shape) -> dict[str, Step]:
        if id(shape) not in done:
            done[id(shape)] = {}
            below = {name: step(one.shape) for name, one in shape.fields.items()}
            done[id(shape)].update({name: one for name, one in below.items() if one[0]})
        return done[id(shape)]

    def step(shape: Shape) -> Step:
        sort = _sort(shape)
        if shape.items is not None:
            return sort, shape, step(shape.items)
        return sort, shape, fields(shape) if sort == OBJECT else None

    return fields(root)


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
