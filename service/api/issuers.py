"""A region's own authorization servers: whose tokens are accepted as well, and what in them says who the caller is.

https://hl7.org/fhir/smart-app-launch/app-launch.html, https://www.rfc-editor.org/rfc/rfc9068
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.issues import Issue, issue
from service.store.clients import ROLES

NAMES = frozenset({"issuer", "jwks_url", "jwks", "audience", "organisation_claim", "role_claim", "role"})


class SetupError(ValueError):
    """Something that authentication needs and that cannot be used; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


@dataclass(frozen=True, slots=True)
class Issuer:
    """One authorization server. Its keys are in `jwks` (JSON) or at `jwks_url`.

    `organisation_claim` names the claim with the organisation's OID, `role_claim` that with the role; `role` is
    everybody's where no claim tells it.
    """

    issuer: str
    audience: str
    jwks_url: str | None = None
    jwks: str | None = None
    organisation_claim: str = "organisation"
    role_claim: str | None = None
    role: str | None = None


def load_issuers(file: Path) -> dict[str, Issuer]:
    """The servers in a TOML file of `[[issuer]]` tables, by their `iss`. Raises `SetupError`."""
    try:
        rows = tomllib.loads(file.read_text("utf-8")).get("issuer", [])
        found = [_issuer(row, file) for row in rows]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, SetupError):
            raise
        raise _wrong(file, str(error)) from None
    return {one.issuer: one for one in found}


def _issuer(row: dict[str, Any], file: Path) -> Issuer:
    unknown = sorted(set(row) - NAMES)
    if unknown:
        raise _wrong(file, f"`{unknown[0]}` is not known")
    if not all(isinstance(value, str) for value in row.values()) or not {"issuer", "audience"} <= set(row):
        raise _wrong(file, "`issuer` and `audience` are needed, as text")
    if ("jwks" in row) == ("jwks_url" in row):
        raise _wrong(file, "give either `jwks`, a file, or `jwks_url`")
    if row.get("role", "source") not in ROLES or ("role" in row) == ("role_claim" in row):
        raise _wrong(file, f"give either `role` ({', '.join(ROLES)}) or `role_claim`")
    given = dict(row)
    if "jwks" in given:
        given["jwks"] = (file.parent / given["jwks"]).read_text("utf-8")
    return Issuer(**given)


def _wrong(file: Path, reason: str) -> SetupError:
    return SetupError(issue("auth.issuers", file=file, reason=reason))
