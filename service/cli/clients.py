"""`yhdessa clients`: who may get tokens. https://hl7.org/fhir/smart-app-launch/backend-services.html"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy import Connection

from service.api.scopes import read_scopes
from service.cli.db import DATA, URL, checked
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.clock import now
from service.fhir.json import pretty
from service.issues import issue
from service.store import clients
from service.store.clients import ROLES, Client
from service.store.values import instant, micros
from service.tokens import KeysError, key_set, new_key

T = TypeVar("T")
SCOPES = {
    "source": "system/*.cruds",
    "recipient": "system/*.rs",
    "archive": "system/*.rs",
    "admin": "system/*.cruds",
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){2,}")
JWKS = click.option("--jwks", help="File with the client's public keys (JWK Set), or their https address.")
NEW_KEY = click.option(
    "--new-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Make a key for the client: its private half is written to this file (JWK), only here.",
)


@click.group()
def command() -> None:
    """Register the clients that may ask for tokens."""


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--organisation", required=True, help="OID of the organisation the client works for.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What it is here.")
@click.option("--scope", "scopes", multiple=True, help="Most it may ask for; may be repeated.  [default: by role]")
@JWKS
@NEW_KEY
@DATA
@URL
def add(
    id_: str,
    organisation: str,
    role: clients.Role,
    scopes: tuple[str, ...],
    jwks: str | None,
    new_key: Path | None,
    data: Path | None,
    database: str | None,
) -> None:
    """Register the client ID with its keys."""
    oid = organisation.removeprefix("urn:oid:")
    most = " ".join(scopes) or SCOPES[role]
    _check(_ID.fullmatch(id_), id_, "id", "letters, digits, `.`, `_`, `-`, at most 64")
    _check(_OID.fullmatch(oid), organisation, "organisation", "an OID, for example `1.2.246.10.1234567.10.0`")
    _check(read_scopes(most), most, "scope", "for example `system/CarePlan.rs`")
    keys, url = _keys(jwks, new_key, id_)
    one = Client(id_, oid, role, most, keys, url)
    if not _write(data, database, lambda connection: clients.add(connection, one, micros(now()))):
        raise CouldNotRun(issue("auth.client-exists", id=id_))
    click.echo(f"{id_} {role} {oid} {most}")


@command.command(name="list")
@DATA
@URL
@JSON
def list_command(data: Path | None, database: str | None, as_json: bool) -> None:
    """Every client, also revoked ones."""
    found = [_row(one) for one in _write(data, database, clients.everyone)]
    if as_json:
        click.echo(pretty(found))
        return
    for row in found:
        state = f"revoked {row['revoked']}" if row["revoked"] else "in use"
        click.echo(f"{row['id']}  {row['role']}  {row['organisation']}  {row['scopes']}  {row['keys']}  {state}")


@command.command()
@click.argument("id_", metavar="ID")
@JWKS
@NEW_KEY
@DATA
@URL
def rotate(id_: str, jwks: str | None, new_key: Path | None, data: Path | None, database: str | None) -> None:
    """Give the client ID other keys; what was signed with the old ones is refused within seconds."""
    keys, url = _keys(jwks, new_key, id_)
    if not _write(data, database, lambda connection: clients.rotate(connection, id_, keys, url, micros(now()))):
        raise CouldNotRun(issue("auth.client-unknown", id=id_))
    click.echo(id_)


@command.command()
@click.argument("id_", metavar="ID")
@DATA
@URL
def revoke(id_: str, data: Path | None, database: str | None) -> None:
    """Let the client ID in no more; its tokens are refused within seconds."""
    if not _write(data, database, lambda connection: clients.revoke(connection, id_, micros(now()))):
        raise CouldNotRun(issue("auth.client-unknown", id=id_))
    click.echo(id_)


def _check(good: object, value: str, what: str, expected: str) -> None:
    if not good:
        raise CouldNotRun(issue("auth.client-value", value=value, what=what, expected=expected))


def _keys(jwks: str | None, new_key: Path | None, id_: str) -> tuple[str | None, str | None]:
    """The JWK Set, or its address."""
    if (jwks is None) == (new_key is None):
        raise click.UsageError("Give either --jwks or --new-key.")
    if new_key is not None:
        return _made(new_key, id_), None
    text = str(jwks)
    if text.startswith(("https://", "http://")):
        return None, text
    try:
        key_set(found := Path(text).read_text("utf-8"))
    except KeysError as error:
        raise CouldNotRun(issue("auth.keys", reason=error.reason)) from None
    return found, None


def _made(file: Path, id_: str) -> str:
    """The public half of a new key whose private half is in `file`, for its owner's eyes only."""
    key = new_key(f"{id_}-{now():%Y%m%d%H%M%S}")
    # Some clients take no key that does not say what it is for: RFC 7517 4.3 and 4.4.
    private = key.as_dict(private=True, alg="ES384", key_ops=["sign"])
    public = key.as_dict(private=False, alg="ES384", key_ops=["verify"])
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(private, stream)
    return json.dumps({"keys": [public]})


def _write(data: Path | None, database: str | None, work: Callable[[Connection], T]) -> T:
    with checked(data, database, new=True) as one:
        return one.write(work)


def _row(one: Client) -> dict[str, Any]:
    return {
        "id": one.id,
        "role": one.role,
        "organisation": one.organisation,
        "scopes": one.scopes,
        "keys": one.jwks_url or ", ".join(key["kid"] for key in json.loads(one.jwks or '{"keys": []}')["keys"]),
        "created": instant(one.created),
        "changed": instant(one.changed),
        "revoked": None if one.revoked is None else instant(one.revoked),
    }
