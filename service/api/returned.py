"""`GET /documents`: what has changed; `GET /documents/{id}`: one as it is, with what came back about it."""

import re
from typing import Any

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.answers import JSON, answer, language, wanted
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import refused
from service.fhir.json import parse
from service.inbound.returned import returned
from service.intake import check
from service.issues import outcome
from service.store import answers, cuts, documents
from service.store.answers import DocumentRow
from service.store.values import instant, micros, span

blueprint = Blueprint("returned", __name__)

MOST, USUAL = 1000, 100
# Larger than the number of any document: everything of that moment is known.
_LAST = 10**17
_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})", re.ASCII)


@blueprint.get("/documents")
def changed() -> Response:
    auditing.begin("documents-changed", "R")
    may("s", "*")
    _acceptable()
    _known("changed-since", "_count")
    count = _count()
    since = _since(request.args.get("changed-since"))
    now = micros(store().clock())
    # What is committed later has a later time, so the next call misses nothing and repeats nothing.
    at = store().database.write(lambda connection: cuts.take(connection, now))
    with store().database.read() as connection:
        rows = answers.changed(connection, _organisations(), since, at, count)
    more = len(rows) == count
    following = f"{rows[-1].changed}.{rows[-1].did}" if more else f"{at}.{_LAST}"
    return answer({"documents": [_listed(one) for one in rows], "next": following, "more": more})


@blueprint.get("/documents/<id_>")
def one(id_: str) -> Response:
    auditing.begin("documents-read", "R")
    may("r", "*")
    _acceptable()
    _known("system")
    with store().database.read() as connection:
        rows = answers.find(connection, _organisations(), id_, request.args.get("system"))
        if not rows:
            raise refused("inbound.no-document")
        if len(rows) > 1:
            shown = ", ".join(f"`{row.system}`" for row in rows)
            raise refused("inbound.several", systems=shown)
        row = rows[0]
        text = documents.body(connection, row.did, row.version) or b"{}"
        found = answers.bearings(connection, row.did)
        for reference in documents.resources(connection, row.did):
            auditing.use().mention("/".join(reference), None)
    document = parse(text)
    view = returned(document, found)
    made: dict[str, Any] = {**_listed(row), "document": document, **view}
    if view["merged"] != document:
        made["outcome"] = outcome(check(view["merged"]), language())
    return answer(made)


def _listed(row: DocumentRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "version": row.version,
        "source": {"organisation": row.organisation, "system": row.system},
        "changed": instant(row.changed),
    }


def _organisations() -> tuple[str, ...] | None:
    """Whose documents the caller may see: an administrator all, a source its own, nobody else any."""
    by = caller()
    if by.role == "admin":
        return None
    return (by.organisation,) if by.role == "source" else ()


def _since(text: str | None) -> tuple[int, int]:
    if text is None:
        return (-1, _LAST)
    token = _TOKEN.fullmatch(text)
    if token is not None:
        return int(token[1]), int(token[2])
    # A plus sign in a query is a space to a form decoder; nobody means the space.
    found = span(text.replace(" ", "+"))
    if found is None:
        raise refused("inbound.since")
    return (found[0] - 1, _LAST)


def _count() -> int:
    text = request.args.get("_count", str(USUAL))
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise refused("http.parameter-value", name="_count", expected="a whole number from 1")
    return min(int(text), MOST)


def _known(*names: str) -> None:
    known = (*names, "_format", "_pretty")
    if any(name not in known for name in request.args):
        raise refused("http.parameter-unknown", known=", ".join(known))


def _acceptable() -> None:
    if wanted(JSON) is None:
        raise refused("http.not-acceptable", possible=JSON)
