"""search of a type: `GET /fhir/<type>?…` and `POST /fhir/<type>/_search`.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/search.html
"""

from dataclasses import replace

from flask import Blueprint, Response, request

from service.api import audit_events, auditing, bundles, made_groups, operation_definitions
from service.api.answers import body, fhir_wanted
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import Refused, refused
from service.api.interactions import Interaction
from service.api.pages import unseal
from service.api.rest import known, pairs_of, prefer, query_pairs
from service.api.scopes import covers
from service.store.query import Pair, Query
from service.store.search import Found

INTERACTIONS = (Interaction("search-type"),)
FORM = "application/x-www-form-urlencoded"

blueprint = Blueprint("search", __name__)


@blueprint.get("/fhir/<type:type_name>")
def search(type_name: str) -> Response:
    return _answer(type_name, query_pairs())


@blueprint.post("/fhir/<type:type_name>/_search")
def search_post(type_name: str) -> Response:
    auditing.begin("search-type", "E", type_name)
    text = body()
    if text and request.mimetype.lower() != FORM:
        raise refused("http.media-type", possible=FORM)
    return _answer(type_name, [*query_pairs(), *pairs_of(text.decode("utf-8", "replace"))])


def _answer(type_name: str, given: list[Pair]) -> Response:
    if type_name == audit_events.TYPE:
        return audit_events.search(given)
    # What was searched for can be about a person: only the names of the parameters are logged.
    auditing.begin("search-type", "E", type_name)
    may("s", known(type_name))
    mimetype = fhir_wanted()
    if type_name == operation_definitions.TYPE and (own := operation_definitions.by_url(given)):
        return bundles.send(own, mimetype)
    sealed = next((value for name, value in given if name == "_page"), None)
    at = None
    if sealed is not None:
        page = unseal(sealed, type_name)
        given, at = list(page.pairs), page.at
    query = store().query(type_name, given)
    auditing.use().description = " ".join([type_name, *dict.fromkeys(name for name, _ in query.used)])
    _check(query)
    found = permitted(store().search(query, caller().who, at))
    auditing.use().touch(*found.entries, *found.included)
    made = bundles.searchset(found, type_name, query.used, found.issues)
    if type_name == made_groups.TYPE and at is None:
        made = made_groups.with_made(made, query)
    return bundles.send(made, mimetype)


def _check(query: Query) -> None:
    """End the request where something was not understood and the client does not want it ignored."""
    if query.ignored and prefer("handling") == "strict":
        raise Refused(query.ignored, 400)


def permitted(found: Found) -> Found:
    """The same without included resources whose types the caller has no scope for."""
    scopes = caller().scopes
    return replace(found, included=tuple(one for one in found.included if covers(scopes, one.type, "r")))
