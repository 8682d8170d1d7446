"""The groups that the service makes itself, beside those that are kept: read and searched as any Group.

https://hl7.org/fhir/R4/group.html
"""

from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from service.api import auditing, search
from service.api.answers import answer, fhir_wanted
from service.api.caller import caller, may
from service.api.context import base, store
from service.api.errors import refused
from service.api.rest import query_pairs
from service.export import filters, groups
from service.export.groups import Group
from service.fhir.json import encode, parse
from service.store import EVERYTHING, Visibility

Json = dict[str, Any]
# Criteria about others, or about when something was written: what is made has no such thing.
_NONE = frozenset({"_has", "_lastUpdated"})

blueprint = Blueprint("export_groups", __name__)


class Made(BaseConverter):
    """The id of a group that is made."""

    regex = r"(?:county|municipality|model|organisation)-[A-Za-z0-9.\-]{1,50}"


@blueprint.record_once
def _converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["made"] = Made


@blueprint.get("/fhir/Group/<made:id_>")
def read_made(id_: str) -> Response:
    auditing.begin("read", "R", f"Group/{id_}")
    may("r", "Group")
    mimetype = fhir_wanted()
    one = groups.read_id(id_)
    if one is None or one not in _visible():
        raise refused("store.not-found", type="Group")
    return answer(one.resource(), mimetype=mimetype)


@blueprint.route("/fhir/Group/<made:id_>", methods=["PUT", "PATCH", "DELETE"])
def write_made(id_: str) -> Response:
    auditing.begin("update", "U", f"Group/{id_}")
    may("u", "Group")
    raise refused("export.group-made", id=id_)


@blueprint.get("/fhir/Group")
def search_get() -> Response:
    return _with_made(search.search("Group"), query_pairs())


def _with_made(found: Response, pairs: list[tuple[str, str]]) -> Response:
    """The first page of a search, with those of our own groups that fit in front."""
    if found.status_code != 200 or any(name == "_page" for name, _ in pairs):
        return found
    fitting = _fitting(pairs)
    bundle: Json = parse(found.get_data())
    if not fitting or bundle.get("type") != "searchset":
        return found
    if "total" in bundle:
        bundle["total"] += len(fitting)
    if request.args.get("_summary") != "count" and request.args.get("_count") != "0":
        made = [_entry(one) for one in fitting]
        bundle["entry"] = [*made, *bundle.get("entry", [])]
    return answer(bundle, mimetype=fhir_wanted())


def _entry(one: Group) -> Json:
    return {"fullUrl": f"{base()}/Group/{one.id}", "resource": one.resource(), "search": {"mode": "match"}}


def _fitting(pairs: list[tuple[str, str]]) -> list[Group]:
    """The groups that the caller sees and that fulfil the search."""
    query = store().query("Group", pairs)
    if any(name.partition(":")[0] in _NONE or "." in name for name, _ in query.used):
        return []
    visible = _visible()
    rows = [(number, one.id, 1, 0, "", encode(one.resource())) for number, one in enumerate(visible)]
    if not query.criteria:
        return visible
    kept = filters.matching(filters.Filter("Group", query), store().parameters, rows)
    return [one for number, one in enumerate(visible) if number in kept]


def _visible() -> list[Group]:
    by = caller()
    who: Visibility = EVERYTHING if by.role == "archive" else by.who
    return groups.catalogue(store().database).groups(who)
