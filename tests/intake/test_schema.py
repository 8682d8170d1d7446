"""Composed schemas: a region's extra fields take part in everything; overlays that cannot work are refused."""

import copy
from typing import Any

import pytest

from service.intake import SchemaError, base, check, compose, keyed, normalised, unkeyed
from service.intake.logical import models
from service.intake.shape import objects

from . import examples

LINE = {"$ref": "common.schema.json#/$defs/line"}
OVERLAY: dict[str, Any] = {
    "$defs": {
        "measure": {
            "allOf": [
                {
                    "properties": {
                        "cost": {"x-title": {"fi": "Kustannus", "sv": "Kostnad"}, "type": "integer", "minimum": 0},
                        "reviewer": {"$ref": "common.schema.json#/$defs/localId", "x-reference": ["professional"]},
                        "reviewed": {"$ref": "common.schema.json#/$defs/dateTime"},
                        "steps": {"type": "array", "items": {"$ref": "common.schema.json#/$defs/step"}, "minItems": 1},
                    }
                }
            ]
        },
        "step": {
            "type": "object",
            "x-title": {"fi": "Askel", "sv": "Steg"},
            "x-entity": "step",
            "properties": {"id": {"$ref": "#/$defs/localId"}, "text": LINE},
            "required": ["id", "text"],
            "unevaluatedProperties": False,
        },
    },
    "kinds": {"shared-plan": {"allOf": [{"properties": {"project": LINE}, "required": ["project"]}]}},
}


def _document() -> dict[str, Any]:
    document = copy.deepcopy(examples.valid()["aika-shared-plan-measures-abc"])
    document["project"] = "Perheen hanke"
    document["plan"]["measures"][0] |= {
        "cost": 12,
        "reviewer": "tyontekija-riku",
        "reviewed": "2025-10-01T12:00",
        "steps": [{"id": "s1", "text": "Kuvat jääkaappiin"}],
    }
    return document


def test_extra_fields_are_known_only_with_the_overlay() -> None:
    schema = compose([OVERLAY])
    keys = {one.key for one in check(_document())}
    assert keys >= {"intake.unknown-key"}
    assert {one.key for one in check(_document(), schema=schema)} == {"intake.reference-elsewhere"}
    without = _document()
    del without["project"]
    assert [(one.key, one.pointer) for one in check(without, schema=schema)] == [("intake.missing", "/project")]
    assert not [one for one in check(examples.valid()["aika-shared-plan-measures-abc"]) if one.is_error]


def test_a_field_may_come_by_a_condition() -> None:
    """Where an overlay brings names by what is applied to an object, all that it brings count as known."""
    home = {"if": {"properties": {"environment": {"const": "home"}}}, "then": {"properties": {"room": LINE}}}
    gate = compose([{"$defs": {"measure": {"allOf": [home]}}}]).gates["shared-plan"]
    document = copy.deepcopy(examples.valid()["aika-shared-plan-measures-abc"])
    measures = {one["environment"]: one for one in document["plan"]["measures"]}
    measures["home"]["room"] = "Keittiö"
    assert gate.is_valid(document)
    assert not base().gates["shared-plan"].is_valid(document)
    measures["elsewhere"]["room"] = "Sali"
    assert not gate.is_valid(document)


def test_extra_fields_take_part_in_rules_ids_and_models() -> None:
    schema = compose([OVERLAY])
    document = _document()
    found = keyed(document, b"key", processing={}, schema=schema)
    measure = found["plan"]["measures"][0]
    assert measure["reviewer"]["reference"] == f"PractitionerRole/{found['professionals'][1]['resourceId']}"
    assert measure["reviewed"] == "2025-10-01T12:00:00+03:00"
    assert len(measure["steps"][0]["resourceId"]) == 36
    assert unkeyed(found, schema=schema) == normalised(document, schema=schema)
    made = models(schema)
    paths = {row["path"] for row in made["YhdessaMeasure"]["snapshot"]["element"]}
    assert {"YhdessaMeasure.cost", "YhdessaMeasure.reviewer", "YhdessaMeasure.steps"} <= paths
    assert "YhdessaStep" in made
    document["plan"]["measures"][0]["reviewer"] = "aiti"
    wrong = [(one.key, one.pointer) for one in check(document, schema=schema) if one.is_error]
    assert wrong == [("intake.reference-kind", "/plan/measures/0/reviewer")]


def test_overlays_add_up() -> None:
    more = {"$defs": {"measure": {"allOf": [{"properties": {"colour": LINE}}]}}}
    fields = {one.name: one for one in objects(compose([OVERLAY, more]).shapes["shared-plan"])}["measure"].fields
    assert {"cost", "colour"} <= set(fields)
    assert "colour" not in {one.name: one for one in objects(base().shapes["shared-plan"])}["measure"].fields


@pytest.mark.parametrize(
    ("overlay", "key"),
    [
        ({"properties": {}}, "overlay-key"),
        ({"kinds": {"letter": {"allOf": []}}}, "overlay-kind"),
        ({"$defs": {"measure": {"properties": {}}}}, "overlay-all-of"),
        ({"$defs": {"measure": {"allOf": [{"properties": {"resourceId": LINE}}]}}}, "overlay-reserved"),
        ({"$defs": {"measure": {"allOf": [{"properties": {"a": {"$ref": "#/$defs/nothing"}}}]}}}, "overlay-invalid"),
        ({"$defs": {"measure": {"allOf": [{"properties": {"a": {"type": "word"}}}]}}}, "overlay-invalid"),
        ({"$defs": {"progress": {"allOf": [{"properties": {"a": {"$ref": "#/$defs/b"}}}]},
                    "b": {"type": "object"}}}, "overlay-invalid"),
        ({"$defs": {"progress": {"allOf": [{"properties": {"a": {"type": "object", "x-entity": "thing",
                    "properties": {}}}}]}}}, "overlay-entity-id"),
    ],
)  # fmt: skip
def test_overlays_that_cannot_work(overlay: dict[str, Any], key: str) -> None:
    with pytest.raises(SchemaError) as error:
        compose([overlay])
    assert error.value.issue.key == f"intake.{key}"
