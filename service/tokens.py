"""Signed tokens (JWT) and key sets (JWKS): RS384 and ES384, nothing else.

https://www.rfc-editor.org/rfc/rfc7519, https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

import base64
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, KeySet, RSAKey

# The library is loaded when it is first needed: without clients it never is.
ALGORITHMS = ["RS384", "ES384"]
MOST_KEYS = 50
_LONGEST = 20_000
_SKEW = 30


class TokenError(ValueError):
    """A token that is not good. `reason` may be shown, it never quotes the token; `expired`: it once was good."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired


class KeysError(ValueError):
    """Keys that cannot be used; `reason` says why and holds nothing of them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def key_set(text: str | bytes) -> "KeySet":
    """The public keys of a JWK Set (JSON). Raises `KeysError` for anything weaker than the two algorithms need."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        found = json.loads(text)
        rows = found["keys"] if isinstance(found, dict) else None
        if not isinstance(rows, list) or not 0 < len(rows) <= MOST_KEYS:
            raise _unusable("it needs a list `keys`")
        return KeySet([_key(row) for row in _distinct(rows)])
    except (ValueError, LookupError, TypeError, JoseError) as error:
        if isinstance(error, KeysError):
            raise
        raise _unusable("it is no JWK Set") from None


def new_key(kid: str | None = None) -> "ECKey":
    """A new private key for ES384."""
    from joserfc.jwk import ECKey

    return ECKey.generate_key("P-384", {"kid": kid} if kid else None, private=True, auto_kid=kid is None)


def load_key(file: Path) -> "ECKey":
    """The private key in `file` (PEM); a new one where there is no such file, for its owner's eyes only."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        if not file.exists():
            _write_once(file, new_key().as_pem(private=True))
        made = ECKey.import_key(file.read_bytes(), {"use": "sig"})
    except (ValueError, TypeError, JoseError) as error:
        raise KeysError(type(error).__name__) from None
    if not made.is_private or made.curve_name != "P-384":
        raise KeysError("it is another kind of key")
    made.ensure_kid()
    return made


def public_set(key: "ECKey") -> "KeySet":
    """The key as the only one of a set."""
    from joserfc.jwk import KeySet

    return KeySet([key])


def sign(claims: Mapping[str, Any], key: "ECKey | RSAKey") -> str:
    """The token of these claims."""
    from joserfc import jwt
    from joserfc.jwk import ECKey

    algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
    return jwt.encode({"alg": algorithm, "kid": key.kid or "", "typ": "JWT"}, dict(claims), key, algorithms=ALGORITHMS)


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, not verified: only to find out with which key it must be."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST:
        raise TokenError("it is no signed token")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in parts[:2])
    except ValueError:
        raise TokenError("it is no signed token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TokenError("it is no signed token")
    return header, claims


def verify(token: str, keys: "KeySet", now: float, *, issuer: str, audience: frozenset[str]) -> dict[str, Any]:
    """The claims of a token that one of `keys` has signed, that `issuer` made for one of `audience` and that is good
    at `now` (seconds since 1970). Raises `TokenError`."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    header, _ = peek(token)
    kid = header.get("kid")
    fitting = [one for one in keys.keys if one.kid == kid]
    if not isinstance(kid, str) or not fitting:
        raise TokenError("its key (`kid`) is not known")
    if header.get("alg") not in ALGORITHMS or "crit" in header:
        raise TokenError("it is not signed with RS384 or ES384")
    try:
        claims = jwt.decode(token, fitting[0], algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError):
        raise TokenError("its signature is not right") from None
    if claims.get("iss") != issuer:
        raise TokenError("`iss` is another")
    given = claims.get("aud")
    named = given if isinstance(given, list) else [given]
    if not any(isinstance(one, str) and one in audience for one in named):
        raise TokenError("`aud` is another")
    _timely(claims, now)
    return dict(claims)


def _timely(claims: Mapping[str, Any], now: float) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if (value is None and name == "exp") or (value is not None and type(value) not in (int, float)):
            raise TokenError(f"`{name}` is missing or no time")
    if claims["exp"] <= now:
        raise TokenError("it has expired", expired=True)
    if max(claims.get("nbf", 0), claims.get("iat", 0)) > now + _SKEW:
        raise TokenError("it is not good yet")


def _distinct(rows: list[Any]) -> list[Any]:
    kids = [row.get("kid") for row in rows if isinstance(row, dict)]
    if len(kids) < len(rows) or not all(isinstance(kid, str) and kid for kid in kids) or len(set(kids)) < len(kids):
        raise _unusable("each key needs a `kid` of its own")
    return rows


def _key(row: dict[str, Any]) -> "ECKey | RSAKey":
    from joserfc.jwk import ECKey, RSAKey

    if "d" in row or row.get("kty") not in ("EC", "RSA"):
        raise _unusable("it has a private key" if "d" in row else "it has a key of another kind")
    if row["kty"] == "RSA":
        key = RSAKey.import_key(row)
        if key.public_key.key_size < 2048:
            raise _unusable("an RSA key is too short")
        return key
    made = ECKey.import_key(row)
    if made.curve_name != "P-384":
        raise _unusable("an EC key is not on P-384")
    return made


def _unusable(reason: str) -> KeysError:
    return KeysError(reason)


def _write_once(file: Path, data: bytes) -> None:
    """Write a secret; where another process was first, its file stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    own = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(own)
    finally:
        own.unlink()
