"""JSON Patch by the examples of RFC 6902, FHIRPath Patch by its operations."""

from decimal import Decimal
from typing import Any

import pytest

from service.fhir import json_patch, path_patch
from service.fhir.definitions import core
from service.fhir.patching import PatchError


@pytest.mark.parametrize(
    ("value", "patch", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["a", "b", "c"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["a", "c"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"baz": "qux", "foo": [1, 2]}, [{"op": "test", "path": "/foo/1", "value": 2}], {"baz": "qux", "foo": [1, 2]}),
        ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
        ({"a": Decimal("1.50")}, [{"op": "test", "path": "/a", "value": Decimal("1.5")}], {"a": Decimal("1.50")}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": 3}], 3),
    ],
)
def test_json_patch(value: Any, patch: Any, expected: Any) -> None:
    before = repr(value)
    assert json_patch.apply(value, patch) == expected
    assert repr(value) == before


@pytest.mark.parametrize(
    ("value", "operation", "key"),
    [
        ({"baz": 1}, {"op": "test", "path": "/baz", "value": "bar"}, "patch.json-test"),
        ({"baz": 1}, {"op": "test", "path": "/baz", "value": True}, "patch.json-test"),
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}, "patch.json-pointer"),
        ({"foo": "bar"}, {"op": "remove", "path": "/baz"}, "patch.json-pointer"),
        ({"foo": [1]}, {"op": "add", "path": "/foo/2", "value": 1}, "patch.json-pointer"),
        ({"foo": [1]}, {"op": "add", "path": "/foo/01", "value": 1}, "patch.json-pointer"),
        ({"foo": [1]}, {"op": "remove", "path": "/foo/-"}, "patch.json-pointer"),
        ({"foo": {"a": 1}}, {"op": "move", "from": "/foo", "path": "/foo/a"}, "patch.json-pointer"),
        ({"foo": 1}, {"op": "add", "path": "foo", "value": 1}, "patch.json-pointer"),
        ({}, {"op": "remove", "path": ""}, "patch.json-pointer"),
        ({}, {"op": "add", "path": "/a"}, "patch.json-shape"),
        ({}, {"op": "copy", "path": "/a"}, "patch.json-shape"),
        ({}, {"path": "/a"}, "patch.json-shape"),
        ({}, "x", "patch.json-shape"),
    ],
)
def test_json_patches_that_cannot_be_done(value: Any, operation: Any, key: str) -> None:
    with pytest.raises(PatchError) as error:
        json_patch.apply(value, [{"op": "test", "path": "", "value": value}, operation])
    assert (error.value.issue.key, error.value.issue.pointer) == (key, "/1")


def op(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    rows = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {"name": "operation", "part": rows + [{"name": name, **value} for name, value in parts.items()]}


NAME = {"name": "name", "valueHumanName": {"text": "a"}}
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [{"family": "Testi", "given": ["Aino", "Ilo"]}, {"use": "nickname", "given": ["Nino"]}],
    "birthDate": "2020-01-01",
    "_birthDate": {"extension": [{"url": "https://x.example", "valueString": "y"}]},
    "deceasedBoolean": False,
}


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("replace", "Patient.birthDate", value={"valueDate": "1930-01-01"}), {"birthDate": "1930-01-01"}),
        (op("delete", "Patient.birthDate"), {"birthDate": None, "_birthDate": None}),
        (op("delete", "Patient.maritalStatus"), {}),
        (op("add", "Patient", name={"valueString": "gender"}, value={"valueCode": "female"}), {"gender": "female"}),
        (
            op(
                "add", "Patient.name.where(use = 'nickname')", name={"valueString": "given"}, value={"valueString": "N"}
            ),
            {"name": [PATIENT["name"][0], {"use": "nickname", "given": ["Nino", "N"]}]},
        ),
        (
            op(
                "add",
                "Patient",
                name={"valueString": "contact"},
                value={
                    "part": [{"name": "name", "valueHumanName": {"text": "a"}}, {"name": "gender", "valueCode": "male"}]
                },
            ),
            {"contact": [{"name": {"text": "a"}, "gender": "male"}]},
        ),
        (
            op("insert", "Patient.name[0].given", index={"valueInteger": 1}, value={"valueString": "Ulla"}),
            {"name": [{"family": "Testi", "given": ["Aino", "Ulla", "Ilo"]}, PATIENT["name"][1]]},
        ),
        (
            op("move", "Patient.name", source={"valueInteger": 1}, destination={"valueInteger": 0}),
            {"name": [PATIENT["name"][1], PATIENT["name"][0]]},
        ),
        (
            op("delete", "Patient.name[0].given[0]"),
            {"name": [{"family": "Testi", "given": ["Ilo"]}, PATIENT["name"][1]]},
        ),
        (op("delete", "Patient.name.where(use = 'nickname')"), {"name": [PATIENT["name"][0]]}),
        (
            op("replace", "Patient.deceased", value={"valueDateTime": "2024-01-01"}),
            {"deceasedBoolean": None, "deceasedDateTime": "2024-01-01"},
        ),
        (
            op("replace", "Patient.name.first().family", value={"valueString": "Koe"}),
            {"name": [{"family": "Koe", "given": ["Aino", "Ilo"]}, PATIENT["name"][1]]},
        ),
    ],
)
def test_fhirpath_patch(operation: Any, changed: dict[str, Any]) -> None:
    before = repr(PATIENT)
    found = path_patch.apply(core(), PATIENT, {"resourceType": "Parameters", "parameter": [operation]})
    expected = {key: value for key, value in (PATIENT | changed).items() if value is not None}
    if "birthDate" in changed:
        expected.pop("_birthDate", None)
    assert found == expected
    assert repr(PATIENT) == before


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        (op("replace", "Patient.name.given", value={"valueString": "x"}), "patch.path-target"),
        (op("delete", "Patient.name"), "patch.path-target"),
        (op("add", "Patient", name={"valueString": "nothing"}, value={"valueString": "x"}), "patch.path-element"),
        (op("add", "Patient", name={"valueString": "deceased"}, value={"valueInteger": 1}), "patch.path-element"),
        (op("insert", "Patient.name", index={"valueInteger": 9}, value={"valueHumanName": {}}), "patch.path-index"),
        (op("move", "Patient.name", source={"valueInteger": 2}, destination={"valueInteger": 0}), "patch.path-index"),
        (op("add", "Patient.active", name={"valueString": "x"}, value={"valueString": "x"}), "patch.path-target"),
        (op("leap", "Patient"), "patch.path-shape"),
        ({"name": "other"}, "patch.path-shape"),
    ],
)
def test_fhirpath_patches_that_cannot_be_done(operation: Any, key: str) -> None:
    with pytest.raises(PatchError) as error:
        path_patch.apply(core(), PATIENT, {"resourceType": "Parameters", "parameter": [operation]})
    assert (error.value.issue.key, error.value.issue.pointer) == (key, "/parameter/0")
