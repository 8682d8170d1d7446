"""`$validate`: bare or in Parameters, with profile and mode; invalid is an answer, not an error."""

from typing import Any

from flask.testing import FlaskClient

from service.fhir.json import encode, parse

PATIENT = {"resourceType": "Patient", "active": True}
WRONG = {"resourceType": "Patient", "gender": "nothing"}


def _outcome(client: FlaskClient, path: str, body: Any) -> dict[str, Any]:
    answer = client.post(path, data=encode(body), content_type="application/fhir+json")
    assert answer.status_code == 200, answer.data
    found: dict[str, Any] = parse(answer.data)
    assert found["resourceType"] == "OperationOutcome"
    return found


def _wrapped(resource: Any, **values: str) -> dict[str, Any]:
    rows = [{"name": name, "valueUri" if name == "profile" else "valueCode": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}, *rows]}


def test_a_valid_resource(client: FlaskClient) -> None:
    for path in ("/fhir/$validate", "/fhir/Patient/$validate"):
        for body in (PATIENT, _wrapped(PATIENT), _wrapped(PATIENT, mode="create")):
            assert not [one for one in _outcome(client, path, body)["issue"] if one["severity"] == "error"]


def test_an_invalid_resource_is_200_with_its_place(client: FlaskClient) -> None:
    (found,) = [one for one in _outcome(client, "/fhir/$validate", WRONG)["issue"] if one["severity"] == "error"]
    assert found["expression"] == ["Patient.gender"]
    assert any(one["url"].endswith("operationoutcome-issue-line") for one in found["extension"])


def test_a_resource_of_no_type_is_told(client: FlaskClient) -> None:
    found = _outcome(client, "/fhir/$validate", {"resourceType": "Nothing"})
    assert found["issue"][0]["severity"] == "error"


def test_profiles(client: FlaskClient) -> None:
    vitals = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    plain = _outcome(client, "/fhir/$validate", observation)
    asked = _outcome(client, f"/fhir/Observation/$validate?profile={vitals}", observation)
    wrapped = _outcome(client, "/fhir/$validate", _wrapped(observation, profile=vitals, mode="profile"))
    count = [sum(one["severity"] == "error" for one in found["issue"]) for found in (plain, asked, wrapped)]
    assert count[0] == 0
    assert count[1] == count[2] > 0


def test_what_cannot_be_asked(client: FlaskClient) -> None:
    for query, status in (
        ("profile=http://no.example/x", 422),
        ("mode=delete", 400),
        ("mode=profile", 400),
        ("x=y", 400),
    ):
        answer = client.post(f"/fhir/$validate?{query}", json=PATIENT)
        assert answer.status_code == status, query
    assert client.post("/fhir/$validate", json={"resourceType": "Parameters"}).status_code == 400
    assert client.post("/fhir/$validate", json={"resourceType": "Parameters", "parameter": [3]}).status_code == 400
    assert client.post("/fhir/$validate", data="").status_code == 400


def test_parameters_can_be_checked_themselves(client: FlaskClient) -> None:
    found = _outcome(client, "/fhir/Parameters/$validate", {"resourceType": "Parameters", "parameter": [{"name": "a"}]})
    assert any("inv-1" in str(one) or one["severity"] == "error" for one in found["issue"])
