"""`POST /documents`: a source document in, its FHIR Bundle or a summary of it out; NDJSON for many."""

import re
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, request

from service.api.answers import FHIR, JSON, NDJSON, answer, body, fhir, language, sent, wanted
from service.api.engine import engine
from service.api.errors import Refused, refused, status_of
from service.fhir.json import encode
from service.issues import Issue, has_errors, issue, outcome
from service.pipeline import Converted

blueprint = Blueprint("documents", __name__)

FHIR_NDJSON = "application/fhir+ndjson"
_TYPES = (JSON, FHIR, NDJSON)
_MANY = (NDJSON, FHIR_NDJSON, JSON, FHIR)
_LINE = re.compile(rb"[^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one document: its HTTP status, what was converted, and where it will be delivered."""

    status: int
    converted: Converted
    deliveries: tuple[dict[str, Any], ...] = ()


def accept(text: bytes) -> Accepted:
    """Convert one document. Nothing is stored, so nothing is new: 200 where it went well, else the error's status."""
    converted = engine().converter.convert_text(text, activity_style=engine().settings.activity_style)
    return Accepted(status_of(converted.issues), converted)


@blueprint.post("/documents")
def documents() -> Response:
    _check_query()
    if sent() == NDJSON:
        return _many()
    if sent() not in (JSON, FHIR):
        raise refused("http.media-type", possible=", ".join((JSON, NDJSON)))
    chosen = wanted(JSON, FHIR)
    if chosen is None:
        raise refused("http.not-acceptable", possible=", ".join((JSON, FHIR)))
    accepted = accept(body())
    if accepted.status >= 400 or accepted.converted.bundle is None:
        raise Refused(accepted.converted.issues, accepted.status)
    if chosen == FHIR:
        return fhir(accepted.converted.bundle, accepted.status)
    return answer(summary(accepted, language()), accepted.status)


def summary(accepted: Accepted, spoken: str) -> dict[str, Any]:
    """What a caller wants to know who does not want the Bundle."""
    converted = accepted.converted
    document = converted.document if isinstance(converted.document, dict) else {}
    well = converted.bundle is not None and not has_errors(converted.issues)
    return {
        **{name: document.get(name) for name in ("id", "kind", "version")},
        "resources": resources(converted.bundle) if well and converted.bundle else [],
        "outcome": outcome(converted.issues, spoken),
        "deliveries": list(accepted.deliveries),
    }


def resources(bundle: dict[str, Any]) -> list[str]:
    """The relative reference of every entry, in the Bundle's order."""
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in bundle.get("entry", [])]


def _check_query() -> None:
    """Nothing is stored yet, so `dry-run` changes nothing; a value that is neither is still an error."""
    for name, value in request.args.items():
        if name == "dry-run" and value not in ("true", "false"):
            raise refused("http.parameter-value", name=name, expected="`true` or `false`")
        if name not in ("dry-run", "_format", "_pretty"):
            raise refused("http.parameter-unknown", known="dry-run, _format, _pretty")


def _many() -> Response:
    chosen = wanted(*_MANY)
    if chosen is None:
        raise refused("http.not-acceptable", possible=", ".join(_MANY))
    data = body()
    as_fhir = chosen in (FHIR, FHIR_NDJSON)
    spoken = language()
    # Not streamed: a fault of ours in the middle must still become a 500 and not a torn answer.
    lines = [
        encode(_line(number, match[0], as_fhir, spoken))
        for number, match in enumerate(_LINE.finditer(data), 1)
        if match[0].strip()
    ]
    if not lines:
        raise Refused([issue("json.empty", line=1, column=1)])
    return Response(b"\n".join([*lines, b""]), content_type=f"{FHIR_NDJSON if as_fhir else NDJSON}; charset=utf-8")


def _line(number: int, text: bytes, as_fhir: bool, spoken: str) -> dict[str, Any]:
    accepted = accept(text)
    if not as_fhir:
        return {"line": number, "status": accepted.status, **summary(accepted, spoken)}
    if accepted.status >= 400 or accepted.converted.bundle is None:
        return outcome(_on_line(accepted.converted.issues, number), spoken)
    return accepted.converted.bundle


def _on_line(issues: list[Issue], number: int) -> list[Issue]:
    return [replace(found, line=number) for found in issues]
