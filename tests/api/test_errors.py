"""Every error is an OperationOutcome with a key, in the caller's language, and nothing of a person in it."""

import logging
import tomllib
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.errors import STATUS
from service.api.logs import configure, redact, without
from service.fhir.json import parse
from service.issues import ISSUE_KEY_SYSTEM, kinds
from tests.shared import ROOT

JSON = "application/json"


def key(answer: Any) -> str:
    """The key of the first issue; asserts the one shape of an error."""
    assert answer.mimetype == "application/fhir+json"
    outcome = parse(answer.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["severity"] in ("error", "fatal")
    coding = outcome["issue"][0]["details"]["coding"][0]
    assert coding["system"] == ISSUE_KEY_SYSTEM
    return str(coding["code"])


def test_every_kind_has_a_status() -> None:
    rows = tomllib.loads((ROOT / "service" / "texts" / "http.toml").read_text("utf-8"))
    assert {f"http.{name}" for name in rows} == {name for name in STATUS if name.startswith("http.")}
    assert set(STATUS) <= set(kinds())


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "expected"),
    [
        ("GET", "/nowhere", {}, 404, "http.not-found"),
        ("GET", "/fhir/Patient/1", {}, 404, "store.not-found"),
        ("DELETE", "/documents", {}, 405, "http.method"),
        ("DELETE", "/fhir/metadata", {}, 405, "http.method"),
        ("POST", "/documents", {"data": b"<a/>", "content_type": "application/xml"}, 415, "http.media-type"),
        ("POST", "/documents", {"data": b"{}"}, 415, "http.media-type"),
        ("POST", "/documents", {"data": b"{}", "content_type": f"{JSON}; charset=latin-1"}, 415, "http.media-type"),
        ("POST", "/documents", {"data": b"", "content_type": JSON}, 400, "json.empty"),
        ("POST", "/documents", {"data": b"", "content_type": "application/x-ndjson"}, 400, "json.empty"),
        ("POST", "/documents", {"data": b'{"a":1,"a":2}', "content_type": JSON}, 400, "json.duplicate-key"),
        ("POST", "/documents", {"data": b'{"a":NaN}', "content_type": JSON}, 400, "json.not-a-number"),
        ("POST", "/documents", {"data": b'{"a":"\\ud800"}', "content_type": JSON}, 400, "json.surrogate"),
        ("POST", "/documents", {"data": b"[" * 200 + b"]" * 200, "content_type": JSON}, 400, "json.too-deep"),
        ("POST", "/documents", {"data": b" " * 2_000_001, "content_type": JSON}, 413, "http.too-long"),
        ("POST", "/documents", {"json": {}, "headers": {"Accept": "text/html"}}, 406, "http.not-acceptable"),
        ("POST", "/documents?_format=xml", {"json": {}}, 406, "http.not-acceptable"),
        ("POST", "/documents?dry-run=maybe", {"json": {}}, 400, "http.parameter-value"),
        ("POST", "/documents?dryrun=true", {"json": {}}, 400, "http.parameter-unknown"),
        ("GET", "/fhir/metadata", {"headers": {"Accept": "application/xml"}}, 406, "http.not-acceptable"),
        ("GET", "/fhir/metadata?mode=x", {}, 400, "http.parameter-value"),
        ("POST", "/fhir/$validate", {"json": []}, 400, "http.not-a-resource"),
        ("POST", "/fhir/$validate", {"data": b"{", "content_type": JSON}, 400, "json.syntax"),
        ("POST", "/fhir/Patient/$validate", {"json": {"resourceType": "Goal"}}, 400, "http.wrong-type"),
        ("POST", "/fhir/Nothing/$validate", {"json": {"resourceType": "Nothing"}}, 404, "http.unknown-type"),
    ],
)
def test_errors(
    client: FlaskClient, method: str, path: str, arguments: dict[str, Any], status: int, expected: str
) -> None:
    answer = client.open(path, method=method, **arguments)
    assert (answer.status_code, key(answer)) == (status, expected)


def test_405_says_what_is_possible(client: FlaskClient) -> None:
    assert "POST" in client.delete("/documents").headers["Allow"]


@pytest.mark.parametrize(
    ("accepted", "word"), [("fi-FI,fi;q=0.9", "osoitteessa"), ("sv", "adressen"), ("de", "address")]
)
def test_the_caller_chooses_the_language(client: FlaskClient, accepted: str, word: str) -> None:
    text = parse(client.get("/x", headers={"Accept-Language": accepted}).data)["issue"][0]["details"]["text"]
    assert word in text


def test_a_fault_of_ours_is_a_reference_number(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from service.api import documents

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no place for Virtanen 150318A9125 in Kotka")

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.getLogger().level)
    configure("info")
    monkeypatch.setattr(documents, "accept", broken)
    document = {"name": "Ville Virtanen", "hetu": "150318A9125", "city": "Kotka"}
    answer = app.test_client().post("/documents", json=document)
    assert (answer.status_code, key(answer)) == (500, "http.internal")
    text = answer.get_data(as_text=True)
    logged = capfd.readouterr().err
    for secret in ("Virtanen", "150318A9125", "Kotka", "ValueError", "Traceback", ".py"):
        assert secret not in text
    for secret in ("Virtanen", "150318A9125", "Kotka"):
        assert secret not in logged
    reference = parse(answer.data)["issue"][0]["details"]["text"].split("`")[1]
    assert reference in logged
    assert "ValueError" in logged
    # Such a message may quote anything, also what stands in the database.
    assert "no place for" not in logged


def test_a_message_about_the_program_is_kept_without_what_was_sent(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("no 'Virtanen' for 150318A9125 in int")

    from service.api import documents

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.getLogger().level)
    configure("info")
    monkeypatch.setattr(documents, "accept", broken)
    app.test_client().post("/documents", json={"name": "Ville Virtanen"})
    logged = capfd.readouterr().err
    assert "no '…' for ******-**** in int" in logged


def test_redaction() -> None:
    event = {"event": "saw 150318A9125", "name": "Ville", "rows": [{"family": "Virtanen", "n": 1}, "150318A9125"]}
    shown = redact(event)
    assert "150318A9125" not in str(shown)
    assert "Virtanen" not in str(shown)
    assert shown["name"] == "…"
    assert without("Ville Virtanen, age 7", {"name": ["Ville Virtanen"]}) == "…, age 7"


def test_headers(client: FlaskClient) -> None:
    for answer in (client.get("/health"), client.get("/nowhere")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Accept-Language" in answer.headers["Vary"]


def test_request_ids(client: FlaskClient) -> None:
    assert client.get("/health", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    for bad in ("150318A9125", "Virtanen", "a b", "x1" * 33, ""):
        made = client.get("/health", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made not in ("", bad)


def test_no_path_is_echoed(client: FlaskClient) -> None:
    assert "Virtanen" not in client.get("/fhir/Patient/Virtanen").get_data(as_text=True)
