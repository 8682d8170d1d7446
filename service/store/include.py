"""What belongs to a page of results: the resources they refer to, and those that refer to them.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, bindparam, select

from service.issues import Issue, issue
from service.store.parameters import Parameters
from service.store.query import Include, Query
from service.store.raw import Among, Row
from service.store.tables import reference, resource
from service.store.visibility import Visibility, visible

MOST = 2000
_ROUNDS = 6
Keys = dict[int, tuple[str, str]]


def included(
    connection: Connection, parameters: Parameters, query: Query, matches: list[int], who: Visibility
) -> tuple[list[int], list[Issue]]:
    """The numbers of what `_include` and `_revinclude` add to `matches`, none twice, at most `MOST`.

    Only `:iterate` looks at what was itself included.
    """
    if not query.includes or not matches:
        return [], []
    seen = _keys(_OF_RIDS(connection, matches))
    latest, added = dict(seen), Keys()
    for turn in range(_ROUNDS):
        wanted = [one for one in query.includes if turn == 0 or one.iterate]
        found = Keys()
        for one in wanted:
            step = _referring if one.reverse else _referred
            found |= step(connection, parameters, one, latest, who)
        latest = {rid: key for rid, key in found.items() if rid not in seen}
        seen |= latest
        added |= latest
        if not latest or len(added) > MOST:
            break
    if len(added) > MOST:
        return list(added)[:MOST], [issue("store.search-included", most=MOST)]
    return list(added), []


_ROW = (resource.c.rid, resource.c.type, resource.c.id)
_OF_RIDS = Among(lambda rids: select(*_ROW).where(resource.c.rid.in_(rids)))
_TARGETS = Among(lambda rids: select(reference.c.param, reference.c.target).where(reference.c.rid.in_(rids)))


def _keys(rows: Iterable[Row]) -> Keys:
    return {rid: (type_name, id_) for rid, type_name, id_ in rows}


def _referred(connection: Connection, parameters: Parameters, one: Include, latest: Keys, who: Visibility) -> Keys:
    """What those of `latest` that have the include's type refer to."""
    rids = [rid for rid, (type_name, _) in latest.items() if one.type in ("", type_name)]
    params = _params(parameters, one, {latest[rid][0] for rid in rids})
    if not rids or not params:
        return {}
    keys = {_split(target) for param, target in _TARGETS(connection, rids) if param in params}
    wanted = {(name, id_) for name, id_ in keys if name and one.target in (None, name)}
    # An id alone almost always means one resource, so the few others are left out here.
    rows = _visible(who)(connection, {id_ for _, id_ in wanted})
    return _keys(sorted(row for row in rows if row[1:] in wanted))


def _params(parameters: Parameters, one: Include, types: Iterable[str]) -> set[int]:
    if one.parameter is not None:
        return {one.parameter.id}
    return {found.id for name in types for found in parameters.of(name).values() if found.kind == "reference"}


def _split(target: str) -> tuple[str, str]:
    type_name, _, id_ = target.partition("/")
    return (type_name, id_) if "/" not in id_ and type_name.isalnum() else ("", "")


@lru_cache(256)
def _visible(who: Visibility) -> Among:
    seen = (resource.c.deleted == 0, visible(who, resource))
    return Among(lambda ids: select(*_ROW).where(resource.c.id.in_(ids), *seen))


def _referring(connection: Connection, _: Parameters, one: Include, latest: Keys, who: Visibility) -> Keys:
    """The resources of the include's type that refer to one of `latest`."""
    if one.parameter is None:
        return {}
    targets = [f"{name}/{id_}" for name, id_ in latest.values() if one.target in (None, name)]
    return _keys(sorted(_referrers(who)(connection, targets, by=one.parameter.id))[: MOST + 1])


@lru_cache(256)
def _referrers(who: Visibility) -> Among:
    joined = reference.join(resource, resource.c.rid == reference.c.rid)
    seen = (reference.c.param == bindparam("by"), resource.c.deleted == 0, visible(who, resource))
    return Among(
        lambda targets: (
            select(*_ROW)
            .select_from(joined)
            .where(reference.c.target.in_(targets), *seen)
            .order_by(resource.c.rid)
            .limit(MOST + 1)
        )
    )
