"""What is hidden from a caller cannot be told from what is not there: the same answer to every verb, byte for byte."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.api.engine import Engine
from service.fhir.json import encode, parse
from tests.api.backend import bearer, register
from tests.api.conftest import application, closed
from tests.api.rest import bundle, entry, goal, keys, patient

OURS, THEIRS, RECEIVER = "2.999.13.10.1", "2.999.13.10.2", "2.999.13.10.31"
PATCH = "application/json-patch+json"
STEPS = [{"op": "add", "path": "/active", "value": True}]
Ask = Callable[[FlaskClient, str, dict[str, str]], TestResponse]


@pytest.fixture
def app(engine: Engine, tmp_path: Path, url: str) -> Iterator[Flask]:
    one = application(engine, tmp_path, database=url)
    register(one, "ours", OURS, "source")
    register(one, "theirs", THEIRS, "source")
    register(one, "receiver", RECEIVER, "recipient")
    register(one, "admin", "2.999.13.10.9", "admin")
    yield one
    closed(one)


def _sent(method: str, path: str = "{}", body: Any = None, kind: str = "application/fhir+json", **headers: str) -> Ask:
    """A call on the id that stands for `{}`, also in the body."""

    def ask(client: FlaskClient, id_: str, caller: dict[str, str]) -> TestResponse:
        data = None if body is None else encode(body(id_))
        more = {name.replace("_", "-"): value.replace("{}", id_) for name, value in headers.items()}
        address = f"/fhir/Patient/{path}" if not path.startswith("?") and path != "/" else f"/fhir{path}"
        if path.startswith("?"):
            address = f"/fhir/Patient{path}"
        return client.open(
            address.replace("{}", id_), method=method, data=data, headers=caller | more, content_type=kind
        )

    return ask


def _whole(id_: str) -> Any:
    return patient(id=id_, active=True)


def _bundled(kind: str, method: str, resource: Callable[[str], Any] | None = None, url: str = "", **more: str) -> Ask:
    def body(id_: str) -> Any:
        one = entry(method, (url or "Patient/{}").replace("{}", id_), resource and resource(id_), **more)
        return bundle(kind, one)

    return _sent("POST", "/", body)


ASKED: dict[str, Ask] = {
    "read": _sent("GET"),
    "head": _sent("HEAD"),
    "read unless": _sent("GET", If_None_Match='W/"1"'),
    "vread": _sent("GET", "{}/_history/1"),
    "history": _sent("GET", "{}/_history"),
    "everything": _sent("GET", "{}/$everything"),
    "validate": _sent("GET", "{}/$validate"),
    "validate update": _sent("POST", "{}/$validate?mode=update", _whole),
    "validate create": _sent("POST", "{}/$validate?mode=create", _whole),
    "validate delete": _sent("GET", "{}/$validate?mode=delete"),
    "search": _sent("GET", "?_id={}"),
    "count": _sent("GET", "?_id={}&_summary=count&_total=accurate"),
    "update": _sent("PUT", "{}", _whole),
    "update if match": _sent("PUT", "{}", _whole, If_Match='W/"1"'),
    "update if match nonsense": _sent("PUT", "{}", _whole, If_Match="x"),
    "update if none match": _sent("PUT", "{}", _whole, If_None_Match="*"),
    "update without id": _sent("PUT", "{}", lambda _: patient()),
    "update of nonsense": _sent("PUT", "{}", lambda id_: patient(id=id_, gender="x")),
    "update where": _sent("PUT", "?_id={}", _whole),
    "update where by identifier": _sent("PUT", "?identifier=none", _whole),
    "patch": _sent("PATCH", "{}", lambda _: STEPS, PATCH),
    "patch if match": _sent("PATCH", "{}", lambda _: STEPS, PATCH, If_Match='W/"1"'),
    "patch where": _sent("PATCH", "?_id={}", lambda _: STEPS, PATCH),
    "delete": _sent("DELETE"),
    "delete if match": _sent("DELETE", If_Match='W/"1"'),
    "delete where": _sent("DELETE", "?_id={}"),
    **{
        f"{kind}: {name}": ask
        for kind in ("transaction", "batch")
        for name, ask in {
            "update": _bundled(kind, "PUT", _whole),
            "update if match": _bundled(kind, "PUT", _whole, ifMatch='W/"1"'),
            "update if none match": _bundled(kind, "PUT", _whole, ifNoneMatch="*"),
            "update where": _bundled(kind, "PUT", _whole, "Patient?identifier=none"),
            "delete": _bundled(kind, "DELETE"),
            "delete if match": _bundled(kind, "DELETE", ifMatch='W/"1"'),
            "delete where": _bundled(kind, "DELETE", url="Patient?_id={}"),
            "read": _bundled(kind, "GET"),
            "history": _bundled(kind, "GET", url="Patient/{}/_history"),
            "search": _bundled(kind, "GET", url="Patient?_id={}"),
            "reference": _bundled(
                kind, "POST", lambda id_: goal(f"Patient?_id={id_}"), "Goal", ifNoneExist="identifier=none"
            ),
        }.items()
    },
}


def _told(answer: TestResponse, id_: str) -> tuple[Any, ...]:
    """All of an answer that could tell something, with the id that was asked for left out."""
    names = ("ETag", "Location", "Last-Modified", "Allow", "WWW-Authenticate", "Content-Type", "Content-Length")
    headers = {name: answer.headers.get(name) for name in names}
    return answer.status_code, headers, answer.get_data(as_text=True).replace(id_, "ID")


@pytest.mark.parametrize("name", ["theirs", "receiver"])
def test_hidden_is_as_absent(app: Flask, client: FlaskClient, name: str) -> None:
    ours, caller = bearer(app, "ours"), bearer(app, name)
    made = client.post("/fhir/Patient", json=patient(), headers=ours)
    given = made.headers["Location"].split("/")[-3]
    chosen, gone = f"{OURS}-child", f"{OURS}-gone"
    for id_ in (chosen, gone):
        assert client.put(f"/fhir/Patient/{id_}", json=_whole(id_), headers=ours).status_code == 201
    assert client.delete(f"/fhir/Patient/{gone}", headers=ours).status_code == 204
    admin = bearer(app, "admin")
    assert client.put("/fhir/Patient/plain", json=_whole("plain"), headers=admin).status_code == 201
    pairs = [(given, str(uuid.uuid4())), (chosen, f"{OURS}-other"), (gone, f"{OURS}-none"), ("plain", "other")]
    for what, ask in ASKED.items():
        for hidden, free in pairs:
            found, absent = _told(ask(client, hidden, caller), hidden), _told(ask(client, free, caller), free)
            assert found == absent, (what, hidden)
    for id_ in (given, chosen):
        assert parse(client.get(f"/fhir/Patient/{id_}", headers=ours).data)["meta"]["versionId"] == "1"


def test_conditions_do_not_meet_what_is_hidden(app: Flask, client: FlaskClient) -> None:
    ours, theirs = bearer(app, "ours"), bearer(app, "theirs")
    id_ = f"{OURS}-child"
    client.put(f"/fhir/Patient/{id_}", json=patient(id=id_, birthDate="2020-01-01"), headers=ours)
    for condition in (f"_id={id_}", "birthdate=2020-01-01"):
        made = client.post("/fhir/Patient", json=patient(), headers=theirs | {"If-None-Exist": condition})
        assert made.status_code == 201
        sent = bundle("transaction", entry("POST", "Patient", patient(), ifNoneExist=condition))
        done = parse(client.post("/fhir", json=sent, headers=theirs).data)
        assert done["entry"][0]["response"]["status"] == "201 Created"
    assert client.put("/fhir/Patient?birthdate=2020-01-01", json=patient(), headers=theirs).status_code == 201


def test_ids_of_ones_own(app: Flask, client: FlaskClient) -> None:
    """An id that begins with the organisation's OID can be chosen; the refusal of another says how."""
    theirs = bearer(app, "theirs")
    id_ = f"{THEIRS}-child"
    assert client.put(f"/fhir/Patient/{id_}", json=_whole(id_), headers=theirs).status_code == 201
    assert client.put(f"/fhir/Patient/{id_}", json=patient(id=id_), headers=theirs).status_code == 200
    sent = bundle("transaction", entry("PUT", f"Goal/{THEIRS}-g", goal(f"Patient/{id_}", id=f"{THEIRS}-g")))
    assert client.post("/fhir", json=sent, headers=theirs).status_code == 200
    for other in ("child", f"{OURS}-child", f"{THEIRS}1-child", str(uuid.uuid4())):
        answer = client.put(f"/fhir/Patient/{other}", json=_whole(other), headers=theirs)
        assert (answer.status_code, keys(answer)) == (404, ["store.id-not-own"]), other
        assert f"{THEIRS}-" in answer.get_data(as_text=True)
    assert client.delete(f"/fhir/Patient/{id_}", headers=theirs).status_code == 204
    assert client.delete(f"/fhir/Patient/{id_}", headers=theirs).status_code == 204


def test_any_id_where_the_installation_says_so(engine: Engine, tmp_path: Path) -> None:
    one = application(engine, tmp_path, client_ids="any")
    register(one, "theirs", THEIRS, "source")
    with one.test_client() as client:
        assert client.put("/fhir/Patient/p", json=_whole("p"), headers=bearer(one, "theirs")).status_code == 201
    closed(one)
