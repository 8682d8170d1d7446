"""Tokens: how a client gets one, what is refused, what a token opens."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, RSAKey

from service.api.engine import Engine
from service.fhir.json import parse
from service.store import clients
from service.tokens import peek, sign
from tests.api.backend import EC, OTHER, ROOT, RSA, ask, assertion, bearer, public, register, store_of
from tests.api.conftest import NOON, application, closed
from tests.api.rest import keys, patient

OURS, THEIRS = "2.999.13.10.1", "2.999.13.10.2"


class Moving:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def app(engine: Engine, tmp_path: Path, url: str, clock: Moving) -> Iterator[Flask]:
    one = application(engine, tmp_path, clock, database=url)
    register(one, "kunta-1", OURS, "source")
    yield one
    closed(one)


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES384", "RS384"])
def test_a_client_gets_a_token_and_is_let_in(app: Flask, client: FlaskClient, key: ECKey | RSAKey) -> None:
    assert client.get("/fhir/Patient").status_code == 401
    answer = ask(client, assertion(app, "kunta-1", key), "system/Patient.cruds")
    assert answer.status_code == 200, answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    token = json.loads(answer.data)
    assert (token["token_type"], token["scope"], token["expires_in"]) == ("bearer", "system/Patient.cruds", 300)
    header = {"Authorization": f"Bearer {token['access_token']}"}
    assert client.post("/fhir/Patient", json=patient(), headers=header).status_code == 201
    assert parse(client.get("/fhir/Patient", headers=header).data)["total"] == 1
    refused = client.get("/fhir/Goal", headers=header)
    assert (refused.status_code, keys(refused)) == (403, ["auth.scope"])


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"aud": "https://other.example/auth/token"},
        {"aud": None},
        {"exp": int(NOON.timestamp()) - 1},
        {"exp": int(NOON.timestamp()) + 3600},
        {"exp": None},
        {"exp": "soon"},
        {"jti": None},
        {"jti": 7},
        {"nbf": int(NOON.timestamp()) + 600},
    ],
    ids=str,
)
def test_assertions_that_are_not_good(app: Flask, client: FlaskClient, changed: dict[str, Any]) -> None:
    answer = ask(client, assertion(app, "kunta-1", **changed))
    assert (answer.status_code, json.loads(answer.data)["error"]) == (401, "invalid_client")


def test_wrong_keys_and_algorithms(app: Flask, client: FlaskClient) -> None:
    good = assertion(app, "kunta-1")
    head, claims, signature = good.split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoiZWMtMSJ9." + claims + "."
    strangers = ECKey.generate_key("P-384", {"kid": "not-there"}, private=True)
    for bad in (
        assertion(app, "kunta-1", OTHER),
        assertion(app, "kunta-1", strangers),
        assertion(app, "kunta-1", RSA, "RS256"),
        none,
        f"{head}.{claims}.{signature[:-4]}AAAA",
        "a.b.c",
        "x",
    ):
        answer = ask(client, bad)
        assert (answer.status_code, json.loads(answer.data)["error"]) == (401, "invalid_client")


def test_an_assertion_is_good_once(app: Flask, client: FlaskClient) -> None:
    signed = assertion(app, "kunta-1")
    assert ask(client, signed).status_code == 200
    again = ask(client, signed)
    assert (again.status_code, json.loads(again.data)["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "x"}, "invalid_request"),
        ({"client_assertion": ""}, "invalid_request"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "system/Patient.rs?name=x"}, "invalid_scope"),
        ({"scope": "patient/*.rs"}, "invalid_scope"),
        ({"scope": "system/Patient.sr"}, "invalid_scope"),
    ],
)
def test_requests_that_are_not_good(app: Flask, client: FlaskClient, changed: dict[str, str], error: str) -> None:
    answer = ask(client, assertion(app, "kunta-1"), **changed)
    assert (answer.status_code, json.loads(answer.data)["error"]) == (400, error)


def test_scopes_are_narrowed_to_what_the_client_may(app: Flask, client: FlaskClient) -> None:
    register(app, "reader", OURS, "source", "system/Patient.rs system/Goal.cruds")
    answers = {
        asked: json.loads(ask(client, assertion(app, "reader"), asked).data).get("scope")
        for asked in (
            "system/*.cruds",
            "system/Patient.read",
            "system/Goal.write",
            "system/Task.rs",
            "system/Patient.*",
        )
    }
    assert answers == {
        "system/*.cruds": "system/Patient.rs system/Goal.cruds",
        "system/Patient.read": "system/Patient.rs",
        "system/Goal.write": "system/Goal.cud",
        "system/Task.rs": None,
        "system/Patient.*": "system/Patient.rs",
    }


def test_tokens_end(app: Flask, client: FlaskClient, clock: Moving) -> None:
    header = bearer(app, "kunta-1")
    assert client.get("/fhir/Patient", headers=header).status_code == 200
    clock.at += timedelta(seconds=301)
    ended = client.get("/fhir/Patient", headers=header)
    assert (ended.status_code, keys(ended)) == (401, ["auth.token-expired"])
    assert 'error="invalid_token"' in ended.headers["WWW-Authenticate"]


def test_tokens_that_are_not_ours(app: Flask, client: FlaskClient) -> None:
    good = bearer(app, "kunta-1")["Authorization"]
    _, claims = peek(good.removeprefix("Bearer "))
    forged = sign(claims, OTHER)
    other = sign(claims | {"iss": "https://other.example"}, EC)
    for bad in (f"Bearer {forged}", f"Bearer {other}", "Bearer x", f"{good}x", "Basic a2F0OmthdA==", "Bearer"):
        answer = client.get("/fhir/Patient", headers={"Authorization": bad})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_client_is_out(engine: Engine, tmp_path: Path, app: Flask) -> None:
    header = bearer(app, "kunta-1")
    assert store_of(app).database.write(lambda connection: clients.revoke(connection, "kunta-1", 1))
    app.extensions["yhdessa-authority"]._clients.clear()
    with app.test_client() as client:
        assert client.get("/fhir/Patient", headers=header).status_code == 401
        assert ask(client, assertion(app, "kunta-1")).status_code == 401
        # The last client is gone, and still nobody is let in without a token.
        assert client.get("/fhir/Patient").status_code == 401


def test_other_keys_after_a_rotation(app: Flask, client: FlaskClient) -> None:
    new = ECKey.generate_key("P-384", {"kid": "ec-2"}, private=True)
    assert store_of(app).database.write(lambda one: clients.rotate(one, "kunta-1", public(new), None, 1))
    assert ask(client, assertion(app, "kunta-1")).status_code == 401
    assert ask(client, assertion(app, "kunta-1", new)).status_code == 200


def test_the_configuration_is_what_smart_wants(app: Flask, client: FlaskClient) -> None:
    found = json.loads(client.get("/.well-known/smart-configuration").data)
    assert found == json.loads(client.get("/fhir/.well-known/smart-configuration").data)
    assert found["token_endpoint"] == f"{ROOT}/auth/token"
    assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
    assert "client-confidential-asymmetric" in found["capabilities"]
    published = json.loads(client.get("/.well-known/jwks.json").data)["keys"][0]
    assert (published["kty"], published["crv"], "d" in published) == ("EC", "P-384", False)
    statement = parse(client.get("/fhir/metadata").data)
    assert statement["rest"][0]["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"


def test_tokens_of_another_server(engine: Engine, tmp_path: Path) -> None:
    issuer, audience = "https://auth.region.example", "https://fhir.region.example/fhir"
    (tmp_path / "keys.json").write_text(public(OTHER), "utf-8")
    (tmp_path / "issuers.toml").write_text(
        f'[[issuer]]\nissuer = "{issuer}"\naudience = "{audience}"\njwks = "keys.json"\nrole = "source"\n', "utf-8"
    )
    app = application(engine, tmp_path)
    now = int(NOON.timestamp())
    claims = {"iss": issuer, "aud": [audience], "exp": now + 60, "client_id": "ehr", "scope": "openid system/*.cruds"}
    with app.test_client() as client:
        assert client.get("/fhir/Patient").status_code == 401
        for more, status in (
            ({"organisation": OURS}, 200),
            ({}, 401),
            ({"organisation": OURS, "aud": "https://else.example"}, 401),
            ({"organisation": OURS, "exp": now - 1}, 401),
            ({"organisation": OURS, "scope": "openid"}, 403),
        ):
            token = sign(claims | more, OTHER)
            answer = client.get("/fhir/Patient", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status, more
    closed(app)


def test_too_many_requests(engine: Engine, tmp_path: Path) -> None:
    app = application(engine, tmp_path, rate=1)
    register(app, "kunta-1", OURS, "source")
    header = bearer(app, "kunta-1")
    with app.test_client() as client:
        answers = [client.get("/fhir/Patient", headers=header) for _ in range(11)]
    assert [one.status_code for one in answers[:10]] == [200] * 10
    assert (answers[10].status_code, keys(answers[10])) == (429, ["auth.rate"])
    assert answers[10].headers["Retry-After"] == "1"
    closed(app)


def test_without_clients_only_this_machine_is_served(engine: Engine, tmp_path: Path) -> None:
    app = application(engine, tmp_path)
    with app.test_client() as client:
        assert client.get("/fhir/Patient").status_code == 200
        for host in ("fhir.example.org", "10.0.0.1:8080"):
            answer = client.get("/fhir/Patient", headers={"Host": host})
            assert (answer.status_code, keys(answer)) == (403, ["auth.host"])
        assert client.get("/fhir/Patient", headers={"Host": "[::1]:8080"}).status_code == 200
    closed(app)
    public_ = application(engine, tmp_path, host="0.0.0.0")
    with public_.test_client() as client:
        assert client.get("/fhir/Patient").status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/ready").status_code == 200
    closed(public_)


def test_the_signing_key_is_for_its_owner_only(app: Flask, tmp_path: Path) -> None:
    bearer(app, "kunta-1")
    assert (tmp_path / "token-key.pem").stat().st_mode & 0o777 == 0o600
