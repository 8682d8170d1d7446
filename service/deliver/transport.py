"""One HTTP exchange with a receiver: encrypted or on this machine, no redirects, limited in time and size.

https://hl7.org/fhir/R4/http.html, https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
"""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, RequestException, SSLError, Timeout
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError

from service.deliver.receivers.base import Limits, TransportError
from service.fhir import json
from service.issues import issue

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# The receiver is busy, restarting or limits us; the same request can succeed later.
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
# We are not let in, or there is nothing at the address: an operator's matter that concerns every row alike.
_REFUSED = frozenset({401, 403, 404, 405, 407, 410})
# Two requests met (HAPI answers so when transactions collide), or a condition failed for a moment.
_MET = frozenset({409, 423, 424})
_LONGEST_PAUSE = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; a body that is none is a `TransportError`: the row may or may not have been taken."""
        try:
            return json.parse(self.body)
        except json.JsonError:
            raise unconfirmed(self.status) from None


def encrypted(url: str) -> bool:
    """Whether the address may be used: https, or http on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def exchange(
    session: requests.Session,
    limits: Limits,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer to one request, whatever its status (see `refusal`); `TransportError` where none came in full."""
    if not encrypted(url):
        raise TransportError(issue("deliver.unencrypted", url=shown(url)), sent=False)
    deadline = time.monotonic() + limits.total
    timeout = (limits.connect, min(limits.read, limits.total))
    try:
        request = _prepared(session, method, url, body, headers or {})
        with session.send(
            request, timeout=timeout, allow_redirects=False, stream=True, proxies=session.proxies
        ) as response:
            content = _content(response, limits, deadline)
            return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)
    except SSLError:
        raise TransportError(issue("deliver.certificate", url=shown(url)), sent=False) from None
    except Timeout as error:
        sent = not isinstance(error, ConnectTimeout)
        raise TransportError(issue("deliver.timeout", url=shown(url)), sent=sent) from None
    except (RequestException, HTTPError, OSError) as error:
        found = issue("deliver.connection", url=shown(url), reason=type(error).__name__)
        raise TransportError(found, sent=not _never_connected(error)) from None


def _prepared(
    session: requests.Session, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
) -> requests.PreparedRequest:
    """The request as `Session.prepare_request` makes it of bytes, without cookies and what else never changes."""
    made = requests.PreparedRequest()
    made.method, made.url, made.body, made.hooks = method, _address(url), body, default_hooks()
    made.headers = CaseInsensitiveDict[Any](session.headers)
    made.headers.update(headers)
    made.prepare_content_length(body)
    if session.auth is not None:
        made.prepare_auth(session.auth)
    return made


@functools.lru_cache(maxsize=64)
def _address(url: str) -> str:
    """The address as a request has it: with what may not stand in it encoded."""
    made = requests.PreparedRequest()
    made.prepare_url(url, None)
    return str(made.url)


def _never_connected(error: BaseException) -> bool:
    """Whether there was no connection at all, so that nothing can have arrived."""
    seen: BaseException | None = error
    while seen is not None:
        reason = getattr(seen, "reason", None)
        if isinstance(seen, NewConnectionError) or isinstance(reason, NewConnectionError):
            return True
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = inner
    return False


def unconfirmed(status: int) -> TransportError:
    """A success that does not say what it should: the row may have been taken or not, so it is sent again."""
    return TransportError(issue("deliver.answer", status=status), whole=False, status=str(status))


def refusal(answer: Answer, now: datetime | None = None) -> TransportError:
    """What an answer that is no success means; `now` is compared with a Retry-After that is a date."""
    status = answer.status
    found = issue("deliver.refused", status=status)
    after = retry_after(answer.headers.get("retry-after", ""), now or datetime.now(UTC))
    if status in _LATER or status in _REFUSED or 300 <= status < 400:
        return TransportError(found, retry_after=after, status=str(status), sent=status >= 500)
    if status in _MET:
        return TransportError(found, whole=False, retry_after=after, status=str(status), sent=False)
    if 200 <= status < 300:
        return unconfirmed(status)
    permanent = status < 500
    return TransportError(
        found, permanent=permanent, whole=False, retry_after=after, status=str(status), sent=not permanent
    )


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds of a Retry-After, which is a number of them or a date; None where it is neither. A day at most."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_PAUSE)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), _LONGEST_PAUSE)


def shown(url: str) -> str:
    """An address without what may be a secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _content(response: requests.Response, limits: Limits, deadline: float) -> bytes:
    taken: list[bytes] = []
    size = 0
    # What has arrived so far, not a full buffer: a receiver that sends a byte at a time is slow too.
    while piece := response.raw.read1(65536, decode_content=True):
        size += len(piece)
        taken.append(piece)
        if size > limits.answer:
            raise TransportError(issue("deliver.answer-long", most=limits.answer), whole=False)
        if time.monotonic() > deadline:
            raise TransportError(issue("deliver.timeout", url=shown(response.url)))
    return b"".join(taken)
