"""Transactions: all or nothing, references, conditions, and what is wrong with one, with its place."""

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.fhir.json import encode, parse
from tests.api.rest import bundle, entry, goal, keys, observation, patient, pointers

CHILD = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def count(client: FlaskClient) -> int:
    return len(parse(client.get("/fhir/_history?_count=1000").data).get("entry", []))


def test_all_of_it(record: FlaskClient) -> None:
    sent = bundle(
        "transaction",
        entry("GET", "Goal?_include=Goal:patient"),
        entry("PUT", "Patient/old", patient(id="old")),
        entry("POST", "Patient", patient(), CHILD),
        entry("POST", "Goal", goal(CHILD)),
    )
    answer = record.post("/fhir", json=sent)
    assert answer.status_code == 200, answer.data
    found = parse(answer.data)
    assert found["type"] == "transaction-response"
    statuses = [one["response"]["status"] for one in found["entry"]]
    assert statuses == ["200 OK", "201 Created", "201 Created", "201 Created"]
    child = found["entry"][2]["response"]["location"].removeprefix("http://localhost/fhir/").partition("/_history")[0]
    inside = found["entry"][0]["resource"]
    assert inside["entry"][0]["resource"]["subject"]["reference"] == child
    assert inside["entry"][1]["search"]["mode"] == "include"
    assert "resource" not in found["entry"][2]
    again = bundle("transaction", entry("POST", "Patient", patient(), None))
    shown = parse(record.post("/fhir", json=again, headers={"Prefer": "return=representation"}).data)
    assert shown["entry"][0]["resource"]["resourceType"] == "Patient"
    gone = bundle(
        "transaction",
        entry("DELETE", "Patient/old"),
        entry("PATCH", child, _json_patch([{"op": "add", "path": "/active", "value": True}])),
    )
    done = parse(record.post("/fhir", json=gone).data)
    assert [one["response"]["status"][:3] for one in done["entry"]] == ["204", "200"]
    assert parse(record.get(f"/fhir/{child}").data)["active"] is True


def test_conditional_references_and_creates(record: FlaskClient) -> None:
    record.post("/fhir/Patient", json=patient())
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(), CHILD, ifNoneExist="identifier=p-1"),
        entry("POST", "Goal", goal(CHILD)),
        entry("POST", "Goal", goal("Patient?identifier=p-1")),
    )
    found = parse(record.post("/fhir", json=sent).data)
    assert [one["response"]["status"][:3] for one in found["entry"]] == ["200", "201", "201"]
    goals = parse(record.get("/fhir/Goal").data)["entry"]
    assert len({one["resource"]["subject"]["reference"] for one in goals}) == 1


@pytest.mark.parametrize(
    ("entries", "status", "key", "pointer"),
    [
        (
            [entry("POST", "Goal", goal("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6ff"))],
            422,
            None,
            "/entry/1/resource/subject/reference",
        ),
        (
            [entry("POST", "Goal", goal("Patient?identifier=nobody"))],
            412,
            "store.reference-condition",
            "/entry/1/resource/subject/reference",
        ),
        ([entry("PUT", "Patient/p-1", patient(id="p-1"))] * 2, 400, "store.same-identity", "/entry/2/request"),
        (
            [entry("POST", "Patient", patient(), ifNoneExist="identifier=x")] * 2,
            400,
            "store.same-identity",
            "/entry/2/request",
        ),
        ([entry("POST", "Observation", {"resourceType": "Observation"})], 422, None, "/entry/1/resource"),
        (
            [entry("PUT", "Patient/here", patient(id="here"), ifMatch='W/"7"')],
            412,
            "store.version-conflict",
            "/entry/1/request",
        ),
        ([entry("PUT", "Patient/p-1", patient(id="p-2"))], 400, "store.id-mismatch", None),
        ([entry("PUT", "Goal/p-1", patient(id="p-1"))], 400, "store.entry", "/entry/1/request/url"),
        ([entry("GET", "Patient/none")], 404, "store.not-found", "/entry/1/request"),
        ([entry("POST", "AuditEvent", {"resourceType": "AuditEvent"})], 405, "http.read-only", "/entry/1/request"),
        ([{"resource": patient()}], 400, "store.entry", "/entry/1/request"),
        ([entry("PATCH", "Patient/none", {"resourceType": "Parameters"})], 404, "store.not-found", "/entry/1/request"),
    ],
)
def test_nothing_of_it(
    record: FlaskClient, entries: list[Any], status: int, key: str | None, pointer: str | None
) -> None:
    record.put("/fhir/Patient/here", json=patient(id="here"))
    before = count(record)
    sent = bundle("transaction", entry("POST", "Observation", observation()), *entries)
    answer = record.post("/fhir", json=sent)
    assert answer.status_code == status, answer.data
    assert key is None or keys(answer)[0] == key
    assert pointer is None or pointer in pointers(answer)
    assert count(record) == before


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","type":"collection"}',
        b'{"resourceType":"Bundle","type":"transaction","entry":{}}',
        b'{"resourceType":"Bundle","type":"batch","entry":"x"}',
    ],
)
def test_what_is_no_transaction(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/fhir", data=body, content_type="application/fhir+json")
    assert answer.status_code == 400
    assert keys(answer)


def _json_patch(steps: list[dict[str, Any]]) -> dict[str, Any]:
    data = base64.b64encode(encode(steps)).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
