"""Links to further pages: sealed, so that what was searched for does not stand in an address, and nobody makes one up.

https://hl7.org/fhir/R4/http.html#paging
"""

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from service.api.engine import engine
from service.issues import issue
from service.store import StoreError

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

_LONGEST = 8000
_HEADER = {"alg": "dir", "enc": "A128GCM", "zip": "DEF"}
_ALGORITHMS = ["dir", "A128GCM", "DEF"]


class Page(msgspec.Struct, frozen=True, array_like=True):
    """A page: of what (the address under `/fhir`), with which parameters, from which place on."""

    what: str
    pairs: tuple[tuple[str, str], ...]
    at: str


def seal(page: Page) -> str:
    """The page as text for a link."""
    from joserfc import jwe

    return jwe.encrypt_compact(dict(_HEADER), msgspec.msgpack.encode(page), _key(), algorithms=_ALGORITHMS)


def unseal(text: str, what: str) -> Page:
    """The page of a link. Raises `StoreError` `store.page` for what this service did not make for `what`."""
    from joserfc import jwe
    from joserfc.errors import JoseError

    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        opened: Any = jwe.decrypt_compact(text, _key(), algorithms=_ALGORITHMS)
        page = msgspec.msgpack.decode(opened.plaintext, type=Page)
    except (JoseError, ValueError, msgspec.MsgspecError):
        raise StoreError(issue("store.page")) from None
    if page.what != what:
        raise StoreError(issue("store.page"))
    return page


def _key() -> "OctKey":
    from joserfc.jwk import OctKey

    secret = engine().settings.id_key.reveal().encode()
    # Sixteen bytes that only this use has.
    return OctKey.import_key(hmac.new(secret, b"yhdessa pages", hashlib.sha256).digest()[:16])
