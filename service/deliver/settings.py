"""Receivers' files: one TOML file each, read strictly; a secret is never in it, only where to find it."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.deliver.receivers import KINDS
from service.deliver.receivers.base import Auth, Limits, ReceiverSettings, Retries
from service.deliver.transport import encrypted
from service.drops import KINDS as DROPS
from service.drops import options_of as drop_options
from service.issues import Issue, issue
from service.strict_toml import Key, Reader, read_toml

SECTORS = ("health", "social", "early-education", "school", "archive", "other")

_TLS = {
    "authority": Key(
        "file", "File with the certificates (PEM) of the authorities that sign the receiver's. Unset: the public ones."
    ),
    "pinned": Key("file", "File with the receiver's own certificate (PEM), or several: nothing else is accepted."),
    "certificate_file": Key("file", "File with our own certificate (PEM), for receivers that ask for one (mTLS)."),
    "key_file": Key("file", "File with its private key (PEM)."),
    "passphrase_env": Key("text", "Variable that holds the passphrase of that key."),
    "passphrase_file": Key("file", "File that holds it."),
    "proxy": Key("text", "Proxy to go through, as `http://proxy.example:3128`. The environment's is never used."),
}
AUTH: Mapping[str, Mapping[str, Key]] = {
    "none": _TLS,
    "bearer": {
        "token_env": Key("text", "Variable that holds the access token."),
        "token_file": Key("file", "File that holds it; read again when the receiver refuses the one we have."),
        **_TLS,
    },
    "smart": {
        "client_id": Key("text", "Who we are to the authorization server.", required=True),
        "private_key_env": Key("text", "Variable that holds our private key: PEM or JWK, P-384 or RSA."),
        "private_key_file": Key("file", "File that holds it."),
        "kid": Key("text", "The key's id in the JWK Set that the authorization server knows.", required=True),
        "algorithm": Key("text", "How assertions are signed. Unset: as fits the key.", choices=("ES384", "RS384")),
        "scope": Key("text", "What we ask for.", default="system/*.cruds"),
        "token_url": Key("text", "Address of the token endpoint. Unset: as `.well-known/smart-configuration` says."),
        **_TLS,
    },
    "mtls": {
        **_TLS,
        "certificate_file": Key("file", "File with our certificate (PEM).", required=True),
        "key_file": Key("file", "File with its private key (PEM).", required=True),
    },
}
LIMITS: Mapping[str, Key] = {
    "connect": Key("number", "Seconds to wait for a connection.", default="5"),
    "read": Key("number", "Seconds to wait for the next piece of an answer.", default="30"),
    "total": Key("number", "Seconds for a whole exchange.", default="60"),
    "answer": Key("whole", "Bytes of the longest answer that is read.", default="2000000"),
}
RETRIES: Mapping[str, Key] = {
    "first": Key("number", "Seconds of the first pause before another try; each is about twice the last.", default="2"),
    "ceiling": Key("number", "Seconds of the longest pause.", default="900"),
    "attempts": Key("whole", "Tries of a delivery that is itself refused, before it is parked.", default="12"),
    "days": Key("number", "Days after which a delivery is parked, whatever the reason.", default="30"),
    "failures": Key("whole", "Failures in a row after which the receiver is left alone for a while.", default="5"),
    "pause": Key("number", "Seconds that it is then left alone at first.", default="10"),
}
TOP: Mapping[str, Key] = {
    "name": Key(
        "text",
        "Short name for commands, logs and metrics.",
        required=True,
        pattern=r"[a-z0-9][a-z0-9-]{0,62}",
        expected="lower-case letters, digits and `-`",
    ),
    "organisation": Key(
        "text",
        "OID of the organisation that receives, without `urn:oid:`, as it stands in the documents.",
        required=True,
        pattern=r"[0-2](?:\.(?:0|[1-9]\d*)){1,30}",
        expected="an OID without `urn:oid:`, as `1.2.246.10.12345678.10.0`",
    ),
    "sector": Key("text", "Its sector, which decides what it may get.", required=True, choices=SECTORS),
    "kind": Key("text", "How plans are brought to it.", required=True, choices=KINDS),
    "url": Key("text", "Where they are brought.", required=True),
    "lanes": Key("whole", "How many deliveries each worker brings at a time.", default="2"),
    "auth": Key("table", "How we show who we are, and know the receiver.", keys={}),
    "options": Key("table", "What is particular to the kind.", keys={}),
    "limits": Key("table", "How long we wait, and how much we read.", keys=LIMITS),
    "retries": Key("table", "How often and how long we try.", keys=RETRIES),
}


class ReceiverFileError(ValueError):
    """A file that cannot be used; `issues` say what is wrong, each with its line."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(", ".join(found.key for found in issues))
        self.issues = issues


def load(folder: Path) -> tuple[list[ReceiverSettings], list[Issue]]:
    """The receivers of every `*.toml` in `folder`, by name, and what is wrong with the files that cannot be used.

    A folder that is missing holds none. Two receivers of one organisation or name are an issue; the first file counts.
    """
    found: dict[str, ReceiverSettings] = {}
    issues: list[Issue] = []
    organisations: dict[str, str] = {}
    for file in sorted(folder.glob("*.toml")):
        try:
            made = read(file)
        except ReceiverFileError as error:
            issues += error.issues
            continue
        if made.name in found or made.organisation in organisations:
            other = organisations.get(made.organisation, made.name)
            issues.append(issue("receivers.twice", where=str(file), name=made.name, other=other))
            continue
        found[made.name] = made
        organisations[made.organisation] = made.name
    return [found[name] for name in sorted(found)], issues


def read(file: Path) -> ReceiverSettings:
    """The receiver of one file. Raises `ReceiverFileError`."""
    made, reader = read_toml(file, keys_of)
    if not reader.issues:
        _address(made, reader)
        _secrets(made, reader)
        module = importlib.import_module(f"service.deliver.receivers.{made['kind']}")
        for path, kind, params in module.problems(made.get("options", {})) if hasattr(module, "problems") else ():
            reader.wrong(kind, path, **params)
    if reader.issues:
        raise ReceiverFileError(reader.issues)
    auth = dict(made.get("auth", {}))
    return ReceiverSettings(
        name=made["name"],
        organisation=made["organisation"],
        sector=made["sector"],
        kind=made["kind"],
        url=made["url"].rstrip("/") if made["kind"] != "file_drop" else made["url"],
        auth=Auth(auth.pop("kind", "none"), auth),
        options=made.get("options", {}),
        limits=Limits(**made.get("limits", {})),
        retries=Retries(**made.get("retries", {})),
        lanes=min(made.get("lanes", 2), 64),
        folder=file.parent,
    )


def keys_of(given: Mapping[str, Any]) -> Mapping[str, Key]:
    """Which keys a file may have, by the kind, the address and the way to authenticate that it names."""
    kind, auth = given.get("kind"), given.get("auth")
    way = auth.get("kind", "none") if isinstance(auth, dict) else "none"
    scheme = str(given.get("url", "")).partition("://")[0]
    ways = AUTH if kind != "file_drop" else {"none": {}}
    chosen = Key("text", "How we show who we are.", default="none", choices=tuple(ways))
    options: Mapping[str, Key] = options_of(kind) if kind in KINDS else {}
    if "drop" in options:
        options = {**options, "drop": replace(options["drop"], keys=drop_options(scheme) or None)}
    return {
        **TOP,
        "auth": replace(TOP["auth"], keys={"kind": chosen, **ways.get(way, {})}),
        "options": replace(TOP["options"], keys=options, required=any(key.required for key in options.values())),
    }


def options_of(kind: str) -> Mapping[str, Key]:
    """What the table `[options]` may hold for a kind of receiver."""
    module = importlib.import_module(f"service.deliver.receivers.{kind}")
    options: Mapping[str, Key] = module.OPTIONS
    return options


def _address(made: Mapping[str, Any], reader: Reader) -> None:
    url = made["url"]
    parts = urlsplit(url)
    known = [f"{one}://" for one in DROPS]
    if made["kind"] == "file_drop":
        if parts.scheme not in DROPS:
            reader.wrong("toml.value", ("url",), expected=f"an address that begins with one of {', '.join(known)}")
    elif parts.scheme not in ("http", "https") or not parts.hostname:
        reader.wrong("toml.value", ("url",), expected="an address that begins with https://")
    elif not encrypted(url):
        reader.wrong("receivers.plain", ("url",))
    if parts.password is not None or parts.query or parts.fragment or (parts.username and parts.scheme != "sftp"):
        reader.wrong("receivers.address", ("url",))


def _secrets(made: Mapping[str, Any], reader: Reader) -> None:
    auth = made.get("auth", {})
    for way, name in (("bearer", "token"), ("smart", "private_key")):
        given = [one for one in (f"{name}_env", f"{name}_file") if one in auth]
        if auth.get("kind") == way and len(given) != 1:
            reader.wrong("receivers.one-of", ("auth", f"{name}_env"), other=f"{name}_file")
    if ("certificate_file" in auth) != ("key_file" in auth):
        reader.wrong("receivers.both", ("auth", "certificate_file"), other="key_file")
    token_url = auth.get("token_url")
    if token_url is not None and not encrypted(token_url):
        reader.wrong("receivers.plain", ("auth", "token_url"))
