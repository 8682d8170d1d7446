"""A composed JSON Schema read once into plain objects: which fields there are, which are entities, references, times.

What `allOf` and `$ref` spread over several places stands here together (https://json-schema.org/draft/2020-12).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One kind of value.

    `type` is a JSON Schema type; `name` the `$defs` name it comes from (a document's root: its kind; else empty);
    `entity` and `reference` are the schema's `x-entity` and `x-reference`; `special` is `dateTime`, `date`, `uri`,
    `language`, `hetu`, `localId`, … for strings of a named sort, `enum` the allowed codes.
    """

    type: str
    name: str = ""
    entity: str | None = None
    reference: tuple[str, ...] = ()
    special: str = ""
    enum: tuple[str, ...] = ()
    title: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    fields: dict[str, "Field"] = field(default_factory=dict)
    items: "Shape | None" = None
    most: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One key of an object."""

    name: str
    shape: Shape
    required: bool
    title: Mapping[str, str]
    description: str
    default: Any = None


class Reader:
    """Reads shapes out of schemas that refer to each other by `$id`; one object per `$defs` entry."""

    def __init__(self, schemas: Mapping[str, Node]) -> None:
        self._schemas = schemas
        self._objects: dict[tuple[str, str], Shape] = {}

    def root(self, uri: str, kind: str) -> Shape:
        """The shape of a whole document."""
        return self._object(uri, kind, self._schemas[uri], root=True)

    def _shape(self, uri: str, node: Node, name: str = "") -> Shape:
        merged = dict(node)
        while "$ref" in merged:
            target, _, name = str(merged.pop("$ref")).rpartition("#/$defs/")
            if target:
                uri = f"{uri.rpartition('/')[0]}/{target}"
            found = self._schemas[uri]["$defs"][name]
            if found.get("type") == "object":
                return self._object(uri, name, found)
            merged = {**found, **merged}
        if merged.get("type") == "object":
            return self._object(uri, name, merged)
        if merged.get("type") == "array":
            items = self._shape(uri, merged["items"])
            return Shape("array", title=merged.get("x-title", {}), items=items, most=merged.get("maxItems"))
        return Shape(
            merged.get("type", "string"),
            name,
            reference=tuple(merged.get("x-reference", ())),
            special=merged.get("x-type", name),
            enum=tuple(merged["enum"]) if "enum" in merged else (merged["const"],) if "const" in merged else (),
            title=merged.get("x-title", {}),
            description=merged.get("description", ""),
        )

    def _object(self, uri: str, name: str, node: Node, root: bool = False) -> Shape:
        if (uri, name) in self._objects and not root:
            return self._objects[uri, name]
        shape = Shape(
            "object",
            name,
            node.get("x-entity"),
            title=node.get("x-title", {}),
            description=node.get("description", ""),
        )
        if name and not root:
            self._objects[uri, name] = shape
        parts = list(_parts(node))
        required = {key for part in parts for key in part.get("required", ())}
        for part in parts:
            for key, value in part.get("properties", {}).items():
                if not isinstance(value, Mapping) or key in shape.fields:
                    continue
                inner = self._shape(uri, value)
                title = value.get("x-title") or inner.title
                description = value.get("description", "")
                shape.fields[key] = Field(key, inner, key in required, title, description, value.get("default"))
        return shape


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for part in node.get("allOf", ()):
        if "if" not in part:
            yield from _parts(part)


def objects(shape: Shape) -> list[Shape]:
    """`shape` and every object below it, each once, in the order in which the schema names them."""
    found: list[Shape] = []
    stack = [shape]
    while stack:
        one = stack.pop()
        if one in found:
            continue
        if one.type == "object":
            found.append(one)
        below = [one.items] if one.items else [inner.shape for inner in one.fields.values()]
        stack.extend(reversed([inner for inner in below if inner.type in ("object", "array")]))
    return found
