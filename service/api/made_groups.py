"""The groups that the service makes itself: read and searched as those that are kept, which come first.

https://hl7.org/fhir/R4/group.html
"""

from typing import Any

from service.api.caller import caller
from service.api.context import base, store
from service.export import filters, groups
from service.export.groups import Group
from service.fhir.json import encode
from service.store import EVERYTHING
from service.store.query import Chain, Has, Query

TYPE = "Group"
Json = dict[str, Any]


def find(id_: str) -> Json | None:
    """The group with this id, if the caller can know of it."""
    one = groups.read_id(id_)
    return None if one is None or one not in _visible() else one.resource()


def with_made(bundle: Json, query: Query) -> Json:
    """The first page of a search with those groups behind it that fulfil it as well."""
    fitting = _fitting(query)
    if not fitting:
        return bundle
    made = dict(bundle)
    if "total" in made:
        made["total"] += len(fitting)
    if query.summary != "count" and query.count:
        made["entry"] = [*bundle.get("entry", []), *map(_entry, fitting)]
    return made


def _entry(one: Group) -> Json:
    return {"fullUrl": f"{base()}/{TYPE}/{one.id}", "resource": one.resource(), "search": {"mode": "match"}}


def _fitting(query: Query) -> list[Group]:
    visible = _visible()
    if not query.criteria:
        return visible
    # Nobody refers to what is made, and it refers to nobody.
    if any(isinstance(one, Chain | Has) for one in query.criteria):
        return []
    rows = [(number, one.id, 1, 0, "", encode(one.resource())) for number, one in enumerate(visible)]
    kept = filters.matching(filters.Filter(TYPE, query), store().parameters, rows)
    return [one for number, one in enumerate(visible) if number in kept]


def _visible() -> list[Group]:
    by = caller()
    return groups.catalogue(store().database).groups(EVERYTHING if by.role == "archive" else by.who)
