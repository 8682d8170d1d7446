"""Places to leave files in: a folder, an SFTP server, S3. A file is there whole or not at all.

`open_drop("sftp://user@host/in", {"known_hosts": "…", "key_file": "…"})` gives a `Drop`; each kind is one file here,
with the options that it takes.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from service.credentials import CredentialError
from service.drops.base import Drop, DropError, Stored
from service.issues import issue
from service.strict_toml import Key

__all__ = ["KINDS", "Drop", "DropError", "Stored", "open_drop", "options_of"]


def _file(url: SplitResult, options: Mapping[str, Any]) -> Drop:
    from service.drops.folder import FolderDrop

    return FolderDrop.of(url, options)


def _sftp(url: SplitResult, options: Mapping[str, Any]) -> Drop:
    from service.drops.sftp import SftpDrop

    return SftpDrop.of(url, options)


def _s3(url: SplitResult, options: Mapping[str, Any]) -> Drop:
    from service.drops.s3 import S3Drop

    return S3Drop.of(url, options)


# Libraries are loaded when a drop of the kind is opened.
KINDS: Mapping[str, Callable[[SplitResult, Mapping[str, Any]], Drop]] = {"file": _file, "sftp": _sftp, "s3": _s3}
_OPTIONS: Mapping[str, Mapping[str, Key]] = {
    "file": {
        "create": Key(
            "flag",
            "Whether a folder that is missing is made; a share that is not mounted is an error.",
            default="false",
        ),
        "mode": Key("text", "Permissions of new files, in octal.", default="0640"),
    },
    "sftp": {
        "user": Key("text", "Name to log in with, unless it stands in the address."),
        "known_hosts": Key("file", "File with the server's host key, as OpenSSH writes it."),
        "fingerprint": Key("texts", "The host key's fingerprint instead, as `ssh-keygen -l` prints it: `SHA256:…`."),
        "key_file": Key("file", "File with the private key to log in with."),
        "passphrase_env": Key("text", "Variable that holds the passphrase of that key."),
        "passphrase_file": Key("file", "File that holds it."),
        "password_env": Key("text", "Variable that holds the password, where there is no key."),
        "password_file": Key("file", "File that holds it."),
        "timeout": Key("number", "Seconds to wait for an answer.", default="30"),
    },
    "s3": {
        "endpoint": Key("text", "Address of the service where it is not Amazon's: https, or http to this machine."),
        "region": Key("text", "Region of the bucket."),
        "key_id_env": Key("text", "Variable that holds the access key id. Without: the machine's own AWS credentials."),
        "key_id_file": Key("file", "File that holds it."),
        "secret_env": Key("text", "Variable that holds the secret access key."),
        "secret_file": Key("file", "File that holds it."),
        "encryption": Key("text", "Server-side encryption to ask for.", choices=("AES256", "aws:kms")),
        "timeout": Key("number", "Seconds to wait for an answer.", default="30"),
    },
}


def options_of(scheme: str) -> Mapping[str, Key]:
    """The options of a drop whose address begins with `scheme`; none for an unknown scheme."""
    return _OPTIONS.get(scheme, {})


def open_drop(url: str, options: Mapping[str, Any] | None = None) -> Drop:
    """The drop at `url` (`file:///folder`, `sftp://user@host/folder`, `s3://bucket/prefix`); the caller closes it.

    Secrets are given by reference (`password_env`, `password_file`), never in the address. Nothing is connected yet
    but for what an SFTP server needs. Raises `DropError`.
    """
    given = dict(options or {})
    parts = urlsplit(url)
    if parts.scheme not in KINDS:
        raise DropError(issue("drops.scheme", url=_shown(parts), known=", ".join(f"{one}://" for one in KINDS)))
    if parts.password is not None or parts.query or parts.fragment:
        raise DropError(issue("drops.address", url=_shown(parts)))
    for name in given:
        if name not in _OPTIONS[parts.scheme]:
            raise DropError(issue("drops.option", name=name, known=", ".join(_OPTIONS[parts.scheme])))
    try:
        return KINDS[parts.scheme](parts, given)
    except CredentialError as error:
        raise DropError(issue("drops.credential", name=error.name, reason=error.reason)) from None


def _shown(url: SplitResult) -> str:
    return f"{url.scheme}://{url.hostname or ''}{url.path}"
