"""Who sees what: the same question by a source, another source, a recipient, the archive and an admin."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from service.api.engine import Engine
from service.fhir.json import encode, parse
from service.store.engine import Database
from service.store.tables import disclosure, resource
from tests.api.backend import bearer, register, store_of
from tests.api.conftest import application, closed
from tests.api.rest import bundle, entry, goal, ids, keys, patient

OURS, THEIRS, RECEIVER = "2.999.13.10.1", "2.999.13.10.2", "2.999.13.10.31"
Headers = dict[str, dict[str, str]]


@pytest.fixture
def app(engine: Engine, tmp_path: Path, url: str) -> Iterator[Flask]:
    # How it is where clients choose their ids stands in test_hidden.py.
    one = application(engine, tmp_path, database=url, client_ids="any")
    register(one, "ours", OURS, "source")
    register(one, "theirs", THEIRS, "source")
    register(one, "receiver", RECEIVER, "recipient")
    register(one, "archive", "2.999.13.10.99", "archive")
    register(one, "admin", "2.999.13.10.1", "admin")
    yield one
    closed(one)


@pytest.fixture
def by(app: Flask) -> Headers:
    return {name: bearer(app, name) for name in ("ours", "theirs", "receiver", "archive", "admin")}


@pytest.fixture
def filled(client: FlaskClient, by: Headers) -> FlaskClient:
    """Ours: a patient with a goal. Theirs: a patient, and a goal that refers to our patient."""
    client.put("/fhir/Patient/child", json=patient(id="child", birthDate="2020-01-01"), headers=by["ours"])
    client.put("/fhir/Goal/goal", json=goal("Patient/child", id="goal"), headers=by["ours"])
    client.put("/fhir/Patient/other", json=patient(id="other"), headers=by["theirs"])
    client.put("/fhir/Goal/spy", json=goal("Patient/child", id="spy"), headers=by["theirs"])
    return client


def test_nobody_else_can_tell_that_it_is_there(filled: FlaskClient, by: Headers) -> None:
    for path in ("", "/_history", "/_history/1", "/$everything"):
        hidden = filled.get(f"/fhir/Patient/child{path}", headers=by["theirs"])
        absent = filled.get(f"/fhir/Patient/nobody{path}", headers=by["theirs"])
        assert (hidden.status_code, hidden.data) == (404, absent.data), path
        assert absent.status_code == 404
    for method in ("PUT", "DELETE", "PATCH"):
        body = {"json": patient(id="child")} if method == "PUT" else {}
        if method == "PATCH":
            body = {"data": b"[]", "content_type": "application/json-patch+json"}
        answer = filled.open("/fhir/Patient/child", method=method, headers=by["theirs"], **body)
        assert answer.status_code == 404, method
        assert keys(answer) == ["store.id-not-own" if method == "PUT" else "store.not-found"]
    assert parse(filled.get("/fhir/Patient/child", headers=by["ours"]).data)["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("query", "ours", "theirs"),
    [
        ("Patient", ["Patient/child"], ["Patient/other"]),
        ("Patient?_id=child,other", ["Patient/child"], ["Patient/other"]),
        ("Patient?birthdate=2020-01-01", ["Patient/child"], []),
        ("Patient?_has:Goal:patient:lifecycle-status=active", ["Patient/child"], []),
        ("Goal?patient.birthdate=2020-01-01", ["Goal/goal"], []),
        ("Goal?patient.identifier=p-1", ["Goal/goal"], []),
        ("Goal?patient=Patient/child", ["Goal/goal"], ["Goal/spy"]),
    ],
)
def test_search_counts_and_chains(
    filled: FlaskClient, by: Headers, query: str, ours: list[str], theirs: list[str]
) -> None:
    for name, expected in (("ours", ours), ("theirs", theirs)):
        answer = filled.get(f"/fhir/{query}", headers=by[name])
        assert ids(answer) == expected
        mark = "&" if "?" in query else "?"
        counted = filled.get(f"/fhir/{query}{mark}_summary=count&_total=accurate", headers=by[name])
        assert parse(counted.data)["total"] == len(expected)


def test_includes(filled: FlaskClient, by: Headers) -> None:
    wanted = filled.get("/fhir/Goal?_include=Goal:patient", headers=by["theirs"])
    assert (ids(wanted), ids(wanted, "include")) == (["Goal/spy"], [])
    back = filled.get("/fhir/Patient?_revinclude=Goal:patient", headers=by["ours"])
    assert (ids(back), ids(back, "include")) == (["Patient/child"], ["Goal/goal"])
    found = filled.get("/fhir/Patient/child/$everything", headers=by["ours"])
    assert sorted(ids(found)) == ["Goal/goal", "Patient/child"]
    every = filled.get("/fhir/Patient/child/$everything", headers=by["admin"])
    assert sorted(ids(every)) == ["Goal/goal", "Goal/spy", "Patient/child"]


def test_histories(filled: FlaskClient, by: Headers) -> None:
    seen = {
        name: {one["resource"]["id"] for one in parse(filled.get("/fhir/_history", headers=by[name]).data)["entry"]}
        for name in ("ours", "theirs", "admin")
    }
    assert seen == {"ours": {"child", "goal"}, "theirs": {"other", "spy"}, "admin": {"child", "goal", "other", "spy"}}


def test_conditional_interactions_meet_only_what_is_seen(filled: FlaskClient, by: Headers) -> None:
    made = filled.post(
        "/fhir/Patient", json=patient(), headers=by["theirs"] | {"If-None-Exist": "birthdate=2020-01-01"}
    )
    assert made.status_code == 201
    gone = filled.delete("/fhir/Patient?birthdate=2020-01-01", headers=by["theirs"])
    assert gone.status_code == 204
    assert filled.get("/fhir/Patient/child", headers=by["ours"]).status_code == 200
    taken = bundle("transaction", entry("PUT", "Patient/child", patient(id="child")))
    answer = filled.post("/fhir", json=taken, headers=by["theirs"])
    assert (answer.status_code, keys(answer)) == (404, ["store.id-not-own"])


def test_a_recipient_sees_what_was_disclosed_up_to_that_version(app: Flask, filled: FlaskClient, by: Headers) -> None:
    assert filled.get("/fhir/Patient/child", headers=by["receiver"]).status_code == 404
    _disclose(store_of(app).database, "child", RECEIVER, 1)
    given = filled.get("/fhir/Patient/child", headers=by["receiver"])
    assert given.status_code == 200
    assert ids(filled.get("/fhir/Patient", headers=by["receiver"])) == ["Patient/child"]
    found = filled.get("/fhir/Patient/child/$everything", headers=by["receiver"])
    assert ids(found) == ["Patient/child"]
    refused = filled.put("/fhir/Patient/child", json=patient(id="child"), headers=by["receiver"])
    assert (refused.status_code, keys(refused)) == (403, ["store.forbidden"])
    filled.put("/fhir/Patient/child", json=patient(id="child", active=True), headers=by["ours"])
    assert filled.get("/fhir/Patient/child/_history/2", headers=by["receiver"]).status_code == 404
    assert filled.get("/fhir/Patient/child/_history/1", headers=by["receiver"]).data == given.data


def test_the_archive_sees_nothing_here(filled: FlaskClient, by: Headers) -> None:
    for path in ("Patient", "Patient/child", "_history", "Patient/child/$everything", "AuditEvent"):
        assert filled.get(f"/fhir/{path}", headers=by["archive"]).status_code == 403


def test_documents_come_from_their_own_organisation(client: FlaskClient, by: Headers, example: bytes) -> None:
    document = parse(example)
    document["source"]["organisation"] = OURS
    text = encode(document)
    foreign = client.post("/documents", data=text, content_type="application/json", headers=by["theirs"])
    assert (foreign.status_code, keys(foreign)) == (403, ["auth.other-organisation"])
    reader = client.post("/documents", data=text, content_type="application/json", headers=by["archive"])
    assert reader.status_code == 403
    own = client.post("/documents", data=text, content_type="application/json", headers=by["ours"])
    assert own.status_code == 201, own.data
    assert parse(client.get("/fhir/CarePlan", headers=by["theirs"]).data)["total"] == 0
    assert parse(client.get("/fhir/CarePlan", headers=by["ours"]).data)["total"] == 1


def test_the_use_log_of_others_is_theirs(filled: FlaskClient, by: Headers) -> None:
    filled.get("/fhir/Patient/child", headers=by["ours"])
    entries = parse(filled.get("/fhir/AuditEvent?entity=Patient/child", headers=by["theirs"]).data).get("entry", [])
    assert all(one["resource"]["agent"][0]["altId"] == "theirs" for one in entries)
    assert parse(filled.get("/fhir/AuditEvent?entity=Patient/child", headers=by["ours"]).data)["entry"]
    first = parse(filled.get("/fhir/AuditEvent?_count=1", headers=by["ours"]).data)["entry"][0]["resource"]["id"]
    assert filled.get(f"/fhir/AuditEvent/{first}", headers=by["theirs"]).status_code == 404
    assert filled.get(f"/fhir/AuditEvent/{first}", headers=by["admin"]).status_code == 200


def _disclose(database: Database, id_: str, organisation: str, upto: int) -> None:
    def work(connection: Connection) -> None:
        rid = connection.execute(resource.select().where(resource.c.id == id_)).one().rid
        values = {"organisation": organisation, "rid": rid, "upto": upto, "since": 0}
        connection.execute(disclosure.insert().values(values))

    database.write(work)
