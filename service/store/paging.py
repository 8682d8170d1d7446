"""Opaque page tokens: only a position in a result. What may be seen is asked again for each page.

So a token that someone made up shows another place of the same result and nothing else; one that cannot be read is an
issue.
"""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from service.issues import issue
from service.store.errors import StoreError


class History(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a history goes on: nothing newer than `snapshot`, below `after`."""

    snapshot: int
    after: int | None


class Search(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a search goes on: nothing newer than `snapshot`, after the row with these sort values and number.

    `digest` is that of the query, so that a token is not used with another one by mistake.
    """

    snapshot: int
    digest: str
    values: tuple[str | int | float | None, ...]
    rid: int


T = TypeVar("T", History, Search)
_LONGEST = 4000
_LARGEST = 2**63 - 1


def encode_history(position: History) -> str:
    return _encode(position)


def encode_search(position: Search) -> str:
    return _encode(position)


def decode_history(token: str) -> History:
    """Raises `StoreError` `store.page` for anything that is no token of a history."""
    found = _decode(token, History)
    _check(found.snapshot, found.after)
    return found


def decode_search(token: str) -> Search:
    """Raises `StoreError` `store.page` for anything that is no token of a search."""
    found = _decode(token, Search)
    _check(found.snapshot, found.rid, *(one for one in found.values if isinstance(one, int)))
    return found


def _check(*numbers: Any) -> None:
    if any(one is not None and not -_LARGEST <= one <= _LARGEST for one in numbers):
        raise StoreError(issue("store.page"))


def _encode(position: History | Search) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).decode().rstrip("=")


def _decode(token: str, kind: type[T]) -> T:
    try:
        if len(token) > _LONGEST:
            raise ValueError(token)
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(data, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise StoreError(issue("store.page")) from None
