"""Errors of the HTTP face: one table from the kind of issue to the status, one way out, always an OperationOutcome.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import uuid
from collections.abc import Iterable
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, HTTPException

from service.api.answers import fhir, language
from service.api.logs import frames, without
from service.fhir.json import JsonError, parse
from service.fhir.terminology import TerminologyError
from service.issues import Issue, issue, outcome

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
    "json.too-long": 413,
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

_log = structlog.get_logger("yhdessa.http")


class Refused(Exception):
    """A request that ends here; carries the issues and, where the table does not decide, the status."""

    def __init__(self, issues: Iterable[Issue], status: int | None = None) -> None:
        self.issues = list(issues)
        self.status = status or status_of(self.issues)
        super().__init__(", ".join(found.key for found in self.issues))


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
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def torn(_error: Exception) -> Response:
    """For what the server below raises while it reads a body that is no HTTP."""
    return _http(BadRequest())


def _refused(error: Refused) -> Response:
    return fhir(outcome(error.issues, language()), error.status)


def _carried(error: JsonError | TerminologyError) -> Response:
    return fhir(outcome([error.issue], language()), status_of([error.issue]))


def _http(error: HTTPException) -> Response:
    status = error.code or 400
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    most = current_app.config["MAX_BODY"]
    params: dict[str, Any] = {"method": request.method, "allowed": allowed, "most": most}
    if status == 406:
        params["possible"] = error.description
    found = issue(_WERKZEUG.get(status, "http.bad-request"), **params)
    answer = fhir(outcome([found], language()), status)
    if allowed:
        answer.headers["Allow"] = allowed
    return answer


def _unforeseen(error: Exception) -> Response:
    """A fault of ours: the client gets a reference number, the log gets the place and a redacted message."""
    reference = uuid.uuid4().hex[:12]
    try:
        body = parse(request.get_data())
    except (JsonError, HTTPException, OSError):
        body = None
    message = without(str(error), [body, list(request.values.values()), request.path.split("/")])
    _log.error(
        "internal error", reference=reference, exception=type(error).__name__, message=message, frames=frames(error)
    )
    return fhir(outcome([issue("http.internal", reference=reference)], language()), 500)
