"""Who may come in: a token, or this machine where no client was ever registered.

https://www.rfc-editor.org/rfc/rfc6750, https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

import functools
import ipaddress

from service.api.answers import drain
from service.api.authority import Authority
from service.api.call import Call, call
from service.api.caller import LOCAL_CALLER
from service.api.context import base, root
from service.api.errors import Refused, refused
from service.fetching import FetchError
from service.tokens import KeysError, TokenError

# Addresses that show nobody's data: what the service is and whether it lives.
OPEN = frozenset({"health", "landing", "metadata", "openapi", "smart_configuration", "token"})


def authority() -> Authority:
    """The authority of the application that answers this request."""
    found: Authority = call().app.extensions["yhdessa-authority"]
    return found


def identify() -> None:
    """Find out who makes the request; end it where nobody may."""
    try:
        _identify(call())
    except Refused:
        drain()
        raise


def _identify(one: Call) -> None:
    request = one.request
    if request.blueprint in OPEN or request.url_rule is None:
        if request.blueprint == "token":
            _slow(f"address:{request.remote_addr}")
        return
    token = _bearer(one.header("Authorization", ""))
    if token is None:
        if not authority().is_open():
            raise _challenge("auth.token-missing")
        if not _is_loopback(request.host):
            raise refused("auth.host")
        one.caller = LOCAL_CALLER
        return
    try:
        one.caller = authority().caller(token, root(), base())
    except (TokenError, KeysError, FetchError) as error:
        _slow(f"address:{request.remote_addr}")
        raise _challenged(error) from None
    _slow(f"client:{one.caller.client}")


def _bearer(header: str) -> str | None:
    kind, _, token = header.partition(" ")
    if not kind:
        return None
    if kind.lower() != "bearer" or not token.strip():
        raise _challenge("auth.token-missing")
    return token.strip()


@functools.lru_cache(64)
def _is_loopback(name: str) -> bool:
    """Whether a request to this host was meant for this machine: a page in a browser, or a proxy, names another."""
    host = name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _slow(key: str) -> None:
    seconds = authority().buckets.take(key)
    if seconds:
        raise refused("auth.rate", seconds=seconds).with_headers({"Retry-After": str(seconds)})


def _challenge(key: str, error: str = "", **params: object) -> Refused:
    detail = f', error="{error}"' if error else ""
    return refused(key, **params).with_headers({"WWW-Authenticate": f'Bearer realm="yhdessa"{detail}'})


def _challenged(error: TokenError | KeysError | FetchError) -> Refused:
    if isinstance(error, TokenError):
        if error.expired:
            return _challenge("auth.token-expired", "invalid_token")
        return _challenge("auth.token", "invalid_token", reason=error.reason)
    return _challenge("auth.token", "invalid_token", reason="the keys of its issuer cannot be had")
