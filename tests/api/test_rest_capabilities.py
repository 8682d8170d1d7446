"""The CapabilityStatement is a promise: what it states works, and what works it states."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.fhir.json import parse
from tests.api.rest import bundle, entry, goal, ids, patient

Json = dict[str, Any]


@pytest.fixture
def rest(client: FlaskClient) -> Json:
    found: Json = parse(client.get("/fhir/metadata").data)["rest"][0]
    return found


def row(rest: Json, type_name: str) -> Json:
    found: Json = next(one for one in rest["resource"] if one["type"] == type_name)
    return found


def test_every_stated_interaction_works(client: FlaskClient, rest: Json) -> None:
    nothing = entry("GET", "Goal")
    works = {
        "create": lambda: client.post("/fhir/Patient", json=patient()).status_code == 201,
        "update": lambda: client.put("/fhir/Patient/p", json=patient(id="p")).status_code == 201,
        "patch": lambda: (
            client.patch("/fhir/Patient/p", data=b"[]", content_type="application/json-patch+json").status_code == 200
        ),
        "read": lambda: client.get("/fhir/Patient/p").status_code == 200,
        "vread": lambda: client.get("/fhir/Patient/p/_history/1").status_code == 200,
        "history-instance": lambda: client.get("/fhir/Patient/p/_history").status_code == 200,
        "history-type": lambda: client.get("/fhir/Patient/_history").status_code == 200,
        "search-type": lambda: client.get("/fhir/Patient").status_code == 200,
        "delete": lambda: client.delete("/fhir/Patient/p").status_code == 204,
        "history-system": lambda: client.get("/fhir/_history").status_code == 200,
        "transaction": lambda: client.post("/fhir", json=bundle("transaction", nothing)).status_code == 200,
        "batch": lambda: client.post("/fhir", json=bundle("batch", nothing)).status_code == 200,
    }
    stated = {one["code"] for one in (*row(rest, "Patient")["interaction"], *rest["interaction"])}
    assert stated == set(works)
    for code, work in works.items():
        assert work(), code
    for one in rest["resource"]:
        if one["type"] != "AuditEvent":
            assert one["interaction"] == row(rest, "Patient")["interaction"], one["type"]
    assert [one["code"] for one in row(rest, "AuditEvent")["interaction"]] == ["read", "search-type"]


def test_features_are_as_stated(client: FlaskClient, rest: Json) -> None:
    stated = row(rest, "Patient")
    names = ("updateCreate", "conditionalCreate", "conditionalUpdate", "readHistory")
    assert [stated[name] for name in names] == [True] * 4
    assert (stated["conditionalDelete"], stated["conditionalRead"]) == ("single", "full-support")
    assert stated["versioning"] == "versioned-update"


def test_every_type_and_every_search_parameter_works(client: FlaskClient, rest: Json) -> None:
    values = {"date": "2026", "number": "1", "quantity": "1", "uri": "urn:x", "reference": "Patient/1"}
    for one in rest["resource"]:
        for parameter in one["searchParam"]:
            kind, name = parameter["type"], parameter["name"]
            value = values.get(kind, "x")
            if kind == "composite":
                continue
            answer = client.get(
                f"/fhir/{one['type']}", query_string={name: value}, headers={"Prefer": "handling=strict"}
            )
            assert answer.status_code == 200, (one["type"], name, answer.data)


def test_nothing_else_is_understood(client: FlaskClient, app: Flask, rest: Json) -> None:
    strict = {"Prefer": "handling=strict"}
    known = app.extensions["yhdessa-store"].parameters
    for type_name in ("CarePlan", "Patient", "Consent"):
        assert set(known.of(type_name)) == {one["name"] for one in row(rest, type_name)["searchParam"]}
        assert client.get(f"/fhir/{type_name}?_text=x", headers=strict).status_code == 400
    types = {one["type"] for one in rest["resource"]}
    for type_name in ("Parameters", "OperationOutcome", "DomainResource", "Element", "Plan"):
        assert type_name not in types
        assert client.get(f"/fhir/{type_name}").status_code == 404


def test_includes_are_as_stated(client: FlaskClient, rest: Json) -> None:
    client.put("/fhir/Patient/p", json=patient(id="p"))
    client.put("/fhir/Goal/g", json=goal("Patient/p", id="g"))
    assert "Goal:patient" in row(rest, "Goal")["searchInclude"]
    assert "Goal:patient" in row(rest, "Patient")["searchRevInclude"]
    assert ids(client.get("/fhir/Goal?_include=Goal:patient"), "include") == ["Patient/p"]
    assert ids(client.get("/fhir/Goal?_include=*"), "include") == ["Patient/p"]
    assert ids(client.get("/fhir/Patient?_revinclude=Goal:patient"), "include") == ["Goal/g"]
    for one in row(rest, "CarePlan")["searchInclude"]:
        assert client.get("/fhir/CarePlan", query_string={"_include": one}).status_code == 200, one
    for one in row(rest, "CarePlan")["searchRevInclude"]:
        assert client.get("/fhir/CarePlan", query_string={"_revinclude": one}).status_code == 200, one


def test_an_empty_entry_does_nothing(client: FlaskClient) -> None:
    answer = client.post("/fhir", json=bundle("transaction", entry("GET", "Patient")))
    assert parse(answer.data)["entry"][0]["resource"]["total"] == 0
