"""A backend service as the tests play it: keys, assertions, tokens."""

import json
import uuid
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.test import TestResponse

from service.store import Store, clients
from service.store.clients import Client, Role

ROOT = "http://localhost"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EC = ECKey.generate_key("P-384", {"kid": "ec-1"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"}, private=True)
OTHER = ECKey.generate_key("P-384", {"kid": "ec-1"}, private=True)


def public(*keys: ECKey | RSAKey) -> str:
    return json.dumps({"keys": [one.as_dict(private=False) for one in keys]})


def store_of(app: Flask) -> Store:
    found: Store = app.extensions["yhdessa-store"]
    return found


def register(app: Flask, id_: str, organisation: str, role: Role, scopes: str = "system/*.cruds", **more: Any) -> None:
    given = {"jwks": public(EC, RSA), "jwks_url": None} | more
    one = Client(id_, organisation, role, scopes, **given)
    assert store_of(app).database.write(lambda connection: clients.add(connection, one, 0))


def assertion(app: Flask, id_: str, key: ECKey | RSAKey = EC, alg: str | None = None, **changed: Any) -> str:
    """A signed assertion; what is given in `changed` stands instead, None leaves it out."""
    now = moment(app).timestamp()
    claims = {"iss": id_, "sub": id_, "aud": f"{ROOT}/auth/token", "exp": int(now) + 240, "jti": str(uuid.uuid4())}
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    header = {"alg": alg or ("ES384" if isinstance(key, ECKey) else "RS384"), "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key, algorithms=["ES384", "RS384", "RS256", "ES256"])


def moment(app: Flask) -> datetime:
    found: datetime = app.extensions["yhdessa-clock"]()
    return found


def ask(client: FlaskClient, signed: str, scope: str = "system/*.cruds", **changed: str) -> TestResponse:
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION,
        "client_assertion": signed,
    }
    return client.post("/auth/token", data=form | changed)


def bearer(app: Flask, id_: str, scope: str = "system/*.cruds") -> dict[str, str]:
    """The header with a new token of a client."""
    with app.test_client() as client:
        answer = ask(client, assertion(app, id_), scope)
    assert answer.status_code == 200, answer.data
    return {"Authorization": f"Bearer {json.loads(answer.data)['access_token']}"}
