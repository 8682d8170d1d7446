"""Bundles as answers; the resources in them are the exact bytes that are kept.

https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Response

from service.api.answers import answer, language
from service.api.call import call
from service.api.context import base
from service.api.engine import engine
from service.api.pages import Page, seal
from service.fhir.shown import shown
from service.issues import Issue, outcome
from service.store import Stored
from service.store.query import Pair
from service.store.reading import HistoryPage
from service.store.search import Found
from service.store.values import instant

Json = dict[str, Any]


def exact(one: Stored) -> Any:
    """The resource for a Bundle: its bytes, or read where the answer is to be indented."""
    if call().is_pretty:
        return one.resource()
    return msgspec.Raw(one.body or b"null")


def link(relation: str, path: str, pairs: Iterable[Pair] = ()) -> Json:
    query = urlencode(list(pairs))
    return {"relation": relation, "url": f"{base()}/{path}{'?' if query else ''}{query}".rstrip("/")}


def next_link(path: str, pairs: Sequence[Pair], at: str) -> Json:
    return link("next", path, [("_page", seal(Page(path, tuple(pairs), at)))])


def searchset(found: Found, path: str, pairs: Sequence[Pair], problems: Sequence[Issue] = ()) -> Json:
    """A page of results. `pairs` are the parameters that were used, `problems` go into an outcome at the end."""
    query = found.query
    definitions = engine().converter.definitions

    def resource(one: Stored) -> Any:
        if query.summary in ("false", "count") and not query.elements:
            return exact(one)
        return shown(definitions, one.resource(), query.summary, query.elements)

    entries = [_entry(one, resource(one), "match") for one in found.entries]
    entries += [_entry(one, exact(one), "include") for one in found.included]
    if problems:
        entries.append({"resource": outcome(problems, language()), "search": {"mode": "outcome"}})
    return _bundle("searchset", [link("self", path, pairs)], entries, found.total, path, pairs, found.next)


def history(found: HistoryPage, path: str, pairs: Sequence[Pair]) -> Json:
    """A page of versions, newest first."""
    entries = [history_entry(one) for one in found.entries]
    return _bundle("history", [link("self", path, pairs)], entries, found.total, path, pairs, found.next)


def history_entry(one: Stored) -> Json:
    """One version with what was asked for and what came of it."""
    status = {"DELETE": "204", "POST": "201"}.get(one.method, "201" if one.version == 1 else "200")
    url = one.type if one.method == "POST" else one.reference
    response = {"status": status, "etag": one.etag, "lastModified": instant(one.updated)}
    entry: Json = {"fullUrl": f"{base()}/{one.reference}"}
    entry |= {} if one.deleted else {"resource": exact(one)}
    return entry | {"request": {"method": one.method, "url": url}, "response": response}


def match(one: Stored) -> Json:
    """An entry that was asked for."""
    return _entry(one, exact(one), "match")


def send(bundle: Json, mimetype: str, status: int = 200) -> Response:
    return answer(bundle, status, mimetype)


def _entry(one: Stored, resource: Any, mode: str) -> Json:
    return {"fullUrl": f"{base()}/{one.reference}", "resource": resource, "search": {"mode": mode}}


def _bundle(
    kind: str,
    links: list[Json],
    entries: list[Json],
    total: int | None,
    path: str,
    pairs: Sequence[Pair],
    at: str | None,
) -> Json:
    made: Json = {"resourceType": "Bundle", "type": kind}
    made |= {} if total is None else {"total": total}
    made["link"] = links + ([next_link(path, pairs, at)] if at else [])
    return made | ({"entry": entries} if entries else {})
