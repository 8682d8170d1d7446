"""The use log as AuditEvent resources, for those who may see it: admins all, others what their own clients did.

https://hl7.org/fhir/R4/auditevent.html, 703/2023 10 §
"""

import re
from typing import Any

from flask import Response

from service.api import auditing, bundles
from service.api.answers import fhir, fhir_wanted, language
from service.api.caller import caller, may
from service.api.context import base, store
from service.api.errors import Refused, refused
from service.api.pages import unseal
from service.api.rest import prefer
from service.issues import Issue, issue, outcome
from service.store import StoreError, audit
from service.store.audit import Row
from service.store.audit_event import audit_event
from service.store.query import DEFAULT, MOST, Pair
from service.store.values import span

TYPE = "AuditEvent"
# What the log can be searched by, and the kind of each.
PARAMETERS = {"_id": "token", "date": "date", "entity": "reference", "patient": "reference"}
_DATE = re.compile(r"(eq|ge|gt|le|lt)?(.+)")


def read(id_: str) -> Response:
    """One entry; called by the read of any type."""
    auditing.begin("read", "R", TYPE)
    may("r", TYPE)
    mimetype = fhir_wanted()
    response = fhir(one(id_), mimetype=mimetype)
    response.headers["ETag"] = 'W/"1"'
    return response


def one(id_: str) -> dict[str, Any]:
    """The entry as a resource; ends the request where the caller can know of none."""
    rows = _find({"id_": id_, "count": 1})
    if not rows:
        raise refused("store.not-found", type=TYPE)
    auditing.use().mention(f"{TYPE}/{id_}", None)
    return audit_event(rows[0])


def search(given: list[Pair]) -> Response:
    """Entries, newest first; called by the search of any type with its parameters."""
    auditing.begin("search-type", "E", TYPE)
    may("s", TYPE)
    mimetype = fhir_wanted()
    before = None
    sealed = dict(given).get("_page")
    if sealed is not None:
        page = unseal(sealed, TYPE)
        given, before = list(page.pairs), int(page.at)
    wanted, used, ignored = _wanted(given)
    if ignored and prefer("handling") == "strict":
        raise Refused(ignored, 400)
    count = wanted["count"]
    rows = _find({**wanted, "count": count + 1, "before": before})
    for row in rows[:count]:
        auditing.use().mention(f"{TYPE}/{row.id}", None)
    links = [bundles.link("self", TYPE, used)]
    if len(rows) > count > 0:
        links.append(bundles.next_link(TYPE, used, str(rows[count - 1].seq)))
    entries: list[dict[str, Any]] = [_entry(row) for row in rows[:count]]
    if ignored:
        entries.append({"resource": outcome(ignored, language()), "search": {"mode": "outcome"}})
    made: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return bundles.send(made | ({"entry": entries} if entries else {}), mimetype)


def _entry(row: Row) -> dict[str, Any]:
    return {
        "fullUrl": f"{base()}/{TYPE}/{row.id}",
        "resource": audit_event(row),
        "search": {"mode": "match"},
    }


def _find(wanted: dict[str, Any]) -> list[Row]:
    """The rows that the caller may see."""
    by = caller()
    if by.role != "admin":
        wanted = {**wanted, "organisation": by.organisation}
    with store().database.read() as connection:
        return audit.find(connection, **wanted)


def _wanted(given: list[Pair]) -> tuple[dict[str, Any], list[Pair], list[Issue]]:
    """What to look for, the parameters that say so, and those that say nothing here."""
    wanted: dict[str, Any] = {"count": DEFAULT}
    used: list[Pair] = []
    ignored: list[Issue] = []
    for name, value in given:
        if name in ("_format", "_pretty") or not value:
            continue
        if name == "_count":
            if not (value.isascii() and value.isdigit() and len(value) < 10):
                raise _value(name, value)
            wanted["count"] = min(int(value), MOST)
        elif name == "_id":
            wanted["id_"] = value
        elif name == "date":
            wanted |= _dates(value)
        elif name in ("entity", "patient"):
            wanted["reference"] = value if "/" in value or name == "entity" else f"Patient/{value}"
        else:
            ignored.append(issue("store.search-unknown", parameter=name, type=TYPE))
            continue
        used.append((name, value))
    return wanted, used, ignored


def _dates(text: str) -> dict[str, int]:
    match = _DATE.fullmatch(text)
    times = None if match is None else span(match[2].replace(" ", "+"))
    if match is None or times is None:
        raise _value("date", text)
    low, high = times
    chosen = {
        "ge": {"since": low},
        "gt": {"since": high + 1},
        "le": {"until": high},
        "lt": {"until": low - 1},
    }
    return chosen.get(match[1] or "eq", {"since": low, "until": high})


def _value(name: str, value: str) -> StoreError:
    return StoreError(issue("store.search-value", parameter=name, value=value))
