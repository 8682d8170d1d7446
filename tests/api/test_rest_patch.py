"""patch over HTTP: both kinds, conditional, with ETags, and what is refused."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.fhir.json import encode, parse
from tests.api.rest import keys, patient

PATCH = "application/json-patch+json"
FHIR = "application/fhir+json"


def steps(kind: str, path: str, **more: Any) -> dict[str, Any]:
    parts = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    parts += [{"name": name, **value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def test_both_kinds(record: FlaskClient) -> None:
    record.put("/fhir/Patient/p", json=patient(id="p"))
    one = record.patch(
        "/fhir/Patient/p", data=encode([{"op": "add", "path": "/active", "value": True}]), content_type=PATCH
    )
    assert (one.status_code, one.headers["ETag"], parse(one.data)["active"]) == (200, 'W/"2"', True)
    change = steps("replace", "Patient.active", value={"valueBoolean": False})
    two = record.patch("/fhir/Patient/p", json=change, headers={"If-Match": 'W/"2"'})
    assert (two.status_code, parse(two.data)["active"]) == (200, False)
    stale = record.patch("/fhir/Patient/p", json=change, headers={"If-Match": 'W/"2"'})
    assert (stale.status_code, keys(stale)) == (412, ["store.version-conflict"])
    where = record.patch("/fhir/Patient?identifier=p-1", json=steps("delete", "Patient.active"))
    assert (where.status_code, "active" in parse(where.data)) == (200, False)
    assert record.patch("/fhir/Patient?identifier=p-9", json=change).status_code == 404
    history = parse(record.get("/fhir/Patient/p/_history").data)["entry"]
    assert [one["request"]["method"] for one in history] == ["PATCH", "PATCH", "PATCH", "PUT"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "key"),
    [
        ([{"op": "add", "path": "/gender", "value": "F"}], PATCH, 422, None),
        ([{"op": "replace", "path": "/gender", "value": "male"}], PATCH, 422, "patch.json-pointer"),
        ([{"op": "test", "path": "/active", "value": 1}], PATCH, 422, "patch.json-test"),
        ([{"op": "replace", "path": "/id", "value": "q"}], PATCH, 422, "patch.identity"),
        ([{"op": "replace", "path": "", "value": []}], PATCH, 422, "patch.identity"),
        ([{"op": "leap", "path": ""}], PATCH, 400, "patch.json-shape"),
        ({"op": "add"}, PATCH, 400, "patch.json-shape"),
        ([], "application/json", 400, "patch.path-shape"),
        ([], "text/plain", 415, "patch.media-type"),
        (
            steps("replace", "Patient.name", value={"valueString": "x"}),
            "application/fhir+json",
            422,
            "patch.path-target",
        ),
        (steps("replace", "Patient.(", value={"valueString": "x"}), "application/fhir+json", 422, None),
        (steps("leap", "Patient"), "application/fhir+json", 400, "patch.path-shape"),
        ({"resourceType": "Parameters"}, "application/fhir+json", 400, "patch.path-shape"),
    ],
)
def test_what_is_refused(client: FlaskClient, body: object, kind: str, status: int, key: str | None) -> None:
    client.put("/fhir/Patient/p", json=patient(id="p", active=True))
    answer = client.patch("/fhir/Patient/p", data=encode(body), content_type=kind)
    assert answer.status_code == status, answer.data
    assert key is None or keys(answer) == [key]
    assert client.get("/fhir/Patient/p").headers["ETag"] == 'W/"1"'
    assert client.patch("/fhir/Patient/none", data=b"[]", content_type=PATCH).status_code == 404
