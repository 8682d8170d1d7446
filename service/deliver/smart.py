"""SMART Backend Services as a client: a signed assertion for a token, which is kept until it expires.

https://hl7.org/fhir/smart-app-launch/backend-services.html,
https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
from requests.auth import AuthBase

from service.deliver.bearer import credential, once_more
from service.deliver.receivers.base import ReceiverSettings, TransportError
from service.deliver.transport import encrypted, exchange, refusal, shown
from service.issues import issue
from service.tokens import ALGORITHMS

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "system/*.cruds"
_ASSERTION_SECONDS = 240
# A token is not used in its last moments: it must still be good when the request has arrived.
_MARGIN = 20.0
_DEFAULT_SECONDS = 60.0


class SmartAuth(AuthBase):
    """Gets a token when one is needed; a token that the receiver refuses is replaced once by a fresh one."""

    def __init__(self, settings: ReceiverSettings, session: requests.Session) -> None:
        self._settings = settings
        self._options = settings.auth.options
        self._session = session
        self._key = _key(self._options)
        self._endpoint: str | None = self._options.get("token_url")
        self._token = ""
        self._until = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token()}"
        request.hooks["response"].append(self._answered)
        return request

    def token(self) -> str:
        """An access token that is good for now. Raises `TransportError`."""
        if time.monotonic() >= self._until:
            try:
                self._fetch()
            except TransportError as error:
                # Without a token nothing is brought, whatever went wrong on the way to it.
                error.sent = False
                raise
        return self._token

    def _answered(self, answer: requests.Response, **options: Any) -> requests.Response:
        if answer.status_code != 401:
            return answer
        self._until = 0.0
        return once_more(answer, self.token(), options)

    def _fetch(self) -> None:
        if self._endpoint is None:
            self._endpoint = self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._options.get("scope", SCOPE),
            "client_assertion_type": ASSERTION,
            "client_assertion": self._assertion(self._endpoint),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode(form).encode()
        answer = exchange(self._session, self._settings.limits, "POST", self._endpoint, body, headers)
        if answer.status >= 429:
            raise refusal(answer)
        if answer.status != 200:
            raise self._refused(_error(answer.body) or f"status {answer.status}", answer.status)
        made = answer.json()
        token = made.get("access_token") if isinstance(made, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise self._refused("the answer holds no `access_token`", answer.status)
        seconds = made.get("expires_in")
        good = isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0
        self._token = token
        self._until = time.monotonic() + max((float(seconds) if good else _DEFAULT_SECONDS) - _MARGIN, 1.0)

    def _discover(self) -> str:
        url = f"{self._settings.url}/.well-known/smart-configuration"
        answer = exchange(self._session, self._settings.limits, "GET", url, None, {"Accept": "application/json"})
        if answer.status != 200:
            raise _no_endpoint(url, f"it answers {answer.status}", answer.status)
        made = answer.json()
        endpoint = made.get("token_endpoint") if isinstance(made, dict) else None
        if not isinstance(endpoint, str):
            raise _no_endpoint(url, "no `token_endpoint`", answer.status)
        if not encrypted(endpoint):
            raise _no_endpoint(url, "its `token_endpoint` is not encrypted", answer.status)
        taken = made.get("token_endpoint_auth_signing_alg_values_supported")
        if isinstance(taken, list) and self._algorithm not in taken:
            raise _no_endpoint(url, f"it does not take {self._algorithm}", answer.status)
        return endpoint

    @property
    def _algorithm(self) -> str:
        return "ES384" if type(self._key).__name__ == "ECKey" else "RS384"

    def _assertion(self, audience: str) -> str:
        from joserfc import jwt

        client, now = self._options["client_id"], int(time.time())
        claims = {"iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + _ASSERTION_SECONDS}
        header = {"alg": self._algorithm, "kid": self._options["kid"], "typ": "JWT"}
        return jwt.encode(header, claims | {"jti": str(uuid.uuid4())}, self._key, algorithms=ALGORITHMS)

    def _refused(self, reason: str, status: int) -> TransportError:
        url = shown(self._endpoint or self._settings.url)
        return TransportError(issue("receivers.token-refused", url=url, reason=reason), status=str(status), sent=False)


def _key(options: Mapping[str, Any]) -> Any:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    text = credential(options, "private_key")
    for kind in (ECKey, RSAKey):
        try:
            made = kind.import_key(_parsed(text))
        except (JoseError, ValueError, TypeError, LookupError):
            continue
        strong = getattr(made, "curve_name", None) == "P-384" or isinstance(made, RSAKey)
        if made.is_private and strong:
            _fits(options, made)
            return made
    raise _unusable("it is no private key on P-384 and no RSA key (PEM or JWK)")


def _parsed(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("{") else text


def _fits(options: Mapping[str, Any], key: Any) -> None:
    wanted = options.get("algorithm")
    has = "ES384" if type(key).__name__ == "ECKey" else "RS384"
    if wanted is not None and wanted != has:
        raise _unusable(f"the key signs with {has}, not {wanted}")


def _unusable(reason: str) -> TransportError:
    return TransportError(issue("receivers.file", name="auth.private_key", reason=reason), sent=False)


def _no_endpoint(url: str, reason: str, status: int) -> TransportError:
    return TransportError(issue("receivers.token-endpoint", url=shown(url), reason=reason), status=str(status))


def _error(body: bytes) -> str:
    """The OAuth error code in an answer, which is a word from a short list; nothing else of it is shown."""
    try:
        made = json.loads(body)
    except ValueError:
        return ""
    code = made.get("error") if isinstance(made, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalpha() and len(code) < 50 else ""
