"""What a caller may send and wants back: media types, `_format`, `_pretty`, language.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#parameters
"""

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from flask import Response
from werkzeug.datastructures import LanguageAccept, MIMEAccept
from werkzeug.exceptions import BadRequest, NotAcceptable, RequestEntityTooLarge
from werkzeug.http import parse_accept_header, parse_options_header

from service.api.call import call
from service.fhir.json import encode, pretty
from service.issues import LANGUAGES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FHIR = "application/fhir+json"
JSON = "application/json"
NDJSON = "application/x-ndjson"
FHIR_TYPES = (FHIR, JSON)
# How many times the longest body is read and thrown away before a connection is cut.
DRAINED = 10
_FORMATS = {"json": FHIR, "text/json": FHIR, FHIR: FHIR, JSON: JSON}
_SAME = {
    "text/json": JSON,
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/fhir+ndjson": NDJSON,
}
_CHARSETS = ("utf-8", "utf8", "us-ascii")


class Answer(Response):
    """A response with `further` headers, which are good as they are; a body in one piece leaves as it is."""

    further: Sequence[tuple[str, str]] = ()

    def get_wsgi_response(self, environ: "WSGIEnvironment") -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body: Any = self.response
        names = {name.lower() for name, _ in self.headers}
        # Only of a body that was given in one piece is the length known: it is encoded.
        is_ready = "content-length" in names and "location" not in names and type(body) is list
        if is_ready and self.status_code in (200, 201) and environ["REQUEST_METHOD"] != "HEAD":
            return body, self.status, [*self.headers, *self.further]
        parts, status, made = super().get_wsgi_response(environ)
        return parts, status, [*made, *self.further]


def language() -> str:
    """The language of this request's messages: the best of `Accept-Language`, else the installation's."""
    one = call()
    return _spoken(one.header("Accept-Language", "")) or cast(str, one.app.config["LANGUAGE"])


def wanted(*possible: str) -> str | None:
    """Which of the media types `possible` (best first) this request wants; None where it wants none of them."""
    one = call()
    asked = one.parameter("_format", None)
    if asked is not None:
        # A plus sign in a query is a space to a form decoder; nobody means the space.
        named = _FORMATS.get(asked.partition(";")[0].strip().lower().replace(" ", "+"))
        if named is None:
            return None
        return named if named in possible else next((one for one in FHIR_TYPES if one in possible), None)
    return _best(one.header("Accept", ""), possible)


# A client says the same each time.
@functools.lru_cache(256)
def _best(header: str, possible: tuple[str, ...]) -> str | None:
    accepted = parse_accept_header(header, MIMEAccept)
    if not accepted:
        return possible[0]
    best = max(possible, key=lambda one: accepted[one])
    return best if accepted[best] > 0 else None


@functools.lru_cache(256)
def _spoken(header: str) -> str | None:
    return parse_accept_header(header, LanguageAccept).best_match(LANGUAGES)


def fhir_wanted() -> str:
    """The media type in which this request wants its resource; ends the request where it wants another form."""
    found = wanted(*FHIR_TYPES)
    if found is None:
        raise NotAcceptable(", ".join(FHIR_TYPES))
    return found


def sent() -> str:
    """The media type of this request's body, in its usual spelling; empty where it is not one we can decode."""
    one = call()
    plain = one.header("Content-Encoding", "identity").lower() in ("", "identity")
    return _media(one.request.environ.get("CONTENT_TYPE", "")) if plain else ""


@functools.lru_cache(256)
def _media(header: str) -> str:
    """The media type that a header names; empty where its characters are not in UTF-8."""
    named, params = parse_options_header(header)
    mimetype = named.lower()
    return _SAME.get(mimetype, mimetype) if params.get("charset", "utf-8").lower() in _CHARSETS else ""


def body() -> bytes:
    """The body of this request, at most `max_body` bytes of it; torn or too long a body ends the request."""
    one = call()
    request, most = one.request, one.app.config["MAX_BODY"]
    if _is_bounded(request.environ, most):
        request.stream = request.environ["wsgi.input"]  # It ends by itself: no other needs to be laid around it.
    try:
        data = request.get_data()
        if len(data) > most:
            raise RequestEntityTooLarge
    except RequestEntityTooLarge:
        _drain(DRAINED * most)
        raise
    except OSError:
        raise BadRequest from None  # The client went away in the middle.
    return data


def _is_bounded(environ: "WSGIEnvironment", most: int) -> bool:
    """Whether the server reads a body of a declared length that is not too long, and no further."""
    declared = environ.get("CONTENT_LENGTH", "")
    ends = "wsgi.input_terminated" in environ and "HTTP_TRANSFER_ENCODING" not in environ
    return ends and declared.isdecimal() and int(declared) <= most


def drain() -> None:
    """Throw away the body, as far as one may be long: a client that is refused should hear why."""
    try:
        _drain(call().app.config["MAX_BODY"])
    except OSError:
        raise BadRequest from None


def _drain(most: int) -> None:
    """Read what the client still sends: one that is cut off in the middle would never see why."""
    stream = call().request.environ["wsgi.input"]
    while most > 0 and (part := stream.read(min(most, 1 << 16))):
        most -= len(part)


def fhir(resource: dict[str, Any], status: int = 200, mimetype: str = FHIR) -> Answer:
    """A resource as the answer."""
    return answer(resource, status, mimetype)


def answer(body: Any, status: int = 200, mimetype: str = JSON) -> Answer:
    """Any JSON as the answer; `_pretty=true` indents it."""
    text = pretty(body) + "\n" if call().is_pretty else encode(body)
    return Answer(text, status, content_type=f"{mimetype}; charset=utf-8")
