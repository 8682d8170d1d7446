"""The tables of `docs/source-documents.md`, from the JSON Schemas and the rules (`make docs`)."""

import inspect
from collections.abc import Iterator

from service.intake import KINDS, base
from service.intake.identity import RESOURCES
from service.intake.rules import MODULES
from service.intake.shape import Field, Shape, objects


def fields() -> str:
    """Every object with every field: Finnish and Swedish title, type, cardinality."""
    parts: list[str] = []
    seen: set[str] = set()
    for kind in KINDS:
        root = base().shapes[kind]
        for shape in objects(root):
            name = f"Document `{kind}`" if shape is root else f"`{shape.name}`"
            if name not in seen:
                seen.add(name)
                parts.append("\n".join(_table(name, shape)))
    return "\n\n".join(parts)


def rules() -> str:
    """Every rule, as its own docstring says it."""
    rows = ["| rule | what it says |", "|---|---|"]
    for module in MODULES:
        text = " ".join(inspect.getdoc(module).split()).replace("|", "\\|")
        rows.append(f"| `{module.__name__.rpartition('.')[2]}` | {text} |")
    return "\n".join(rows)


def _table(name: str, shape: Shape) -> Iterator[str]:
    yield f"### {name}: {shape.title.get('fi', '')} / {shape.title.get('sv', '')}"
    yield ""
    if shape.entity:
        yield f"Gets a stable id; becomes {RESOURCES[shape.entity]}. {shape.description}".rstrip()
        yield ""
    elif shape.description:
        yield shape.description
        yield ""
    yield "| field | suomeksi | på svenska | type | how many |"
    yield "|---|---|---|---|---|"
    for one in shape.fields.values():
        title = one.title
        note = f"<br>{one.description}" if one.description else ""
        yield (
            f"| `{one.name}` | {title.get('fi', '')} | {title.get('sv', '')} | {_type(one.shape)}{_default(one)}{note}"
            f" | {_count(one)} |"
        )


def _type(shape: Shape) -> str:
    while shape.items is not None:
        shape = shape.items
    if shape.reference:
        return "id of " + ", ".join(f"`{kind}`" for kind in shape.reference)
    if shape.enum:
        return " \\| ".join(f"`{code}`" for code in shape.enum)
    return f"`{shape.name}`" if shape.type == "object" else shape.special or shape.type


def _default(one: Field) -> str:
    return f", by default `{one.default}`" if one.default is not None else ""


def _count(one: Field) -> str:
    most = str(one.shape.most or "*") if one.shape.items is not None else "1"
    return f"{int(one.required)}..{most}"
