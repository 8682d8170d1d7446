"""`$validate`: bare or in Parameters, with profile and mode; invalid is an answer, not an error."""

from typing import Any

from flask.testing import FlaskClient

from service.fhir.json import encode, parse

PATIENT = {"resourceType": "Patient", "active": True}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
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
    plain = _outcome(client, "/fhir/$validate", OBSERVATION)
    asked = _outcome(client, f"/fhir/Observation/$validate?profile={VITALS}", OBSERVATION)
    wrapped = _outcome(client, "/fhir/$validate", _wrapped(OBSERVATION, profile=VITALS, mode="profile"))
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


def test_one_that_is_kept(client: FlaskClient) -> None:
    client.put("/fhir/Patient/p", json={**PATIENT, "id": "p"})
    for method in ("get", "post"):
        answer = getattr(client, method)("/fhir/Patient/p/$validate")
        assert answer.status_code == 200, answer.data
        assert not _errors(parse(answer.data))
    client.put("/fhir/Observation/o", json={**OBSERVATION, "id": "o"})
    asked = parse(client.get(f"/fhir/Observation/o/$validate?mode=profile&profile={VITALS}").data)
    assert _errors(asked)
    assert any(one["url"].endswith("operationoutcome-issue-line") for one in _errors(asked)[0]["extension"])
    for path, status in (("none/$validate", 404), ("none/$validate?mode=delete", 404), ("p/$validate?mode=x", 400)):
        assert client.get(f"/fhir/Patient/{path}").status_code == status, path
    client.delete("/fhir/Patient/p")
    assert client.get("/fhir/Patient/p/$validate").status_code == 410
    assert client.get("/fhir/Parameters/p/$validate").status_code == 404


def test_whether_a_change_would_be_done(client: FlaskClient) -> None:
    client.put("/fhir/Patient/p", json={**PATIENT, "id": "p"})
    for path, body, expected in (
        ("p/$validate?mode=update", {**PATIENT, "id": "p", "active": False}, []),
        ("new/$validate?mode=update", {**PATIENT, "id": "new"}, []),
        ("p/$validate?mode=update", PATIENT, ["http.id-missing"]),
        ("p/$validate?mode=update", {**PATIENT, "id": "q"}, ["store.id-mismatch"]),
        ("p/$validate", {**PATIENT, "id": "q"}, ["store.id-mismatch"]),
        ("p/$validate?mode=create", {**PATIENT, "id": "p"}, ["store.exists"]),
        ("new/$validate?mode=create", {**PATIENT, "id": "new"}, []),
    ):
        assert _keys(_errors(_outcome(client, f"/fhir/Patient/{path}", body))) == expected, path
    unknown = {**PATIENT, "meta": {"profile": ["https://no.example/x"]}}
    for path in ("Patient/$validate?mode=create", "Patient/p/$validate?mode=update"):
        assert _errors(_outcome(client, f"/fhir/{path}", {**unknown, "id": "p"})), path
    assert not _errors(_outcome(client, "/fhir/Patient/$validate", unknown))
    stale = client.post("/fhir/Patient/p/$validate?mode=update", json={**PATIENT, "id": "p"}, headers={"If-Match": "7"})
    assert _keys(_errors(parse(stale.data))) == ["store.version-conflict"]
    assert not _errors(parse(client.get("/fhir/Patient/p/$validate?mode=delete").data))
    assert not _errors(_outcome(client, "/fhir/Patient/p/$validate", _parameters(mode="delete")))
    # It was only asked.
    assert parse(client.get("/fhir/Patient/p/_history").data)["total"] == 1
    assert client.get("/fhir/Patient/new").status_code == 404


def test_modes_that_do_not_fit(client: FlaskClient) -> None:
    for path in ("$validate?mode=update", "$validate?mode=delete", "p/$validate?mode=profile"):
        assert client.post(f"/fhir/Patient/{path}", json=PATIENT).status_code == 400, path
    for mode in ("create", "update"):
        assert client.get(f"/fhir/Patient/p/$validate?mode={mode}").status_code == 400
    assert client.post("/fhir/AuditEvent/$validate?mode=create", json={"resourceType": "AuditEvent"}).status_code == 405


def test_an_entry_of_the_use_log(client: FlaskClient) -> None:
    client.get("/fhir/Patient/none")
    id_ = parse(client.get("/fhir/AuditEvent").data)["entry"][0]["resource"]["id"]
    answer = client.get(f"/fhir/AuditEvent/{id_}/$validate")
    assert answer.status_code == 200
    assert not _errors(parse(answer.data))


def _errors(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in found["issue"] if one["severity"] == "error"]


def _keys(found: list[dict[str, Any]]) -> list[str]:
    return [one["details"]["coding"][0]["code"] for one in found]


def _parameters(**values: str) -> dict[str, Any]:
    rows = [{"name": name, "valueCode": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": rows}
