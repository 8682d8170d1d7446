"""A token in every request, and what is done when the receiver does not take it.

https://www.rfc-editor.org/rfc/rfc6750
"""

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from service.credentials import CredentialError, secret
from service.deliver.receivers.base import TransportError
from service.issues import issue


class Bearer(AuthBase):
    """A token that somebody has given us; one that is refused is read again, and the request made once more."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._token = credential(options, "token")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        request.hooks["response"].append(self._answered)
        return request

    def _answered(self, answer: requests.Response, **options: Any) -> requests.Response:
        if answer.status_code != 401:
            return answer
        before, self._token = self._token, credential(self._options, "token")
        return answer if self._token == before else once_more(answer, self._token, options)


def once_more(answer: requests.Response, token: str, options: Mapping[str, Any]) -> requests.Response:
    """The answer to the same request with another token, on the same connection."""
    # Read to its end, so that the connection can be used again.
    answer.raw.drain_conn()
    answer.close()
    request = answer.request.copy()
    request.headers["Authorization"] = f"Bearer {token}"
    adapter: HTTPAdapter = answer.connection
    again = adapter.send(request, **options)
    again.history.append(answer)
    again.request = request
    return again


def credential(options: Mapping[str, Any], name: str) -> str:
    """The secret that `options` point to; one that cannot be had is a `TransportError`."""
    try:
        found = secret(options, name)
    except CredentialError as error:
        raise TransportError(issue("receivers.credential", name=error.name, reason=error.reason), sent=False) from None
    if found is None:
        raise TransportError(issue("receivers.credential", name=f"{name}_env", reason="it is not given"), sent=False)
    return found.strip()
