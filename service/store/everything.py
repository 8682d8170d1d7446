"""All that belongs to one resource: what refers to it, and what it and they refer to, as far as `who` may see.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, and_, or_, select

from service.store.parameters import Parameters
from service.store.records import Stored
from service.store.search import fetch
from service.store.tables import reference, resource
from service.store.visibility import Visibility, visible

MOST = 5000
Key = tuple[str, str]


def everything(
    connection: Connection,
    parameters: Parameters,
    key: Key,
    who: Visibility,
    *,
    rounds: int = 2,
    types: Collection[str] = (),
    since: int | None = None,
    not_through: Collection[str] = ("Patient",),
) -> list[Stored]:
    """The resource `key`, whatever refers to it, and what these refer to up to `rounds` steps away; oldest first.

    Of the types `not_through` only `key` itself and what it names are included: one child's record does not bring along
    the others'.
    `since` (microseconds) and `types` choose among what was found. At most `MOST`.
    """
    seen = _visible(connection, [key], who)
    if not seen:
        return []
    latest = seen | _referring(connection, parameters, key, who)
    # A plan is about the children it names; from a child no way leads to another.
    if key[0] not in not_through:
        latest |= _visible(connection, _targets(connection, seen), who)
    found = dict(latest)
    for _ in range(rounds):
        targets = _targets(connection, latest)
        wanted = [one for one in targets if one not in found.values() and one[0] not in not_through]
        latest = _visible(connection, wanted, who)
        if not latest or len(found) > MOST:
            break
        found |= latest
    chosen = sorted(rid for rid, one in found.items() if not types or one[0] in types)[:MOST]
    bodies = fetch(connection, chosen)
    return [bodies[rid] for rid in chosen if rid in bodies and (since is None or bodies[rid].updated >= since)]


def _referring(connection: Connection, parameters: Parameters, key: Key, who: Visibility) -> dict[int, Key]:
    params = _referring_params(parameters, key[0])
    pointing = select(reference.c.rid).where(reference.c.param.in_(params), reference.c.target == "/".join(key))
    statement = select(resource.c.rid, resource.c.type, resource.c.id).where(
        resource.c.rid.in_(pointing), resource.c.deleted == 0, visible(who, resource), resource.c.type != key[0]
    )
    return {row.rid: (row.type, row.id) for row in connection.execute(statement.order_by(resource.c.rid).limit(MOST))}


def _referring_params(parameters: Parameters, type_name: str) -> list[int]:
    """The numbers of every search parameter that can refer to a type."""
    kinds = parameters.definitions.types()
    return [
        one.id
        for name, kind in kinds.items()
        if kind == "resource"
        for one in parameters.of(name).values()
        if one.kind == "reference" and type_name in one.targets
    ]


def _targets(connection: Connection, latest: Iterable[int]) -> set[Key]:
    rids = sorted(latest)
    found: set[Key] = set()
    for start in range(0, len(rids), 500):
        statement = select(reference.c.target).where(reference.c.rid.in_(rids[start : start + 500])).distinct()
        for row in connection.execute(statement):
            type_name, _, id_ = row.target.partition("/")
            if "/" not in id_ and ":" not in type_name:
                found.add((type_name, id_))
    return found


def _visible(connection: Connection, keys: Iterable[Key], who: Visibility) -> dict[int, Key]:
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in sorted(keys):
        by_type.setdefault(type_name, []).append(id_)
    if not by_type:
        return {}
    these = or_(*(and_(resource.c.type == name, resource.c.id.in_(ids)) for name, ids in by_type.items()))
    statement = select(resource.c.rid, resource.c.type, resource.c.id).where(
        these, resource.c.deleted == 0, visible(who, resource)
    )
    return {row.rid: (row.type, row.id) for row in connection.execute(statement)}
