"""The JSON Schemas of the source documents, with the extra fields of a region's variant, compiled once.

https://json-schema.org/draft/2020-12/json-schema-core
"""

import copy
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from service import assets
from service.fhir import json
from service.intake.shape import Reader, Shape, objects
from service.issues import Issue, issue

KINDS = ("meeting", "care-team", "shared-plan", "case")
RESERVED = frozenset({"resourceId", "practitionerId", "provenanceId", "documentResourceId", "processing"})
"""Names that the keyed form adds."""
# Keywords that speak of names which do not stand beside them.
_OPEN = frozenset({"$ref", "$dynamicRef", "additionalProperties", "dependentSchemas", "patternProperties"})
_APPLIED = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not")
ROOT = "https://yhdessa.example/fhir/source/"


class SchemaError(ValueError):
    """An overlay that cannot be laid over the base schemas; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The composed schemas: `documents` by `$id`, and by kind of document the `gates` and the `shapes`."""

    documents: Mapping[str, dict[str, Any]]
    gates: Mapping[str, Any]
    shapes: Mapping[str, Shape]


def uri(kind: str) -> str:
    """The `$id` of the schema of a kind of document."""
    return f"{ROOT}{kind}.schema.json"


@functools.cache
def base() -> Schema:
    """The schemas as this project ships them."""
    return compose(())


def compose(overlays: Sequence[Mapping[str, Any]]) -> Schema:
    """The base schemas with the extra fields of each overlay, in that order.

    An overlay is `{"$defs": {"measure": {"allOf": [{"properties": …}]}}, "kinds": {"meeting": {"allOf": […]}}}`: what
    stands in `allOf` is added to the object of that name; a name that the base does not have becomes a new definition
    in `common.schema.json`. `SchemaError` where that does not give valid schemas.
    """
    documents = {schema["$id"]: copy.deepcopy(schema) for schema in _shipped()}
    for overlay in overlays:
        _lay_over(documents, overlay)
    try:
        closed = [(id_, _closed(document)) for id_, document in documents.items()]
        registry = jsonschema_rs.Registry(closed, draft=jsonschema_rs.Draft202012)
        gates = {kind: _gate(uri(kind), registry) for kind in KINDS}
        reader = Reader(documents)
        shapes = {kind: reader.root(uri(kind), kind) for kind in KINDS}
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SchemaError(issue("intake.overlay-invalid", reason=reason)) from None
    for shape in shapes.values():
        _refuse_unkeyable(shape)
    return Schema(documents, gates, shapes)


def _refuse_unkeyable(root: Shape) -> None:
    """An overlay may neither use the names that intake adds, nor ask for ids of what has no id of its own."""
    for shape in objects(root):
        if taken := sorted(RESERVED & set(shape.fields)):
            raise SchemaError(issue("intake.overlay-reserved", name=taken[0]))
        own = shape.fields.get("id")
        if shape.entity and shape.entity != "relation" and not (own and own.required):
            raise SchemaError(issue("intake.overlay-entity-id", name=shape.name or shape.entity))


def _gate(root: str, registry: Any) -> Any:
    return jsonschema_rs.Draft202012Validator({"$ref": root}, registry=registry, validate_formats=True)


def _closed(node: Any) -> Any:
    """The same schema with `additionalProperties` where that says what `unevaluatedProperties` does: it is quicker.

    So it is where all names stand in `properties`, and what else speaks of the object brings no further.
    """
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _closed(value) for key, value in node.items()}
    if node.get("unevaluatedProperties") is False and _brought(node) <= _own(node):
        del made["unevaluatedProperties"]
        made["additionalProperties"] = False
    return made


def _own(node: Mapping[str, Any]) -> set[str]:
    names = node.get("properties")
    return set(names) if isinstance(names, dict) else set()


def _brought(node: Any) -> set[str]:
    """The names that `node` and all that it applies to the same object speak of, and any keyword of `_OPEN` in them."""
    if isinstance(node, list):
        return set().union(*map(_brought, node))
    if not isinstance(node, dict):
        return set()
    return _own(node) | (_OPEN & node.keys()) | _brought([node[key] for key in _APPLIED if key in node])


@functools.cache
def _shipped() -> tuple[dict[str, Any], ...]:
    folder = assets.schemas() / "source"
    return tuple(json.parse((folder / f"{name}.schema.json").read_bytes()) for name in ("common", *KINDS))


def _lay_over(documents: Mapping[str, dict[str, Any]], overlay: Mapping[str, Any]) -> None:
    if strange := set(overlay) - {"$schema", "$id", "$comment", "title", "$defs", "kinds"}:
        raise SchemaError(issue("intake.overlay-key", name=min(strange)))
    for kind, extra in overlay.get("kinds", {}).items():
        if kind not in KINDS:
            raise SchemaError(issue("intake.overlay-kind", name=kind, allowed=", ".join(KINDS)))
        _add(documents[uri(kind)], extra, kind)
    for name, extra in overlay.get("$defs", {}).items():
        home = _home(documents.values(), name)
        if home is None:
            documents[f"{ROOT}common.schema.json"]["$defs"][name] = copy.deepcopy(extra)
        else:
            _add(home["$defs"][name], extra, name)


def _home(documents: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((document for document in documents if name in document.get("$defs", {})), None)


def _add(target: dict[str, Any], extra: Mapping[str, Any], name: str) -> None:
    parts = extra.get("allOf")
    if not isinstance(parts, list) or set(extra) - {"allOf", "$comment"}:
        raise SchemaError(issue("intake.overlay-all-of", name=name))
    target.setdefault("allOf", []).extend(copy.deepcopy(parts))
