"""Stable ids: a keyed hash of whose register it is and what identifies the thing, written as a UUID.

HMAC-SHA-256 (RFC 2104) over parts framed by their length, so that no two lists of parts give the same bytes; the
result is a UUID of version 8 (RFC 9562, 5.8). Stable, not reversible to a HETU, and scoped to the register.
"""

import functools
import hashlib
import hmac
from collections.abc import Callable

HETU_SYSTEM = "urn:oid:1.2.246.21"
TERHIKKI_SYSTEM = "urn:oid:1.2.246.537.26"
SV_SYSTEM = "urn:oid:1.2.246.537.25"
BUSINESS_ID_SYSTEM = "urn:oid:1.2.246.10"
URI_SYSTEM = "urn:ietf:rfc:3986"

Identify = Callable[..., str]
# What HMAC does to each byte of the key.
_INNER, _OUTER = (bytes(byte ^ mask for byte in range(256)) for mask in (0x36, 0x5C))


def stable_id(key: bytes, *parts: str) -> str:
    """The UUID of `parts` under `key`: 36 characters, lower case."""
    return written(hmac.digest(key, framed(parts), "sha256"))


def framed(parts: tuple[str, ...]) -> bytes:
    """`parts` as bytes, each after its length in characters."""
    return "".join([f"{len(part)}:{part}," for part in parts]).encode()


def written(digest: bytes) -> str:
    """The first 16 bytes of `digest` as a UUID of version 8."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[digest[8] & 3]}{text[17:20]}-{text[20:32]}"


def identify(key: bytes, register: str) -> Identify:
    """`stable_id` for one register: its organisation OID is the first part of every id.

    The same as one-shot HMAC, but the key and the register are hashed once.
    """
    inner, outer = _begun(key, register)
    known: dict[tuple[str, ...], str] = {}

    def of(*parts: str) -> str:
        made = known.get(parts)
        if made is None:
            first, second = inner.copy(), outer.copy()
            first.update(framed(parts))
            second.update(first.digest())
            made = known[parts] = written(second.digest())
        return made

    return of


@functools.lru_cache(64)
def _begun(key: bytes, register: str) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The two hashes of HMAC up to where the parts of an id follow; only copies of them go on."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return hashlib.sha256(block.translate(_INNER) + framed((register,))), hashlib.sha256(block.translate(_OUTER))
