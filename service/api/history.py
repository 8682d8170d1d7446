"""history of a resource, of a type and of everything.

https://hl7.org/fhir/R4/http.html#history
"""

from typing import Any

from flask import Blueprint, Response

from service.api import auditing, bundles
from service.api.answers import fhir_wanted
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import refused
from service.api.interactions import Interaction
from service.api.pages import unseal
from service.api.rest import known, query_pairs
from service.store.query import DEFAULT, MOST, Pair
from service.store.values import span

INTERACTIONS = (
    Interaction("history-instance"),
    Interaction("history-type"),
    Interaction("history-system", level="system"),
)
KNOWN = ("_since", "_at", "_count")

blueprint = Blueprint("history", __name__)


@blueprint.get("/fhir/<type:type_name>/<fid:id_>/_history")
def history_instance(type_name: str, id_: str) -> Response:
    auditing.begin("history-instance", "R")
    may("r", known(type_name))
    return _answer(f"{type_name}/{id_}/_history", type_name=type_name, id_=id_)


@blueprint.get("/fhir/<type:type_name>/_history")
def history_type(type_name: str) -> Response:
    auditing.begin("history-type", "R")
    may("r", known(type_name))
    return _answer(f"{type_name}/_history", type_name=type_name)


@blueprint.get("/fhir/_history")
def history_system() -> Response:
    auditing.begin("history-system", "R")
    may("r", "*")
    return _answer("_history")


def _answer(path: str, **what: Any) -> Response:
    mimetype = fhir_wanted()
    pairs, at = _pairs(path)
    wanted = _wanted(dict(pairs))
    found = store().history(caller().who, **what, **wanted, page=at)
    if not found.entries and "id_" in what and at is None and "since" not in wanted and "at" not in wanted:
        raise refused("store.not-found", type=what["type_name"])
    auditing.use().touch(*found.entries)
    return bundles.send(bundles.history(found, path, pairs), mimetype)


def _pairs(path: str) -> tuple[list[Pair], str | None]:
    """The parameters that are used, and where a further page begins."""
    given = [one for one in query_pairs() if one[0] not in ("_format", "_pretty")]
    sealed = dict(given).get("_page")
    if sealed is not None:
        page = unseal(sealed, path)
        return list(page.pairs), page.at
    for name, _ in given:
        if name not in KNOWN:
            raise refused("http.parameter-unknown", known=", ".join(KNOWN))
    return given, None


def _wanted(given: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {"count": DEFAULT}
    for name in ("_since", "_at"):
        if name in given:
            # A space is a plus sign that was not escaped, and only an offset can have one.
            times = span(given[name].replace(" ", "+"))
            if times is None:
                raise refused("http.parameter-value", name=name, expected="a date or an instant")
            wanted |= {"since": times[0]} if name == "_since" else {"at": times}
    if "_count" in given:
        text = given["_count"]
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise refused("http.parameter-value", name="_count", expected="a whole number")
        wanted["count"] = min(int(text), MOST)
    return wanted
