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
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "file": {
        "create": "Whether a folder that is missing is made (`false`: a share that is not mounted is an error).",
        "mode": "Permissions of new files, in octal (`0640`).",
    },
    "sftp": {
        "user": "Name to log in with, unless it stands in the address.",
        "known_hosts": "File with the server's host key, as OpenSSH writes it.",
        "fingerprint": "The host key's fingerprint instead: `SHA256:…`, as `ssh-keygen -l` prints it; or a list.",
        "key_file": "File with the private key to log in with.",
        "passphrase_env": "Variable that holds the passphrase of that key.",
        "passphrase_file": "File that holds it.",
        "password_env": "Variable that holds the password, where there is no key.",
        "password_file": "File that holds it.",
        "timeout": "Seconds to wait for an answer (30).",
    },
    "s3": {
        "endpoint": "Address of the service, where it is not Amazon's (https, or http to this machine).",
        "region": "Region of the bucket.",
        "key_id_env": "Variable that holds the access key id. Without one: the machine's own AWS credentials.",
        "key_id_file": "File that holds it.",
        "secret_env": "Variable that holds the secret access key.",
        "secret_file": "File that holds it.",
        "encryption": "Server-side encryption to ask for: `AES256` or `aws:kms`.",
        "timeout": "Seconds to wait for an answer (30).",
    },
}


def options_of(scheme: str) -> Mapping[str, str]:
    """The options of a drop whose address begins with `scheme`, each with what it is; empty for an unknown scheme."""
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
