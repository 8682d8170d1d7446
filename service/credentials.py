"""Secrets by reference: settings name an environment variable or a file, never the secret itself."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST = 100_000


class CredentialError(ValueError):
    """A secret that cannot be had; `name` is the key that points to it, `reason` says why and holds nothing of it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def secret(options: Mapping[str, Any], name: str) -> str | None:
    """The secret that `<name>_env` (a variable) or `<name>_file` (a path) points to; None where neither is given.

    The line break that ends a file is no part of it. Raises `CredentialError` for one that is missing or empty.
    """
    variable, file = options.get(f"{name}_env"), options.get(f"{name}_file")
    if variable is not None and file is not None:
        raise CredentialError(f"{name}_env", f"`{name}_file` is given too; keep one of them")
    if variable is not None:
        found = os.environ.get(str(variable), "")
        if not found:
            raise CredentialError(f"{name}_env", f"the environment variable `{variable}` is not set")
        return found
    return None if file is None else _read(Path(str(file)), f"{name}_file")


def _read(file: Path, name: str) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST + 1)
        text = data.decode()
    except OSError as error:
        raise CredentialError(name, f"`{file}` cannot be read ({error.strerror or type(error).__name__})") from None
    except UnicodeDecodeError:
        raise CredentialError(name, f"`{file}` is no text") from None
    if not text.strip() or len(data) > LONGEST:
        raise CredentialError(name, f"`{file}` is empty or too long to be a secret")
    return text.removesuffix("\n").removesuffix("\r")
