"""`POST /auth/token`: a registered client proves who it is with a signed assertion and gets a short-lived token.

https://hl7.org/fhir/smart-app-launch/backend-services.html, https://www.rfc-editor.org/rfc/rfc6749#section-5.2
"""

import uuid
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, current_app, request

from service.api import auditing
from service.api.answers import answer, body
from service.api.auth import authority
from service.api.call import call
from service.api.caller import Caller
from service.api.context import base, root, store
from service.api.scopes import granted, read_scopes
from service.fetching import FetchError
from service.store import clients
from service.store.audit import record
from service.store.clients import Client
from service.store.writing import Writing
from service.tokens import KeysError, TokenError, peek, sign, verify

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
LONGEST = 300

blueprint = Blueprint("token", __name__)


class _Wrong(Exception):
    """An error of RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@blueprint.post("/auth/token")
def token() -> Response:
    auditing.begin("login", "E")
    try:
        form = _form()
        one, claims = _client(form)
        call().caller = Caller(one.id, one.organisation, one.role, ())
        scope = _scope(form, one)
        _use_once(one, claims)
    except _Wrong as wrong:
        auditing.use().keys = (wrong.error,)
        response = answer({"error": wrong.error, "error_description": wrong.description}, wrong.status)
        response.headers["Pragma"] = "no-cache"
        return response
    auditing.use().is_recorded = True
    response = answer(_issued(one, scope))
    response.headers["Pragma"] = "no-cache"
    return response


def _form() -> dict[str, str]:
    text = body()
    if request.mimetype.lower() != FORM or len(text) > 100_000:
        raise _Wrong("invalid_request", f"Send the parameters as {FORM}.")
    pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) < len(pairs):
        raise _Wrong("invalid_request", "A parameter is given twice.")
    if "grant_type" not in form:
        raise _Wrong("invalid_request", "grant_type is missing.")
    if form["grant_type"] != "client_credentials":
        raise _Wrong("unsupported_grant_type", "The only grant type here is client_credentials.")
    if form.get("client_assertion_type") != ASSERTION or not form.get("client_assertion"):
        raise _Wrong("invalid_request", f"client_assertion and client_assertion_type {ASSERTION} are needed.")
    return form


def _client(form: dict[str, str]) -> tuple[Client, dict[str, Any]]:
    """The client whose assertion it is, and what it says. Whoever is not known is told the same as one who errs."""
    assertion = form["client_assertion"]
    try:
        header, peeked = peek(assertion)
        id_ = peeked.get("sub")
        one = authority().client(id_) if isinstance(id_, str) and id_ else None
        if one is None or form.get("client_id", one.id) != one.id:
            raise TokenError("the client is not registered")
        if header.get("jku", one.jwks_url) != one.jwks_url:
            raise TokenError("`jku` is not where the client's keys are registered to be")
        keys = authority().keys_of(one, header.get("kid"))
        now = current_app.extensions["yhdessa-clock"]().timestamp()
        url = f"{root()}/auth/token"
        claims = verify(assertion, keys, now, issuer=one.id, audience=frozenset({url}))
        if claims["exp"] > now + LONGEST + 5:
            raise TokenError("`exp` is more than five minutes ahead")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            raise TokenError("`jti` is missing")
    except (TokenError, KeysError, FetchError) as error:
        reason = error.reason if isinstance(error, TokenError) else "its keys cannot be had"
        raise _Wrong("invalid_client", f"The assertion cannot be used: {reason}.", 401) from None
    return one, claims


def _scope(form: dict[str, str], one: Client) -> str:
    asked = read_scopes(form.get("scope", ""))
    if not asked:
        raise _Wrong("invalid_scope", "Ask for scopes like system/CarePlan.rs or system/*.cruds.")
    types = store().parameters.definitions.types()
    if any(scope.type != "*" and types.get(scope.type) != "resource" for scope in asked):
        raise _Wrong("invalid_scope", "One of the scopes names no resource type of FHIR R4.")
    found = granted(asked, read_scopes(one.scopes) or ())
    if not found:
        raise _Wrong("invalid_scope", "The client may have none of these scopes.")
    return " ".join(map(str, found))


def _use_once(one: Client, claims: dict[str, Any]) -> None:
    """Note the assertion and log the token in one transaction."""
    by = call().caller

    def work(tx: Writing) -> bool:
        # Kept a little longer than the assertion is good, as clocks differ.
        expires = int(claims["exp"] + 60) * 1_000_000
        fresh = clients.use_once(tx.connection, one.id, claims["jti"], expires, tx.now)
        if fresh:
            record(tx.connection, [auditing.event()], tx.moment)
        return fresh

    if not store().write(by.author, by.who, work):
        raise _Wrong("invalid_client", "The assertion was used before. Sign a new one with another jti.", 401)


def _issued(one: Client, scope: str) -> dict[str, Any]:
    now = int(current_app.extensions["yhdessa-clock"]().timestamp())
    seconds = authority().settings.token_seconds
    claims = {
        "iss": root(),
        "sub": one.id,
        "aud": base(),
        "iat": now,
        "exp": now + seconds,
        "jti": str(uuid.uuid4()),
        "scope": scope,
    }
    signed = sign(claims, authority().key)
    return {"access_token": signed, "token_type": "bearer", "expires_in": seconds, "scope": scope}
