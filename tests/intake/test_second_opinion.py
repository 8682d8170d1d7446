"""The Python library `jsonschema` judges every example as the gate does: the schemas mean what they say."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from service.fhir import json
from service.intake import base, recognise
from service.intake.schema import uri

from . import examples

REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in base().documents.items()
)
FILES = {path.stem: path for path in examples.invalid() if not path.stem.startswith("json-")}


def _valid(document: dict[str, Any], kind: str) -> bool:
    judge = Draft202012Validator({"$ref": uri(kind)}, registry=REGISTRY, format_checker=FormatChecker(["date"]))
    return judge.is_valid(document)


@pytest.mark.parametrize("name", examples.valid())
def test_valid(name: str) -> None:
    document = examples.valid()[name]
    assert _valid(document, document["kind"])


@pytest.mark.parametrize("name", FILES)
def test_invalid(name: str) -> None:
    document = json.parse(FILES[name].read_bytes())
    kind = recognise(document)
    if kind is None:
        assert name in ("kind-missing", "kind-unknown")
    else:
        assert _valid(document, kind) == base().gates[kind].is_valid(document) == (not name.startswith("schema-"))


def test_the_schemas_are_schemas() -> None:
    for schema in base().documents.values():
        Draft202012Validator.check_schema(schema)
