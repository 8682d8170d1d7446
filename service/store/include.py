"""What belongs to a page of results: the resources they refer to, and those that refer to them.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, or_, select

from service.issues import Issue, issue
from service.store.parameters import Parameters
from service.store.query import Include, Query
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
    seen = _keys(connection, matches)
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


def _keys(connection: Connection, rids: list[int]) -> Keys:
    statement = select(resource.c.rid, resource.c.type, resource.c.id).where(resource.c.rid.in_(rids))
    return {row.rid: (row.type, row.id) for row in connection.execute(statement)}


def _referred(connection: Connection, parameters: Parameters, one: Include, latest: Keys, who: Visibility) -> Keys:
    """What those of `latest` that have the include's type refer to."""
    rids = [rid for rid, (type_name, _) in latest.items() if one.type in ("", type_name)]
    params = _params(parameters, one, {latest[rid][0] for rid in rids})
    if not rids or not params:
        return {}
    statement = select(reference.c.target).where(reference.c.rid.in_(rids), reference.c.param.in_(params)).distinct()
    targets = sorted({row.target for row in connection.execute(statement)})
    return _visible(connection, (_split(target) for target in targets), one.target, who)


def _params(parameters: Parameters, one: Include, types: Iterable[str]) -> list[int]:
    if one.parameter is not None:
        return [one.parameter.id]
    return [found.id for name in types for found in parameters.of(name).values() if found.kind == "reference"]


def _split(target: str) -> tuple[str, str]:
    type_name, _, id_ = target.partition("/")
    return (type_name, id_) if "/" not in id_ and type_name.isalnum() else ("", "")


def _visible(connection: Connection, keys: Iterable[tuple[str, str]], only: str | None, who: Visibility) -> Keys:
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in keys:
        if type_name and only in (None, type_name):
            by_type.setdefault(type_name, []).append(id_)
    if not by_type:
        return {}
    these = or_(*(and_(resource.c.type == name, resource.c.id.in_(ids)) for name, ids in by_type.items()))
    statement = (
        select(resource.c.rid, resource.c.type, resource.c.id)
        .where(these, resource.c.deleted == 0, visible(who, resource))
        .order_by(resource.c.rid)
    )
    return {row.rid: (row.type, row.id) for row in connection.execute(statement)}


def _referring(connection: Connection, _: Parameters, one: Include, latest: Keys, who: Visibility) -> Keys:
    """The resources of the include's type that refer to one of `latest`."""
    targets = [f"{name}/{id_}" for name, id_ in latest.values() if one.target in (None, name)]
    if one.parameter is None or not targets:
        return {}
    statement = (
        select(resource.c.rid, resource.c.type, resource.c.id)
        .join(reference, reference.c.rid == resource.c.rid)
        .where(reference.c.param == one.parameter.id, reference.c.target.in_(targets))
        .where(resource.c.deleted == 0, visible(who, resource))
        .order_by(resource.c.rid)
        .limit(MOST + 1)
    )
    return {row.rid: (row.type, row.id) for row in connection.execute(statement)}
