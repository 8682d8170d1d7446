"""Each operation that the CapabilityStatement names is defined: ours by this server, the others by HL7."""

import json
import re
import tarfile
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.operation_definitions import OWN, TYPE, definitions
from service.fhir.json import parse
from tests.api.rest import keys
from tests.shared import shared

Json = dict[str, Any]
HL7 = "http://hl7.org/fhir/OperationDefinition/"


@pytest.fixture
def stated(client: FlaskClient) -> list[tuple[str, Json]]:
    """(type, operation) of the statement; the type is empty for those of the server itself."""
    rest = parse(client.get("/fhir/metadata").data)["rest"][0]
    found = [("", one) for one in rest.get("operation", ())]
    return found + [(row["type"], one) for row in rest["resource"] for one in row.get("operation", ())]


def test_ours_are_served(client: FlaskClient, stated: list[tuple[str, Json]]) -> None:
    ours = [(type_name, one) for type_name, one in stated if one["definition"].startswith(OWN)]
    assert {one["definition"].removeprefix(OWN) for _, one in ours} == set(definitions())
    for type_name, one in ours:
        read = client.get(f"/fhir/{TYPE}/{one['definition'].removeprefix(OWN)}")
        assert read.status_code == 200
        found = parse(read.data)
        assert (found["url"], found["code"]) == (one["definition"], one["name"])
        assert found["resource"] == [type_name] if type_name else found["system"]
        searched = parse(client.get(f"/fhir/{TYPE}", query_string={"url": one["definition"]}).data)
        assert [entry["resource"] for entry in searched["entry"]] == [found]
        judged = parse(client.post("/fhir/$validate", json=found).data)
        wrong = [row for row in judged["issue"] if row["severity"] in ("error", "warning")]
        assert [row for row in wrong if "dom-6" not in row["diagnostics"]] == []


def test_the_others_are_official(stated: list[tuple[str, Json]]) -> None:
    with tarfile.open(shared("fhir-packages", "hl7.fhir.r4.core.tgz")) as package:
        index = package.extractfile("package/.index.json")
        assert index is not None
        known = {one.get("url") for one in json.load(index)["files"]}
    for _, one in stated:
        if one["definition"].startswith(HL7):
            assert one["definition"] in known
        else:
            assert one["definition"].startswith((OWN, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"))


def test_parameters_are_as_defined(client: FlaskClient) -> None:
    """What a definition names is understood, anything else is not."""
    for id_, found in definitions().items():
        path = f"/fhir/{id_.partition('-')[0]}/none/${found['code']}"
        values = {"instant": "2026-01-01T00:00:00Z", "integer": "1", "boolean": "true", "code": "Goal"}
        for one in found["parameter"]:
            if one["use"] == "in":
                value = {"language": "fi", "format": "pdf"}.get(one["name"], values[one["type"]])
                assert client.get(path, query_string={one["name"]: value}).status_code == 404, (id_, one["name"])
        assert client.get(path, query_string={"other": "x"}).status_code == 400


def test_what_clients_keep_stands_beside_them(client: FlaskClient) -> None:
    own = {**definitions()["CarePlan-print"], "id": "theirs", "url": "https://other.example/OperationDefinition/x"}
    assert client.put(f"/fhir/{TYPE}/theirs", json=own).status_code == 201
    assert client.get(f"/fhir/{TYPE}/theirs").status_code == 200
    assert parse(client.get(f"/fhir/{TYPE}?url={own['url']}").data)["total"] == 1
    assert client.get(f"/fhir/{TYPE}/none").status_code == 404


def test_every_operation_there_is_is_stated(app: Flask, stated: list[tuple[str, Json]]) -> None:
    """And the other way round: what is stated has an address that answers."""
    named = {(type_name, row["name"]) for type_name, row in stated}
    addresses = [rule.rule for rule in app.url_map.iter_rules() if "$" in rule.rule and rule.rule.startswith("/fhir")]
    there: set[tuple[str, str]] = set()
    for address in addresses:
        first, _, name = address.removeprefix("/fhir/").rpartition("$")
        kind = first.partition("/")[0]
        chosen = re.search(r"<any\(([^)]*)\)", kind)
        of_types = [one.strip() for one in chosen[1].split(",")] if chosen else [kind if kind[:1].isupper() else ""]
        there |= {(one, name) for one in of_types}
    assert there == named


def test_every_stated_operation_answers(client: FlaskClient, stated: list[tuple[str, Json]]) -> None:
    """Whatever the answer is, it is not that there is no such address."""
    for type_name, one in stated:
        name = one["name"]
        paths = [f"{type_name}/${name}", f"{type_name}/none/${name}"] if type_name else [f"${name}", f"Patient/${name}"]
        told = [client.open(f"/fhir/{path}", method=method) for path in paths for method in ("GET", "POST")]
        known = [answer for answer in told if answer.status_code != 405 and keys(answer) != ["http.not-found"]]
        assert known, (type_name, name)
