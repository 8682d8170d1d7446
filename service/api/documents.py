"""`POST /documents`: a source document in, its FHIR Bundle or a summary of it out; NDJSON for many."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from service.accept import accept, rehearse
from service.api import auditing
from service.api.answers import FHIR, JSON, NDJSON, answer, body, fhir, language, sent, wanted
from service.api.call import call
from service.api.caller import caller, may
from service.api.context import store
from service.api.engine import engine
from service.api.errors import Refused, refused, status_of
from service.api.metrics import count_document
from service.fhir.json import encode
from service.issues import Issue, issue, outcome
from service.store import StoreError
from service.store.keeping import Accepted, without
from service.store.outbox import Delivery
from service.store.values import instant

blueprint = Blueprint("documents", __name__)

FHIR_NDJSON = "application/fhir+ndjson"
_TYPES = (JSON, FHIR, NDJSON)
_MANY = (NDJSON, FHIR_NDJSON, JSON, FHIR)
_LINE = re.compile(rb"[^\n]*\n?")


# What became of a document: its HTTP status.
STATUS = {"created": 201, "updated": 201, "unchanged": 200, "older": 409, "clash": 409}


def take(text: bytes, *, dry_run: bool, whole: bool, event: bool) -> Accepted:
    """Accept one document, or only convert it; `whole`: with its Bundle, also where it was here already.

    With `event` the call is logged in the same transaction, where something is written.
    """
    only = _only()
    style = engine().settings.activity_style
    if dry_run:
        done = rehearse(engine().converter, text, only=only, activity_style=style)
    else:
        by, moment = caller(), call().app.extensions["yhdessa-clock"]()
        entry = auditing.event() if event else None
        done = accept(
            engine().converter,
            store(),
            text,
            now=moment,
            author=by.author,
            event=entry,
            shortcut=not whole,
            only=only,
            activity_style=style,
        )
    used = auditing.use()
    used.is_recorded = event and not dry_run and done.status in ("created", "updated")
    if not used.is_recorded:
        for reference in (*done.resources, *done.written):
            used.mention(reference, None)
        used.of(*{one.stored.organisation for one in done.written.values() if one.stored is not None})
    count_document(done.status, done.issues)
    return done


def status_of_document(done: Accepted) -> int:
    return STATUS.get(done.status) or status_of(done.issues)


def _only() -> str | None:
    """The organisation whose documents the caller may bring; None where anybody's. Ends the request of others."""
    may("c", "*")
    may("u", "*")
    by = caller()
    return None if by.role == "admin" else by.organisation


@blueprint.post("/documents")
def documents() -> Response:
    auditing.begin("documents", "C")
    _check_query()
    given = sent()
    if given == NDJSON:
        return _many()
    if given not in (JSON, FHIR):
        raise refused("http.media-type", possible=", ".join((JSON, NDJSON)))
    chosen = wanted(JSON, FHIR)
    if chosen is None:
        raise refused("http.not-acceptable", possible=", ".join((JSON, FHIR)))
    done = take(body(), dry_run=_dry_run(), whole=chosen == FHIR, event=True)
    status = status_of_document(done)
    if status >= 400:
        raise Refused(done.issues, status)
    if chosen == FHIR and done.converted is not None and done.converted.bundle is not None:
        return fhir(done.converted.bundle, status)
    return answer(summary(done, language()), status)


def summary(done: Accepted, spoken: str) -> dict[str, Any]:
    """What a caller wants to know who does not want the Bundle."""
    return {
        "id": done.id,
        "kind": done.kind,
        "version": done.version,
        "resources": list(done.resources),
        "outcome": outcome(done.issues, spoken),
        "deliveries": [_delivery(one) for one in done.deliveries],
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    row = {
        "id": one.id,
        "recipient": one.receiver,
        "reference": one.reference,
        "version": one.version,
        "payload": one.payload,
        "state": one.state,
        "notBefore": instant(one.not_before),
    }
    return row | ({"reason": one.reason} if one.reason else {})


def _check_query() -> None:
    request = call().request
    for name, value in request.args.items() if request.query_string else ():
        if name == "dry-run" and value not in ("true", "false"):
            raise refused("http.parameter-value", name=name, expected="`true` or `false`")
        if name not in ("dry-run", "_format", "_pretty"):
            raise refused("http.parameter-unknown", known="dry-run, _format, _pretty")


def _dry_run() -> bool:
    return call().parameter("dry-run", None) == "true"


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
    try:
        done = take(text, dry_run=_dry_run(), whole=as_fhir, event=False)
        status = status_of_document(done)
    except (Refused, StoreError) as error:
        # Only this line cannot be accepted; those before it are.
        done, status = without("invalid", None, error.issues), status_of(error.issues)
    if not as_fhir:
        return {"line": number, "status": status, **summary(done, spoken)}
    if status >= 400 or done.converted is None or done.converted.bundle is None:
        return outcome(_on_line(done.issues, number), spoken)
    return done.converted.bundle


def _on_line(issues: Iterable[Issue], number: int) -> list[Issue]:
    return [replace(found, line=number) for found in issues]
