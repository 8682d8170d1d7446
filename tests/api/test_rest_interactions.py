"""read, vread, create, update, delete, history, conditional ones: status, headers, bodies; on both databases."""

import pytest
from flask.testing import FlaskClient

from service.fhir.json import parse
from tests.api.rest import entry, keys, observation, patient

JSON = {"Content-Type": "application/fhir+json"}


def test_the_life_of_a_resource(record: FlaskClient) -> None:
    made = record.post("/fhir/Patient", json=patient(active=True))
    assert made.status_code == 201
    id_ = parse(made.data)["id"]
    assert made.headers["Location"] == f"http://localhost/fhir/Patient/{id_}/_history/1"
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Last-Modified"].endswith("GMT")
    url = f"/fhir/Patient/{id_}"
    changed = record.put(url, json=patient(id=id_, active=False), headers={"If-Match": 'W/"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    stale = record.put(url, json=patient(id=id_, active=True), headers={"If-Match": 'W/"1"'})
    assert (stale.status_code, keys(stale)) == (412, ["store.version-conflict"])
    assert parse(record.get(f"{url}/_history/1").data)["active"] is True
    assert record.get(f"{url}/_history/9").status_code == 404
    assert record.get(f"{url}/_history/first").status_code == 404
    gone = record.delete(url)
    assert (gone.status_code, gone.data, gone.headers["ETag"]) == (204, b"", 'W/"3"')
    assert record.delete(url).status_code == 204
    after = record.get(url)
    assert (after.status_code, keys(after), after.headers["ETag"]) == (410, ["store.deleted"], 'W/"3"')
    history = parse(record.get(f"{url}/_history").data)
    assert history["total"] == 3
    assert [(one["request"]["method"], "resource" in one) for one in history["entry"]] == [
        ("DELETE", False),
        ("PUT", True),
        ("POST", True),
    ]
    again = record.put(url, json=patient(id=id_))
    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"4"')


def test_a_read_gives_the_exact_bytes(record: FlaskClient) -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"a"},'
        b'"valueQuantity":{"unit":"h","value":1.50},"issued":"2026-03-01T10:00:00.123+02:00"}'
    )
    made = record.post("/fhir/Observation", data=text, headers=JSON)
    assert made.status_code == 201, made.data
    got = record.get(f"/fhir/Observation/{parse(made.data)['id']}")
    assert got.data == made.data
    assert b'"value":1.50' in got.data and b"10:00:00.123+02:00" in got.data


def test_conditional_read(record: FlaskClient) -> None:
    made = record.post("/fhir/Patient", json=patient())
    url = f"/fhir/Patient/{parse(made.data)['id']}"
    same = record.get(url, headers={"If-None-Match": made.headers["ETag"]})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", 'W/"1"')
    assert record.get(url, headers={"If-None-Match": 'W/"7"'}).status_code == 200
    assert record.get(url, headers={"If-Modified-Since": made.headers["Last-Modified"]}).status_code == 304
    assert record.get(url, headers={"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}).status_code == 200
    assert record.get(url, headers={"If-Modified-Since": "yesterday"}).status_code == 200


def test_what_comes_back_of_a_write(record: FlaskClient) -> None:
    minimal = record.post("/fhir/Patient", json=patient(), headers={"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.data) == (201, b"")
    assert minimal.headers["Location"]
    told = record.post("/fhir/Patient", json=patient(), headers={"Prefer": "return=OperationOutcome"})
    assert (told.status_code, keys(told)) == (201, ["general.all-ok"])


def test_update_as_create_and_not_over_what_is_there(record: FlaskClient) -> None:
    only_new = {"If-None-Match": "*"}
    assert record.put("/fhir/Patient/own-1", json=patient(id="own-1"), headers=only_new).status_code == 201
    again = record.put("/fhir/Patient/own-1", json=patient(id="own-1", active=True), headers=only_new)
    assert (again.status_code, keys(again)) == (412, ["store.exists"])
    same = record.put("/fhir/Patient/own-1", json=patient(id="own-1"))
    assert (same.status_code, same.headers["ETag"]) == (200, 'W/"1"')


def test_conditional_create_update_delete(record: FlaskClient) -> None:
    condition = {"If-None-Exist": "identifier=urn:oid:2.999.13.10.1|p-1"}
    first = record.post("/fhir/Patient", json=patient(), headers=condition)
    second = record.post("/fhir/Patient", json=patient(), headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.data == second.data
    put = record.put("/fhir/Patient?identifier=p-1", json=patient(active=True))
    assert (put.status_code, put.headers["ETag"]) == (200, 'W/"2"')
    fresh = record.put("/fhir/Patient?identifier=p-2", json=patient(active=True))
    assert fresh.status_code == 201
    many = record.put("/fhir/Patient?identifier=p-1", json=patient(active=False))
    assert (many.status_code, keys(many)) == (412, ["store.multiple"])
    assert record.delete("/fhir/Patient?identifier=p-1").status_code == 412
    none = record.delete("/fhir/Patient?identifier=p-9")
    assert none.status_code == 204
    vague = record.delete("/fhir/Patient")
    assert (vague.status_code, keys(vague)) == (400, ["store.condition"])
    unknown = record.delete("/fhir/Patient?frobnicate=1")
    assert unknown.status_code == 400
    assert parse(record.get("/fhir/Patient").data)["total"] == 2


def test_histories_page_while_data_change(record: FlaskClient) -> None:
    for number in range(5):
        record.put(f"/fhir/Patient/p-{number}", json=patient(id=f"p-{number}"))
    page = parse(record.get("/fhir/Patient/_history?_count=2").data)
    seen = [one["resource"]["id"] for one in page["entry"]]
    record.put("/fhir/Patient/p-9", json=patient(id="p-9"))
    while following := [one["url"] for one in page["link"] if one["relation"] == "next"]:
        page = parse(record.get(following[0].removeprefix("http://localhost")).data)
        seen += [one["resource"]["id"] for one in page["entry"]]
    assert seen == ["p-4", "p-3", "p-2", "p-1", "p-0"]
    whole = parse(record.get("/fhir/_history?_since=2026-01-01").data)
    assert len(whole["entry"]) == 6
    assert "entry" not in parse(record.get("/fhir/_history?_since=2099-01-01").data)
    assert record.get("/fhir/_history?_since=soon").status_code == 400
    assert record.get("/fhir/Patient/nobody/_history").status_code == 404


def test_summaries_and_elements(record: FlaskClient) -> None:
    made = record.post("/fhir/Patient", json=patient(active=True, photo=[{"title": "x"}], gender="female"))
    url = f"/fhir/Patient/{parse(made.data)['id']}"
    short = parse(record.get(f"{url}?_summary=true").data)
    assert "active" in short and "photo" not in short
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    chosen = parse(record.get(f"{url}?_elements=gender").data)
    assert set(chosen) == {"resourceType", "id", "meta", "gender", "active"} - {"active"} | {"active"} & set(chosen)
    assert "gender" in chosen and "identifier" not in chosen
    assert record.get(f"{url}?_summary=some").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "key"),
    [
        ("GET", "/fhir/Patiend/1", None, 404, "http.unknown-type"),
        ("GET", "/fhir/patient/1", None, 404, "http.unknown-type"),
        ("GET", "/fhir/Resource/1", None, 404, "http.unknown-type"),
        ("GET", "/fhir/Patient/none", None, 404, "store.not-found"),
        ("GET", "/fhir/Patient/a%20b", None, 404, "http.not-found"),
        ("POST", "/fhir/Patient", {"resourceType": "Goal"}, 400, "http.wrong-type"),
        ("POST", "/fhir/Patient", ["x"], 400, "http.not-a-resource"),
        ("PUT", "/fhir/Patient/1", patient(), 400, "http.id-missing"),
        ("PUT", "/fhir/Patient/1", patient(id="2"), 400, "store.id-mismatch"),
        ("POST", "/fhir/AuditEvent", {"resourceType": "AuditEvent"}, 405, "http.read-only"),
        ("POST", "/fhir/Patient", {"resourceType": "Patient", "gender": "F"}, 422, "validation.code-not-in-value-set"),
        ("DELETE", "/fhir/AuditEvent/1", None, 405, "http.read-only"),
    ],
)
def test_what_is_refused(client: FlaskClient, method: str, path: str, body: object, status: int, key: str) -> None:
    answer = client.open(path, method=method, json=body) if body is not None else client.open(path, method=method)
    assert answer.status_code == status, answer.data
    assert status == 422 or keys(answer) == [key]
    assert "entry" not in parse(client.get("/fhir/_history").data)


@pytest.mark.parametrize("text", [b"{", b'{"resourceType":"Patient","id":"a","id":"b"}', b"\xff", b""])
def test_what_is_no_json(client: FlaskClient, text: bytes) -> None:
    answer = client.post("/fhir/Patient", data=text, headers=JSON)
    assert answer.status_code == 400
    assert keys(answer)[0].startswith("json.")


def test_invalid_resources_are_told_their_places_and_not_kept(client: FlaskClient) -> None:
    text = b'{"resourceType": "Patient",\n "gender": "F",\n "birthDate": "long ago"}'
    answer = client.post("/fhir/Patient", data=text, headers=JSON)
    assert answer.status_code == 422
    lines = [row["valueInteger"] for one in parse(answer.data)["issue"] for row in one["extension"][:1]]
    assert {2, 3} <= set(lines)
    profiled = patient(meta={"profile": ["https://nowhere.example/StructureDefinition/unknown"]})
    assert client.post("/fhir/Patient", json=profiled).status_code == 422
    finnish = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-patient"
    wrong = patient(meta={"profile": [finnish]})
    wrong["identifier"] = [{"use": "official", "system": "urn:oid:1.2.3", "value": "x"}]
    assert client.post("/fhir/Patient", json=wrong).status_code == 422
    assert "entry" not in parse(client.get("/fhir/_history").data)


def test_everything_and_document(record: FlaskClient, example: bytes) -> None:
    refs = parse(record.post("/documents", data=example, headers={"Content-Type": "application/json"}).data)[
        "resources"
    ]
    plan = next(one for one in refs if one.startswith("CarePlan/"))
    child = next(one for one in refs if one.startswith("Patient/"))
    found = parse(record.get(f"/fhir/{child}/$everything").data)
    types = {one["resource"]["resourceType"] for one in found["entry"]}
    assert {"Patient", "CarePlan", "Goal", "RelatedPerson"} <= types
    assert found["total"] == len(found["entry"])
    first = parse(record.get(f"/fhir/{child}/$everything?_count=3").data)
    seen = [one["fullUrl"] for one in first["entry"]]
    while following := [one["url"] for one in first["link"] if one["relation"] == "next"]:
        first = parse(record.get(following[0].removeprefix("http://localhost")).data)
        seen += [one["fullUrl"] for one in first["entry"]]
    assert seen == [one["fullUrl"] for one in found["entry"]]
    only = parse(record.get(f"/fhir/{child}/$everything?_type=Goal").data)
    assert {one["resource"]["resourceType"] for one in only["entry"]} == {"Goal"}
    assert record.get("/fhir/Patient/nobody/$everything").status_code == 404
    document = record.get(f"/fhir/{plan}/$document")
    bundle = parse(document.data)
    assert (bundle["type"], bundle["entry"][0]["resource"]["resourceType"]) == ("document", "Composition")
    checked = parse(record.post("/fhir/$validate", data=document.data, headers=JSON).data)
    assert [one for one in checked["issue"] if one["severity"] in ("error", "fatal")] == []
    inside = {one["fullUrl"] for one in bundle["entry"]}
    assert f"http://localhost/fhir/{plan}" in inside and f"http://localhost/fhir/{child}" in inside


def test_pages_cannot_be_made_up(client: FlaskClient) -> None:
    for page in ("x", "A" * 9000, "eyJhbGciOiJub25lIn0..."):
        for path in ("Patient", "Patient/_history", "_history"):
            answer = client.get(f"/fhir/{path}?_page={page}")
            assert (answer.status_code, keys(answer)) == (400, ["store.page"])


def test_a_batch_does_what_it_can(record: FlaskClient) -> None:
    sent = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            entry("POST", "Observation", {"resourceType": "Observation"}),
            entry("GET", "Patient/none"),
            entry("POST", "Observation", observation()),
            entry("GET", "Observation"),
            entry("DELETE", "AuditEvent/1"),
            {"request": {"method": "BREW", "url": "Patient"}},
        ],
    }
    answer = record.post("/fhir", json=sent)
    assert answer.status_code == 200
    got = parse(answer.data)
    assert got["type"] == "batch-response"
    statuses = [one["response"]["status"][:3] for one in got["entry"]]
    assert statuses == ["422", "404", "201", "200", "405", "400"]
    places = [row["valueString"] for row in got["entry"][0]["response"]["outcome"]["issue"][0]["extension"]]
    assert places[0].startswith("/entry/0/resource")
    assert got["entry"][3]["resource"]["total"] == 1
