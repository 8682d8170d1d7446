"""Logical models of the keyed form, generated from the schemas, so that the maps run on any FML engine.

https://hl7.org/fhir/R4/structuredefinition.html (kind `logical`); one model per kind of document and per object.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.intake.keyed import PROCESSING
from service.intake.schema import KINDS, Schema
from service.intake.shape import Field, Shape, objects

CANONICAL = "https://yhdessa.example/fhir/StructureDefinition/"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
ELEMENT = "http://hl7.org/fhir/StructureDefinition/Element"

DOCUMENTS: Mapping[str, str] = {
    "meeting": "YhdessaMeeting",
    "care-team": "YhdessaCareTeam",
    "shared-plan": "YhdessaSharedPlan",
    "case": "YhdessaCase",
}
CONTENTS: Mapping[str, str] = {"meeting": "YhdessaMeetingContent", "careTeam": "YhdessaCareTeamContent"}
"""Objects whose own name a document already has."""

_STRINGS = {"dateTime": "dateTime", "date": "date", "uri": "uri"}
_SCALARS = {"integer": "integer", "number": "decimal", "boolean": "boolean"}
_HELPERS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "YhdessaReference": (
        "Viittaus",
        "Hänvisning",
        {"id": "string", "kind": "code", "reference": "string", "practitioner": "string"},
    ),
    "YhdessaProcessing": ("Käsittely", "Behandling", dict.fromkeys(PROCESSING, "string")),
    "YhdessaReturned": ("Mitä palasi", "Vad som kom tillbaka", {"message": f"{CANONICAL}YhdessaMessage"}),
    "YhdessaMessage": (
        "Viesti",
        "Meddelande",
        {
            "kind": "code",
            "subject": "string",
            "texts": "string*",
            "response": "code",
            "sent": "dateTime",
            "received": "dateTime",
            "proposedStart": "dateTime",
            "proposedEnd": "dateTime",
        },
    ),
}
"""What has no JSON Schema of its own: by name its titles and fields; `*` after a type: any number."""


def models(schema: Schema) -> dict[str, dict[str, Any]]:
    """Every StructureDefinition of the composed `schema`, by name; the same schema gives the same models."""
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        root = schema.shapes[kind]
        for shape in objects(root):
            name = DOCUMENTS[kind] if shape is root else model_name(shape)
            found.setdefault(name, _model(name, shape, shape is root))
    for name, (fi, sv, fields) in _HELPERS.items():
        rows = [
            _element(f"{name}.{field}", field, {}, "", 0, "*" if code.endswith("*") else "1", code.rstrip("*"))
            for field, code in fields.items()
        ]
        found[name] = _definition(name, {"fi": fi, "sv": sv}, "", rows)
    return dict(sorted(found.items()))


def model_name(shape: Shape) -> str:
    """The name of the model of an object."""
    return CONTENTS.get(shape.name) or f"Yhdessa{shape.name[:1].upper()}{shape.name[1:]}"


def _model(name: str, shape: Shape, root: bool) -> dict[str, Any]:
    rows = [_field(name, one) for one in shape.fields.values()]
    rows += [_element(f"{name}.{field}", field, {}, "", 0, "1", code) for field, code in _added(shape, root)]
    return _definition(name, shape.title, shape.description, rows)


def _added(shape: Shape, root: bool) -> Iterator[tuple[str, str]]:
    if shape.entity:
        yield "resourceId", "id"
    if shape.entity == "professional":
        yield "practitionerId", "id"
    if root:
        yield "provenanceId", "id"
        yield "documentResourceId", "id"
        yield "processing", f"{CANONICAL}YhdessaProcessing"


def _field(name: str, one: Field) -> dict[str, Any]:
    shape, most = one.shape, "1"
    while shape.items is not None:
        most = str(shape.most) if shape.most else "*"
        shape = shape.items
    title = dict(one.title)
    if shape.enum:
        codes = " | ".join(str(code) for code in shape.enum)
        title = {language: f"{text}: {codes}" for language, text in title.items()}
    return _element(f"{name}.{one.name}", one.name, title, one.description, int(one.required), most, _code(shape))


def _code(shape: Shape) -> str:
    if shape.reference:
        return f"{CANONICAL}YhdessaReference"
    if shape.type == "object":
        return f"{CANONICAL}{model_name(shape)}"
    if shape.type == "string":
        return "code" if shape.enum else _STRINGS.get(shape.special, "string")
    return _SCALARS[shape.type]


def _element(
    path: str, name: str, title: Mapping[str, str], description: str, least: int, most: str, code: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"id": path, "path": path, "short": title.get("fi", name)}
    if "sv" in title:
        row["_short"] = _translated(title["sv"])
    return row | {
        "definition": description or title.get("fi", name),
        "min": least,
        "max": most,
        "base": {"path": path, "min": least, "max": most},
        "type": [{"code": code}],
    }


def _translated(swedish: str) -> dict[str, Any]:
    parts = [{"url": "lang", "valueCode": "sv"}, {"url": "content", "valueString": swedish}]
    return {"extension": [{"url": TRANSLATION, "extension": parts}]}


def _definition(name: str, title: Mapping[str, str], description: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    root = _element(name, name, title, description, 0, "*", "Element")
    del root["type"]
    elements = [root, *rows]
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "language": "fi",
        "url": CANONICAL + name,
        "version": "1.0",
        "name": name,
        "title": title.get("fi", name),
        "status": "active",
        "description": description or f"{title.get('fi', name)} / {title.get('sv', name)}",
        "fhirVersion": "4.0.1",
        "kind": "logical",
        "abstract": False,
        "type": CANONICAL + name,
        "baseDefinition": ELEMENT,
        "derivation": "specialization",
        "snapshot": {"element": elements},
        "differential": {"element": elements},
    }
