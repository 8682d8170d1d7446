"""Errors of the HTTP face: one table from the kind of issue to the status, one way out, always an OperationOutcome.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, HTTPException

from service.api.answers import fhir, language
from service.api.call import call
from service.api.logs import frames, without
from service.fhir.json import JsonError, parse
from service.fhir.terminology import TerminologyError
from service.issues import Issue, issue, outcome
from service.store.errors import StoreError

STATUS = {
    "http.bad-request": 400,
    "http.not-found": 404,
    "http.unknown-resource": 404,
    "http.method": 405,
    "http.not-acceptable": 406,
    "http.too-long": 413,
    "http.media-type": 415,
    "http.not-a-resource": 400,
    "http.wrong-type": 400,
    "http.unknown-type": 404,
    "http.parameter-missing": 400,
    "http.parameter-unknown": 400,
    "http.parameter-value": 400,
    "http.parameters-malformed": 400,
    "http.unknown-profile": 422,
    "http.transform-failed": 422,
    "http.internal": 500,
    "http.read-only": 405,
    "http.id-missing": 400,
    "auth.token-missing": 401,
    "auth.token": 401,
    "auth.token-expired": 401,
    "auth.scope": 403,
    "auth.host": 403,
    "auth.other-organisation": 403,
    "auth.rate": 429,
    "patch.json-shape": 400,
    "patch.path-shape": 400,
    "patch.media-type": 415,
    "store.busy": 503,
    "store.schema-empty": 503,
    "store.schema-foreign": 503,
    "store.schema-old": 503,
    "store.schema-new": 503,
    "store.page": 400,
    "store.search-value": 400,
    "store.search-modifier": 400,
    "store.search-value-set": 400,
    "store.search-chain": 400,
    "store.search-has": 400,
    "store.search-include": 400,
    "store.search-too-deep": 400,
    "store.not-found": 404,
    "store.id-not-own": 404,
    "store.deleted": 410,
    "store.version-conflict": 412,
    "store.exists": 412,
    "store.etag": 400,
    "store.id": 400,
    "store.id-mismatch": 400,
    "store.multiple": 412,
    "store.condition": 400,
    "store.forbidden": 403,
    "store.bundle": 400,
    "store.entry": 400,
    "store.entry-method": 400,
    "store.same-identity": 400,
    "store.same-full-url": 400,
    "store.reference-condition": 412,
    "export.prefer": 400,
    "export.parameter-unknown": 400,
    "export.parameter-value": 400,
    "export.parameter-unsupported": 400,
    "export.filter": 400,
    "export.patient": 400,
    "export.too-many": 429,
    "export.too-often": 429,
    "export.job": 404,
    "export.file": 404,
    "export.range": 416,
    "export.failed": 500,
    "export.group": 404,
    "store.older": 409,
    "store.clash": 409,
    "store.other-owner": 403,
    "json.too-long": 413,
    "print.format": 400,
    "print.language": 400,
    "print.no-care-plan": 404,
    "print.other-care-plans": 404,
    "inbound.no-document": 404,
    "inbound.several": 400,
    "inbound.since": 400,
    "terminology.resource-unknown": 404,
    "terminology.code-unknown": 404,
    "terminology.parameter-missing": 400,
    "terminology.parameters-wrong": 400,
}
# What stands in no row: text that is no JSON is a bad request, anything else is about the content.
AREAS = {"json": 400}
CONTENT = 422

# What Flask and Werkzeug raise by themselves; another status keeps its number with the text of a bad request.
_WERKZEUG = {404: "http.not-found", 405: "http.method", 406: "http.not-acceptable", 413: "http.too-long"}

# What these say is about the program. Other messages quote values, and not only of the request: of the database, too.
_PLAIN = (AttributeError, ImportError, NameError, RecursionError, TypeError)

_log = structlog.get_logger("yhdessa.http")


class Refused(Exception):
    """A request that ends here; carries the issues and, where the table does not decide, the status."""

    def __init__(self, issues: Iterable[Issue], status: int | None = None) -> None:
        self.issues = list(issues)
        self.status = status or status_of(self.issues)
        self.headers: dict[str, str] = {}
        super().__init__(", ".join(found.key for found in self.issues))

    def with_headers(self, headers: Mapping[str, str]) -> "Refused":
        """The same, with headers for its answer."""
        self.headers |= headers
        return self


def refused(key: str, **params: Any) -> Refused:
    """The exception for one issue of the kind `key`."""
    return Refused([issue(key, **params)])


def status_of(issues: Iterable[Issue]) -> int:
    """The HTTP status of the first error among them; 422 where its kind stands in no table."""
    first = next((found for found in issues if found.is_error), None)
    if first is None:
        return 200
    return STATUS.get(first.key) or AREAS.get(first.key.partition(".")[0], CONTENT)


def install(app: Flask) -> None:
    """Make every error of `app` an OperationOutcome."""
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(JsonError, _carried)
    app.register_error_handler(TerminologyError, _carried)
    app.register_error_handler(StoreError, _stored)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def torn(_error: Exception) -> Response:
    """For what the server below raises while it reads a body that is no HTTP."""
    return _http(BadRequest())


def _said(issues: Sequence[Issue], status: int) -> Response:
    # For the use log: which kinds of errors were told, never their texts.
    call().issue_keys = tuple(dict.fromkeys(found.key for found in issues if found.is_error))[:20]
    return fhir(outcome(issues, language()), status)


def _refused(error: Refused) -> Response:
    answer = _said(error.issues, error.status)
    answer.headers.update(error.headers)
    return answer


def _stored(error: StoreError) -> Response:
    return _said(error.issues, status_of(error.issues))


def _carried(error: JsonError | TerminologyError) -> Response:
    return _said([error.issue], status_of([error.issue]))


def _http(error: HTTPException) -> Response:
    status = error.code or 400
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    most = current_app.config["MAX_BODY"]
    params: dict[str, Any] = {"method": request.method, "allowed": allowed, "most": most}
    if status == 406:
        params["possible"] = error.description
    found = issue(_WERKZEUG.get(status, "http.bad-request"), **params)
    answer = _said([found], status)
    if allowed:
        answer.headers["Allow"] = allowed
    return answer


def _unforeseen(error: Exception) -> Response:
    """A fault of ours: the client gets a reference number, the log gets the place and perhaps a redacted message."""
    reference = uuid.uuid4().hex[:12]
    try:
        body = parse(request.get_data())
    except (JsonError, HTTPException, OSError):
        body = None
    told = str(error) if isinstance(error, _PLAIN) else ""
    message = without(told, [body, list(request.values.values()), request.path.split("/")])
    _log.error(
        "internal error", reference=reference, exception=type(error).__name__, message=message, frames=frames(error)
    )
    return _said([issue("http.internal", reference=reference)], 500)
