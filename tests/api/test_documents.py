"""`POST /documents`: one and many, Bundle and summary, what is wrong and where."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.fhir.json import encode, parse
from tests.api.conftest import EXAMPLES

NDJSON = "application/x-ndjson"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_becomes_a_bundle(client: FlaskClient, file: Path) -> None:
    answer = client.post("/documents", data=file.read_bytes(), content_type="application/json")
    assert answer.status_code == 201, answer.data
    assert answer.mimetype == "application/json"
    summary = parse(answer.data)
    document = parse(file.read_bytes())
    assert [summary[name] for name in ("id", "kind", "version")] == [
        document[name] for name in ("id", "kind", "version")
    ]
    assert set(summary) == {"id", "kind", "version", "resources", "outcome", "deliveries"}
    headers = {"Accept": "application/fhir+json"}
    answer = client.post("/documents", data=file.read_bytes(), content_type="application/json", headers=headers)
    assert answer.mimetype == "application/fhir+json"
    bundle = parse(answer.data)
    assert bundle["type"] == "transaction"
    there = [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in bundle["entry"]]
    assert summary["resources"] == there
    assert [entry["request"]["url"] for entry in bundle["entry"]] == there


def test_a_dry_run_stores_nothing(client: FlaskClient, example: bytes) -> None:
    dry = client.post("/documents?dry-run=true", data=example, content_type="application/json")
    assert dry.status_code == 200
    assert parse(client.get("/fhir/CarePlan").data)["total"] == 0
    posted = client.post("/documents", data=example, content_type="application/json")
    assert posted.status_code == 201
    assert parse(posted.data)["resources"] == parse(dry.data)["resources"]


def test_a_wrong_document_is_told_everything_with_places(client: FlaskClient, example: bytes) -> None:
    document = parse(example)
    document["nonsense"] = 1
    document["version"] = "one"
    answer = client.post("/documents", data=encode(document), content_type="application/json")
    assert answer.status_code == 422
    issues = parse(answer.data)["issue"]
    pointers = {row["valueString"] for found in issues for row in found["extension"] if "valueString" in row}
    assert {"/nonsense", "/version"} <= pointers
    assert all(any("valueInteger" in row for row in found["extension"]) for found in issues)


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b'"x"', b"null", b"{}", b'{"kind": "nothing"}', b'{"kind": ["meeting"]}']
)
def test_what_is_no_document(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/documents", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert parse(answer.data)["resourceType"] == "OperationOutcome"


def test_many_are_answered_line_by_line(client: FlaskClient, example: bytes) -> None:
    line = encode(parse(example))
    body = b"\n".join([line, b"", b'{"kind": "nothing"}', b'{"broken', line])
    answer = client.post("/documents", data=body, content_type=NDJSON)
    assert answer.status_code == 200
    assert answer.mimetype == NDJSON
    rows = [parse(row) for row in answer.data.splitlines()]
    assert [(row["line"], row["status"]) for row in rows] == [(1, 201), (3, 422), (4, 400), (5, 200)]
    assert rows[0]["resources"] == rows[3]["resources"] != []
    assert rows[1]["resources"] == []
    answer = client.post("/documents", data=body, content_type=NDJSON, headers={"Accept": "application/fhir+json"})
    assert answer.mimetype == "application/fhir+ndjson"
    kinds = [parse(row)["resourceType"] for row in answer.data.splitlines()]
    assert kinds == ["Bundle", "OperationOutcome", "OperationOutcome", "Bundle"]
