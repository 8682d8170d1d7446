"""Whose a token is: our own key, the registered clients, other authorization servers and their keys."""

import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.api.caller import Caller
from service.api.issuers import Issuer, SetupError, load_issuers
from service.api.limits import Buckets
from service.api.scopes import Scope, read_scopes
from service.clock import Clock
from service.config import Settings
from service.fetching import fetch
from service.issues import issue
from service.store import Store, clients
from service.store.clients import ROLES, Client
from service.tokens import KeysError, TokenError, key_set, load_key, peek, public_set, verify

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, KeySet

# How long what a database or another server says is believed, in seconds.
CLIENT_FOR, NOBODY_FOR, KEYS_FOR, KEYS_AGAIN = 5.0, 1.0, 300.0, 30.0
_MOST = 2000


@dataclass(slots=True)
class _Keys:
    found: "KeySet"
    at: float


class Authority:
    """Knows callers by their tokens; shared by the threads of a process."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.timer = timer
        self._file = settings.token_key or settings.data / "token-key.pem"
        if settings.token_key:
            _own_key(self._file)  # Better refused now than at the first token.
        file = settings.issuers or settings.data / "issuers.toml"
        self.issuers: dict[str, Issuer] = load_issuers(file) if settings.issuers or file.exists() else {}
        self._is_loopback = settings.is_loopback
        self.buckets = Buckets(settings.rate, timer)
        self._lock = threading.Lock()
        self._anybody = False
        self._asked = float("-inf")
        self._clients: OrderedDict[str, tuple[float, Client | None]] = OrderedDict()
        self._keys: dict[str, _Keys] = {}
        self._good: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    @functools.cached_property
    def key(self) -> "ECKey":
        """The key that signs access tokens."""
        return _own_key(self._file)

    def is_open(self) -> bool:
        """Whether callers on this machine need no token: nobody else reaches it, and no client was ever registered."""
        if not self._is_loopback or self.issuers or self._anybody:
            return False
        now = self.timer()
        if now - self._asked >= NOBODY_FOR:
            with self.store.database.read() as connection:
                self._anybody = clients.any_at_all(connection)
            self._asked = now
        return not self._anybody

    def client(self, id_: str) -> Client | None:
        """The registered client, if it is not revoked."""
        now = self.timer()
        with self._lock:
            known = self._clients.get(id_)
        if known is None or now - known[0] >= CLIENT_FOR:
            with self.store.database.read() as connection:
                known = (now, clients.find(connection, id_))
            with self._lock:
                self._clients[id_] = known
                _trim(self._clients)
        one = known[1]
        return None if one is None or one.revoked is not None else one

    def caller(self, token: str, issuer: str, audience: str) -> Caller:
        """Who sends this access token; `issuer` and `audience` are our own names. Raises `TokenError`."""
        claims = self._claims(token, issuer, audience)
        scopes = _understood(str(claims.get("scope", "")))
        if claims["iss"] == issuer:
            one = self.client(str(claims.get("sub")))
            if one is None:
                raise TokenError("its client is not registered any more")
            return Caller(one.id, one.organisation, one.role, scopes)
        return _foreign(claims, self.issuers[claims["iss"]], scopes)

    def keys_of(self, one: Client | Issuer, kid: object) -> "KeySet":
        """The keys of a client or server; fetched again where `kid` is not among them. `KeysError`, `FetchError`."""
        if one.jwks is not None:
            return key_set(one.jwks)
        url, now = str(one.jwks_url), self.timer()
        known = self._keys.get(url)
        if known is not None:
            age, has = now - known.at, any(key.kid == kid for key in known.found.keys)
            if age < KEYS_AGAIN or (has and age < KEYS_FOR):
                return known.found
        found = key_set(fetch(url, allow_private=self.settings.fetch_private))
        self._keys[url] = _Keys(found, now)
        return found

    def _claims(self, token: str, issuer: str, audience: str) -> dict[str, Any]:
        now = self.clock().timestamp()
        with self._lock:
            good = self._good.get(token)
        if good is not None:
            if good[0] <= now:
                raise TokenError("it has expired", expired=True)
            return good[1]
        header, peeked = peek(token)
        if peeked.get("iss") == issuer:
            claims = verify(token, public_set(self.key), now, issuer=issuer, audience=frozenset({audience}))
        else:
            other = self.issuers.get(str(peeked.get("iss")))
            if other is None:
                raise TokenError("its issuer is not known")
            keys = self.keys_of(other, header.get("kid"))
            claims = verify(token, keys, now, issuer=other.issuer, audience=frozenset({other.audience}))
        with self._lock:
            self._good[token] = (claims["exp"], claims)
            _trim(self._good)
        return claims


def _own_key(file: Path) -> "ECKey":
    try:
        return load_key(file)
    except KeysError as error:
        raise SetupError(issue("auth.token-key", file=file, reason=error.reason)) from None


def _foreign(claims: dict[str, Any], one: Issuer, scopes: tuple[Scope, ...]) -> Caller:
    organisation = claims.get(one.organisation_claim)
    role = claims.get(one.role_claim) if one.role_claim else one.role
    id_ = claims.get("client_id") or claims.get("azp") or claims.get("sub")
    if not isinstance(organisation, str) or not organisation or role not in ROLES or not isinstance(id_, str):
        raise TokenError("it does not say for which organisation and in which role")
    # Its own name in front, so that nobody there is taken for one of our clients.
    return Caller(f"{one.issuer}#{id_}", organisation.removeprefix("urn:oid:"), role, scopes)


@functools.lru_cache(256)
def _understood(text: str) -> tuple[Scope, ...]:
    """The scopes that mean something here; another server may give others beside them."""
    return tuple(scope for one in text.split() for scope in (read_scopes(one) or ()))


def _trim(known: "OrderedDict[str, Any]") -> None:
    while len(known) > _MOST:
        known.popitem(last=False)
