"""The terminology operations over GET and POST, and what cannot be asked."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.fhir.json import parse

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


def _values(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.data
    assert answer.mimetype == "application/fhir+json"
    rows = parse(answer.data)["parameter"]
    return {row["name"]: next((value for key, value in row.items() if key.startswith("value")), row) for row in rows}


def _parameters(**values: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, **value} for name, value in values.items()]}


def test_lookup(client: FlaskClient) -> None:
    asked = client.get(f"/fhir/CodeSystem/$lookup?system={GENDER}&code=female")
    assert _values(asked)["display"] == "Female"
    coding = _parameters(coding={"valueCoding": {"system": GENDER, "code": "male"}})
    assert _values(client.post("/fhir/CodeSystem/$lookup", json=coding))["display"] == "Male"


def test_validate_code(client: FlaskClient) -> None:
    found = _values(client.get(f"/fhir/ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=female"))
    assert found["result"] is True
    found = _values(client.get(f"/fhir/ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=none"))
    assert found["result"] is False
    assert "`none`" in found["message"]
    assert _values(client.get(f"/fhir/CodeSystem/$validate-code?url={GENDER}&code=male"))["result"] is True
    concept = {"coding": [{"system": "urn:x", "code": "1"}, {"system": GENDER, "code": "male"}]}
    asked = _parameters(url={"valueUri": GENDERS}, codeableConcept={"valueCodeableConcept": concept})
    assert _values(client.post("/fhir/ValueSet/$validate-code", json=asked))["result"] is True


def test_a_value_set_may_come_along(client: FlaskClient) -> None:
    compose = {"include": [{"system": GENDER, "concept": [{"code": "male"}]}]}
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": compose}
    asked = _parameters(valueSet={"resource": value_set}, code={"valueCode": "female"}, system={"valueUri": GENDER})
    assert _values(client.post("/fhir/ValueSet/$validate-code", json=asked))["result"] is False
    expanded = client.post("/fhir/ValueSet/$expand", json=_parameters(valueSet={"resource": value_set}))
    assert [row["code"] for row in parse(expanded.data)["expansion"]["contains"]] == ["male"]
    broken = value_set | {"compose": [1, 2]}
    refused = client.post("/fhir/ValueSet/$expand", json=_parameters(valueSet={"resource": broken}))
    assert refused.status_code == 422


def test_expand_and_page(client: FlaskClient) -> None:
    whole = parse(client.get(f"/fhir/ValueSet/$expand?url={GENDERS}").data)["expansion"]
    assert {row["code"] for row in whole["contains"]} == {"male", "female", "other", "unknown"}
    assert whole["timestamp"] == "2026-03-29T12:00:00+03:00"
    page = parse(client.get(f"/fhir/ValueSet/$expand?url={GENDERS}&count=1&offset=1").data)["expansion"]
    assert page["total"] == 4
    assert page["contains"] == whole["contains"][1:2]
    found = parse(client.get(f"/fhir/ValueSet/$expand?url={GENDERS}&filter=fem").data)["expansion"]
    assert [row["code"] for row in found["contains"]] == ["female"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("CodeSystem/$lookup", 400),
        (f"CodeSystem/$lookup?system={GENDER}&code=none", 404),
        ("CodeSystem/$lookup?system=urn:none&code=x", 404),
        (f"CodeSystem/$lookup?system={GENDER}&code=a&code=b", 400),
        (f"CodeSystem/$lookup?system={GENDER}&code=male&nonsense=1", 400),
        ("ValueSet/$expand", 400),
        ("ValueSet/$expand?url=urn:none", 404),
        (f"ValueSet/$expand?url={GENDERS}&count=-1", 400),
        (f"ValueSet/$expand?url={GENDERS}&includeDesignations=maybe", 400),
        (f"ValueSet/$validate-code?url={GENDERS}", 400),
        (f"ValueSet/$validate-code?url={GENDERS}&code=male&codeableConcept=x", 400),
        ("CodeSystem/$validate-code?code=male", 400),
        ("ConceptMap/$translate?code=male", 400),
        ("ConceptMap/$translate?code=male&url=urn:none", 404),
    ],
)
def test_what_cannot_be_asked(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(f"/fhir/{path}")
    assert answer.status_code == status, answer.data
    assert parse(answer.data)["resourceType"] == "OperationOutcome"


def test_translate(client: FlaskClient) -> None:
    concept_map = {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [
            {
                "source": "urn:a",
                "target": "urn:b",
                "element": [{"code": "1", "target": [{"code": "one", "equivalence": "equivalent"}]}],
            }
        ],
    }
    asked = _parameters(conceptMap={"resource": concept_map}, code={"valueCode": "1"}, system={"valueUri": "urn:a"})
    found = parse(client.post("/fhir/ConceptMap/$translate", json=asked).data)["parameter"]
    assert found[0] == {"name": "result", "valueBoolean": True}
    asked = _parameters(conceptMap={"resource": concept_map}, code={"valueCode": "2"}, system={"valueUri": "urn:a"})
    assert _values(client.post("/fhir/ConceptMap/$translate", json=asked))["result"] is False
    asked = _parameters(
        conceptMap={"resource": concept_map}, code={"valueCode": "1"}, dependency={"part": [{"name": "element"}]}
    )
    assert client.post("/fhir/ConceptMap/$translate", json=asked).status_code == 400


def test_of_one_by_its_id(client: FlaskClient) -> None:
    """What is loaded, and before it what is kept here under that id."""
    expanded = parse(client.get("/fhir/ValueSet/administrative-gender/$expand?filter=fem").data)
    assert [row["code"] for row in expanded["expansion"]["contains"]] == ["female"]
    for path in (
        f"ValueSet/administrative-gender/$validate-code?system={GENDER}&code=female",
        "CodeSystem/administrative-gender/$validate-code?code=female",
    ):
        assert _values(client.get(f"/fhir/{path}"))["result"] is True
    asked = _parameters(code={"valueCode": "male"}, system={"valueUri": GENDER})
    for kind, name in (("ValueSet", "validate-code"), ("ConceptMap", "translate")):
        id_ = "administrative-gender" if kind == "ValueSet" else "cm-administrative-gender-v2"
        assert _values(client.post(f"/fhir/{kind}/{id_}/${name}", json=asked))["result"] is True
    compose = {"include": [{"system": GENDER, "concept": [{"code": "male"}]}]}
    kept = {"resourceType": "ValueSet", "id": "administrative-gender", "status": "active", "compose": compose}
    assert client.put("/fhir/ValueSet/administrative-gender", json=kept).status_code == 201
    expanded = parse(client.get("/fhir/ValueSet/administrative-gender/$expand").data)
    assert [row["code"] for row in expanded["expansion"]["contains"]] == ["male"]
    for path in ("ValueSet/none/$expand", "CodeSystem/none/$validate-code?code=x", "ConceptMap/none/$translate?code=x"):
        assert client.get(f"/fhir/{path}").status_code == 404
    assert client.get(f"/fhir/ValueSet/administrative-gender/$expand?url={GENDERS}").status_code == 400
