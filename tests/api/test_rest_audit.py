"""The use log: exactly one entry for each call, also a refused one; nothing of anybody in the log lines."""

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.logs import configure
from service.fhir.json import encode, parse
from service.store import audit
from service.store.audit import Row
from tests.api.backend import ask, assertion, bearer, register, store_of
from tests.api.rest import bundle, entry, patient

PATCH = "application/json-patch+json"
WORKER = {"X-Yhdessa-User": "terhikki-1", "X-Yhdessa-User-Name": "Työntekijä", "X-Yhdessa-Purpose": "hoito"}


def rows(app: Flask) -> list[Row]:
    with store_of(app).database.read() as connection:
        return audit.rows_after(connection, 0, 1000)


CALLS: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    ("POST", "/fhir/Patient", {"json": patient()}, "create", "C", "0"),
    ("GET", "/fhir/Patient/p", {}, "read", "R", "0"),
    ("GET", "/fhir/Patient/p", {"headers": {"If-None-Match": "*"}}, "read", "R", "0"),
    ("GET", "/fhir/Patient/none", {}, "read", "R", "4"),
    ("GET", "/fhir/Patiend/x", {}, "read", "R", "4"),
    ("GET", "/fhir/Patient/p/_history/1", {}, "vread", "R", "0"),
    ("GET", "/fhir/Patient/p/_history", {}, "history-instance", "R", "0"),
    ("GET", "/fhir/_history", {}, "history-system", "R", "0"),
    ("GET", "/fhir/Patient?name=x", {}, "search-type", "E", "0"),
    ("GET", "/fhir/Patient?birthdate=x", {}, "search-type", "E", "4"),
    ("PUT", "/fhir/Patient/p", {"json": patient(id="p", active=True)}, "update", "U", "0"),
    ("PUT", "/fhir/Patient/p", {"json": patient(id="p"), "headers": {"If-Match": 'W/"9"'}}, "update", "U", "4"),
    ("PATCH", "/fhir/Patient/p", {"data": b"[]", "content_type": PATCH}, "patch", "U", "0"),
    ("DELETE", "/fhir/Patient/none", {}, "delete", "D", "0"),
    ("DELETE", "/fhir/Patient/p", {}, "delete", "D", "0"),
    ("POST", "/fhir", {"json": bundle("transaction", entry("POST", "Patient", patient()))}, "transaction", "E", "0"),
    ("POST", "/fhir", {"json": bundle("batch", entry("GET", "Patient/none"))}, "batch", "E", "0"),
    ("GET", "/fhir/Patient/p/$everything", {}, "everything", "E", "0"),
    ("POST", "/documents", {"json": {"kind": "nothing"}}, "documents", "C", "4"),
    ("GET", "/fhir/AuditEvent", {}, "search-type", "E", "0"),
    ("POST", "/fhir/$validate", {"json": patient()}, "operation", "E", "0"),
]


@pytest.mark.parametrize(("method", "path", "arguments", "interaction", "action", "outcome"), CALLS)
def test_one_entry_a_call(
    app: Flask, method: str, path: str, arguments: dict[str, Any], interaction: str, action: str, outcome: str
) -> None:
    with app.test_client() as client:
        client.put("/fhir/Patient/p", json=patient(id="p"))
        before = len(rows(app))
        answer = client.open(path, method=method, **arguments)
    found = rows(app)[before:]
    if interaction == "everything":
        assert answer.status_code == 200
    assert [(one.event().detail.interaction, one.action, one.outcome) for one in found] == [
        (interaction, action, outcome)
    ]


def test_what_an_entry_says(app: Flask, client: FlaskClient) -> None:
    register(app, "kunta-1", "2.999.13.10.1", "source")
    header = bearer(app, "kunta-1")
    words = {name: value.encode().decode("latin-1") for name, value in WORKER.items()}
    id_ = client.post("/fhir/Patient", json=patient(), headers=header).headers["Location"].split("/")[-3]
    client.get(f"/fhir/Patient/{id_}", headers=header | words | {"X-Request-Id": "req-1"})
    found = parse(client.get(f"/fhir/AuditEvent?patient={id_}&_count=1", headers=header).data)["entry"][0]["resource"]
    assert found["subtype"][0]["code"] == "read"
    assert found["agent"][0]["altId"] == "kunta-1"
    worker = next(one for one in found["agent"] if one["requestor"])
    assert (worker["altId"], worker["name"]) == ("terhikki-1", "Työntekijä")
    assert found["purposeOfEvent"][0]["text"] == "hoito"
    assert {"reference": f"Patient/{id_}"} in [one.get("what") for one in found["entity"]]
    assert found["recorded"].startswith("2026-03-29")
    checked = client.post("/fhir/$validate", json=found, headers=header)
    assert [one for one in parse(checked.data)["issue"] if one["severity"] == "error"] == []


def test_whose_data_was_used(app: Flask, client: FlaskClient) -> None:
    """The provider of what an admin reads or changes is whose register it is in, not who asks."""
    for id_, organisation, role in (("a", "2.999.1", "source"), ("b", "2.999.2", "source"), ("c", "2.999.3", "admin")):
        register(app, id_, organisation, role)  # type: ignore[arg-type]
    by = {one: bearer(app, one) for one in ("a", "b", "c")}
    made = [client.post("/fhir/Patient", json=patient(), headers=by[one]).headers["Location"] for one in ("a", "b")]
    own, other = (one.split("/fhir/")[1].partition("/_history")[0] for one in made)

    def provider() -> str:
        return rows(app)[-1].event().detail.provider

    for path, expected in ((own, "2.999.1"), (f"{other}/_history", "2.999.2"), ("Patient", "2.999.1 2.999.2")):
        assert client.get(f"/fhir/{path}", headers=by["c"]).status_code == 200
        assert provider() == expected, path
    steps = [{"op": "add", "path": "/active", "value": True}]
    client.patch(f"/fhir/{own}", data=encode(steps), content_type=PATCH, headers=by["c"])
    assert provider() == "2.999.1"
    client.get("/fhir/Patient/none", headers=by["a"])
    assert provider() == "2.999.1"
    client.get("/fhir/Patient", headers=by["c"])
    told = parse(client.get("/fhir/AuditEvent?_count=1", headers=by["c"]).data)["entry"][0]["resource"]
    detail = [one for entity in told["entity"] for one in entity.get("detail", ()) if one["type"] == "provider"]
    assert [one["valueString"] for one in detail] == ["2.999.1", "2.999.2"]


def test_whose_documents_an_admin_brings(app: Flask, client: FlaskClient, example: bytes) -> None:
    register(app, "c", "2.999.3", "admin")
    line = encode(parse(example)) + b"\n"
    client.post("/documents", data=line, content_type="application/x-ndjson", headers=bearer(app, "c"))
    assert rows(app)[-1].event().detail.provider == parse(example)["source"]["organisation"]


def test_refused_callers_and_logins_are_logged(app: Flask, client: FlaskClient) -> None:
    register(app, "kunta-1", "2.999.13.10.1", "source")
    client.get("/fhir/Patient/p")
    ask(client, "x")
    ask(client, assertion(app, "kunta-1"))
    found = [(one.client, one.event().detail.interaction, one.outcome, one.event().detail.keys) for one in rows(app)]
    assert found[0][2:] == ("4", ("auth.token-missing",))
    assert found[1] == ("", "login", "4", ("invalid_client",))
    assert found[2] == ("kunta-1", "login", "0", ())
    assert len(found) == 3


def test_pages_and_dates_of_the_log(client: FlaskClient) -> None:
    for _ in range(5):
        client.get("/fhir/Patient/none")
    page = parse(client.get("/fhir/AuditEvent?_count=2&date=ge2026-03-29").data)
    seen = [one["resource"]["id"] for one in page["entry"]]
    following = next(one["url"] for one in page["link"] if one["relation"] == "next")
    seen += [
        one["resource"]["id"] for one in parse(client.get(following.removeprefix("http://localhost")).data)["entry"]
    ]
    assert len(set(seen)) == 4
    assert "entry" not in parse(client.get("/fhir/AuditEvent?date=lt2026-03-29").data)
    assert client.get("/fhir/AuditEvent?date=soon").status_code == 400
    assert client.get("/fhir/AuditEvent/none").status_code == 404


def test_the_trail_is_whole_after_all_this(app: Flask) -> None:
    with app.test_client() as client:
        for method, path, arguments, *_ in CALLS:
            client.open(path, method=method, **arguments)
    with store_of(app).database.read() as connection:
        assert audit.verify(connection).issues == ()


def test_no_log_line_holds_anything_of_anybody(
    app: Flask, client: FlaskClient, example: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.getLogger().level)
    configure("debug")
    hetu, family, street = "150318A9125", "Virtasenkoe", "Koekuja 7"
    client.put("/fhir/Patient/p", json=patient(id="p", name=[{"family": family}], address=[{"line": [street]}]))
    for path in (f"?name={family}", f"?identifier={hetu}", f"/{hetu}", f"?address={street}"):
        client.get(f"/fhir/Patient{path}")
        client.get(f"/fhir/Patient{path}", headers={"X-Request-Id": hetu})
    client.post("/fhir/Patient/_search", data={"name": family})
    client.put("/fhir/Patient/p", json=patient(id="p", gender=hetu, name=[{"family": family}]))
    client.post("/documents", data=example, content_type="application/json")
    client.patch("/fhir/Patient/p", data=encode([{"op": "test", "path": "/id", "value": hetu}]), content_type=PATCH)
    register(app, "kunta-1", "2.999.13.10.1", "source")
    signed = assertion(app, "kunta-1")
    token = parse(ask(client, signed).data)["access_token"]
    ask(client, signed)
    client.get(f"/fhir/Patient?name={family}", headers={"Authorization": f"Bearer {token}"})
    client.get("/fhir/Patient", headers={"Authorization": f"Bearer {token}x"})
    logged = capfd.readouterr().err
    assert logged.count('"request"') > 10
    document = parse(example)
    people = [*document["family"]["children"], *document["family"]["guardians"]]
    told = [one[name] for one in people for name in ("hetu", "firstNames", "lastName", "familyName") if name in one]
    for secret in (hetu, family, street, "Koekuja", token, signed, token.split(".")[1], *told):
        assert secret not in logged
