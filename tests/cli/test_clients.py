"""`yhdessa db`, `clients`, `audit`; and what `serve` refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cli.db import checked
from service.cli.failures import CouldNotRun
from service.cli.serve import refuse
from service.config import load
from service.store import clients, schema
from service.store.engine import FILE

KEY = "k" * 40


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def _kept(data: Path) -> str:
    """The keys of the only client."""
    with checked(data, None) as database, database.read() as connection:
        (one,) = clients.everyone(connection)
    return one.jwks or ""


def test_the_life_of_a_client(tmp_path: Path) -> None:
    data, key = ("--data", str(tmp_path)), tmp_path / "key.json"
    who = ("--organisation", "urn:oid:2.999.13.10.1", "--role", "source")
    run("clients", "add", "kunta-1", *who, "--new-key", str(key), *data)
    assert key.stat().st_mode & 0o777 == 0o600
    private = json.loads(key.read_text())
    listed = json.loads(run("clients", "list", "--json", *data))
    assert [(one["id"], one["organisation"], one["role"], one["keys"], one["revoked"]) for one in listed] == [
        ("kunta-1", "2.999.13.10.1", "source", private["kid"], None)
    ]
    assert (private["alg"], private["key_ops"]) == ("ES384", ["sign"])
    (public,) = json.loads(_kept(tmp_path))["keys"]
    assert public == {name: value for name, value in private.items() if name != "d"} | {"key_ops": ["verify"]}
    assert "d" in private and private["d"] not in (tmp_path / FILE).read_bytes().decode("latin-1")
    run("clients", "add", "kunta-1", *who, "--new-key", str(tmp_path / "more.json"), *data, code=3)
    run("clients", "rotate", "kunta-1", "--jwks", "https://keys.example/jwks.json", *data)
    assert "https://keys.example/jwks.json" in run("clients", "list", *data)
    run("clients", "revoke", "kunta-1", *data)
    assert "revoked" in run("clients", "list", *data)
    run("clients", "revoke", "kunta-1", *data, code=3)
    run("clients", "rotate", "kunta-1", "--jwks", "https://keys.example/jwks.json", *data, code=3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a b", "--organisation", "2.999.1", "--role", "source"], "a b"),
        (["x", "--organisation", "Kunta", "--role", "source"], "Kunta"),
        (["x", "--organisation", "2.999.1", "--role", "source", "--scope", "all"], "all"),
    ],
)
def test_what_cannot_be_a_client(tmp_path: Path, arguments: list[str], said: str) -> None:
    output = run("clients", "add", *arguments, "--new-key", str(tmp_path / "k"), "--data", str(tmp_path), code=3)
    assert f"`{said}`" in output
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    "keys", ['{"keys":[]}', "[]", "x", '{"keys":[{"kty":"oct","k":"x","kid":"1"}]}', '{"keys":[1]}']
)
def test_keys_that_cannot_be_used(tmp_path: Path, keys: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(keys)
    who = ("--organisation", "2.999.1", "--role", "source")
    output = run("clients", "add", "x", *who, "--jwks", str(file), "--data", str(tmp_path), code=3)
    assert "JWK" in output


def test_upgrade_and_verify(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    run("audit", "verify", *data, code=3)
    assert schema.head() in run("db", "upgrade", *data)
    assert run("db", "upgrade", *data).strip() == schema.head()
    assert run("audit", "verify", *data).startswith("0 ")
    told = json.loads(run("audit", "verify", "--json", "--head", "00" * 32, *data, code=1))
    assert told["outcome"]["issue"][0]["severity"] == "fatal"


def test_a_public_address_needs_a_key_clients_and_a_name(tmp_path: Path) -> None:
    open_ = {"host": "0.0.0.0", "port": 0, "data": tmp_path}
    for more, key in (
        ({}, "cli.test-key"),
        ({"id_key": KEY}, "cli.public-without-auth"),
    ):
        with pytest.raises(CouldNotRun) as error:
            refuse(load(**open_ | more))
        assert error.value.issues[0].key == key
    who = ("--organisation", "2.999.1", "--role", "source")
    run("clients", "add", "x", *who, "--jwks", "https://keys.example/jwks.json", "--data", str(tmp_path))
    with pytest.raises(CouldNotRun) as error:
        refuse(load(**open_, id_key=KEY))
    assert error.value.issues[0].key == "cli.public-without-base-url"
    refuse(load(**open_, id_key=KEY, base_url="https://fhir.example"))
    run("clients", "revoke", "x", "--data", str(tmp_path))
    with pytest.raises(CouldNotRun):
        refuse(load(**open_, id_key=KEY, base_url="https://fhir.example"))
