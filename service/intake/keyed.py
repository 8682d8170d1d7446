"""The form of a source document that the maps read: stable ids, resolved references, exact times, nothing implicit.

`keyed` gives it, `unkeyed` takes it back, `normalised` is the document in between: times and defaults, no ids.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from service.intake.identity import ACROSS, NAMED, Identities, Parent, reference
from service.intake.ids import identify
from service.intake.schema import Schema, base
from service.intake.shape import Shape, objects
from service.intake.times import full

Walk = Callable[[Any, Any, Parent], Any]
"""(value, `Identities` or None, parent) → the value in its new form."""

ADDED = ("provenanceId", "documentResourceId", "processing")
"""What `keyed` adds to a document."""
PROCESSING = ("activityStyle", "sourceHash", "mappingSet", "mappingHash")
"""What `processing` may hold."""


def keyed(
    document: Mapping[str, Any], key: bytes, *, processing: Mapping[str, str], schema: Schema | None = None
) -> dict[str, Any]:
    """The keyed form of a document that has passed `check`; the document itself stays as it is.

    `key` is the installation's secret; `processing` says how and by what the document is mapped (`PROCESSING`).
    """
    kind = document["kind"]
    ids = Identities(identify(key, document["source"]["organisation"]), document)
    out: dict[str, Any] = _walk(schema or base(), kind, True)(document, ids, None)
    out["provenanceId"] = ids.identify(ids.system, "Provenance", kind, document["id"])
    out["documentResourceId"] = ids.identify(ids.system, "DocumentReference", kind, document["id"])
    out["processing"] = dict(processing)
    return out


def normalised(document: Mapping[str, Any], *, schema: Schema | None = None) -> dict[str, Any]:
    """The same document with exact times and nothing implicit; no ids are added."""
    out: dict[str, Any] = _walk(schema or base(), document["kind"], False)(document, None, None)
    return out


@functools.lru_cache(64)
def _walk(schema: Schema, kind: str, with_ids: bool) -> Walk:
    return _Compiler(schema.shapes[kind], with_ids).object(schema.shapes[kind])


class _Compiler:
    """Turns shapes into functions that touch only what changes; everything else is shared with the input."""

    def __init__(self, root: Shape, with_ids: bool) -> None:
        self.root = root
        self.with_ids = with_ids
        self.owners = owners(root)
        self.done: dict[int, Walk] = {}
        self.touched = _touched(root)

    def value(self, shape: Shape) -> Walk | None:
        if shape.reference:
            return self.refer(shape.reference) if self.with_ids else None
        if shape.special == "dateTime":
            return lambda value, ids, parent: full(value)
        if shape.type == "integer":
            return lambda value, ids, parent: int(value)
        if shape.items is not None:
            inner = self.value(shape.items)
            return None if inner is None else lambda value, ids, parent: [inner(one, ids, parent) for one in value]
        if shape.type == "object" and shape in self.touched:
            return self.object(shape)
        return None

    def object(self, shape: Shape) -> Walk:
        done = self.done.get(id(shape))
        if done is _unfinished:
            return lambda value, ids, parent: self.done[id(shape)](value, ids, parent)
        if done is not None:
            return done
        self.done[id(shape)] = _unfinished
        fields = [(name, walk) for name, one in shape.fields.items() if (walk := self.value(one.shape))]
        entity = shape.entity if self.with_ids else None
        defaults = [(name, one.default) for name, one in shape.fields.items() if one.default is not None]
        everyone = self.everyone(shape)

        def run(value: dict[str, Any], ids: Any, parent: Parent) -> dict[str, Any]:
            out = dict(value)
            if entity:
                own = ids.entity(entity, value, parent)
                out["resourceId"] = own
                if entity == "professional":
                    out["practitionerId"] = ids.practitioners[value["id"]]
                parent = (entity, own, parent)
            for name, walk in fields:
                if name in value:
                    out[name] = walk(value[name], ids, parent)
            for name, default in defaults:
                if name not in value:
                    out[name] = default
            if everyone:
                _all_children(out, value, ids, everyone)
            return out

        self.done[id(shape)] = run
        return run

    def everyone(self, shape: Shape) -> list[str]:
        """The fields of a document that hold teams or plans, which are about every child unless they say."""
        return [
            name for name in ("careTeam", "careTeams", "plan", "plans") if shape is self.root and name in shape.fields
        ]

    def refer(self, kinds: tuple[str, ...]) -> Walk:
        if set(kinds) <= NAMED:
            return lambda value, ids, parent: dict(ids.named[value])
        kind = kinds[0]
        around = self.owners.get(kind, frozenset())

        def run(value: str, ids: Identities, parent: Parent) -> dict[str, str]:
            if value in ids.named and kind not in ACROSS and ids.named[value]["kind"] in kinds:
                return dict(ids.named[value])
            while parent is not None and parent[0] not in around:
                parent = parent[2]
            return reference(kind, value, ids.local(kind, value, parent))

        return run


def _all_children(out: dict[str, Any], value: Mapping[str, Any], ids: Identities | None, names: list[str]) -> None:
    """Without `children`, a team or plan is about every child of the family, in their order; a need or a recipient
    is about the children of its plan."""
    children = [child["id"] for child in value["family"]["children"]]
    for name in names:
        for one in [out[name]] if isinstance(out.get(name), dict) else out.get(name, ()):
            if "children" not in one:
                one["children"] = [dict(ids.named[child]) for child in children] if ids else list(children)
            for part in (*one.get("needs", ()), *one.get("recipients", ())):
                if "children" not in part:
                    part["children"] = list(one["children"])


def _unfinished(value: Any, ids: Any, parent: Parent) -> Any:
    raise AssertionError("a recursive shape was used before it was compiled")


def owners(root: Shape) -> dict[str, frozenset[str]]:
    """For each kind of entity that lies in others: in which kinds."""
    found: dict[str, set[str]] = {}
    seen: set[tuple[int, str]] = set()
    stack: list[tuple[Shape, str]] = [(root, "")]
    while stack:
        shape, around = stack.pop()
        if (id(shape), around) in seen:
            continue
        seen.add((id(shape), around))
        if shape.entity:
            found.setdefault(shape.entity, set()).add(around)
            around = shape.entity
        below = [shape.items] if shape.items else [one.shape for one in shape.fields.values()]
        stack.extend((one, around) for one in below)
    return {kind: frozenset(around - {""}) for kind, around in found.items()}


def _touched(root: Shape) -> set[Shape]:
    """The objects of which something changes on the way."""
    everything = objects(root)
    touched = {shape for shape in everything if shape.entity}
    grown = True
    while grown:
        more = {shape for shape in everything if shape not in touched and _changes(shape, touched)}
        touched |= more
        grown = bool(more)
    return touched | {root}


def _changes(shape: Shape, touched: set[Shape]) -> bool:
    for one in shape.fields.values():
        inner = one.shape
        while inner.items is not None:
            inner = inner.items
        changed = inner in touched or inner.reference or inner.special == "dateTime" or inner.type == "integer"
        if changed or one.default is not None:
            return True
    return False
