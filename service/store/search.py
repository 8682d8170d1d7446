"""Run a search: a page of what is found, in a stable order, with what belongs to it.

https://hl7.org/fhir/R4/search.html#Summary
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, false, func, or_, select

from service.issues import Issue, issue
from service.store import paging
from service.store.clauses import Compiler
from service.store.errors import StoreError
from service.store.include import included
from service.store.parameters import TABLES, Parameters
from service.store.query import Query, Sort
from service.store.records import Stored
from service.store.resources import NOW, SHOWN, stored_of
from service.store.tables import INDEXES, resource
from service.store.visibility import Visibility

# How far is counted for a total that nobody asked for.
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: `entries` match, `included` belong to them; `next` is the token of the next page.

    `total` is missing where nobody asked for it and it is large.
    """

    query: Query
    entries: tuple[Stored, ...]
    included: tuple[Stored, ...]
    total: int | None
    next: str | None
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class _Key:
    """One thing to sort by; what has no value comes last in both directions."""

    value: ColumnElement[Any]
    descending: bool
    may_lack: bool


def search(
    connection: Connection, parameters: Parameters, query: Query, who: Visibility, page: str | None = None
) -> Found:
    """One page. Raises `StoreError` where `page` is no token of this search."""
    position = paging.decode_search(page) if page else None
    if position is not None and position.digest != query.digest:
        raise StoreError(issue("store.page"))
    row = resource.alias("found")
    wanted = Compiler(connection, who).restrict(row, query.type, query.criteria)
    snapshot = position.snapshot if position else _newest(connection)
    keys = [_key(one, row, few=wanted.few) for one in query.sort]
    # With a sum no index serves this: SQLite would rather use it here than for the order or for the few wanted ones,
    # and go through everything.
    number = row.c.rid + 0 if keys or wanted.few else row.c.rid
    conditions = [*wanted.conditions, number <= snapshot]
    if query.summary == "count" or query.count == 0:
        return Found(query, (), (), _total(connection, row, conditions, None), None, query.ignored)
    columns = [one.value.label(f"key{at}") for at, one in enumerate(keys)]
    after = [] if position is None else [_after(keys, position, number)]
    order = [part for one in keys for part in _order(one)]
    last = row.c.rid.desc() if _backwards(keys) else row.c.rid.asc()
    statement = select(row.c.rid, *columns).where(*conditions, *after).order_by(*order, last)
    rows = connection.execute(statement.limit(query.count + 1)).all()
    shown = rows[: query.count]
    more = len(rows) > query.count
    token = (
        paging.encode_search(paging.Search(snapshot, query.digest, tuple(shown[-1][1:]), shown[-1][0]))
        if more
        else None
    )
    if position is None and not more:
        total: int | None = len(rows)
    else:
        total = None if query.total == "none" else _total(connection, row, conditions, query.total)
    rids = [one[0] for one in shown]
    further, issues = included(connection, parameters, query, rids, who)
    bodies = fetch(connection, [*rids, *further])
    return Found(
        query,
        tuple(bodies[rid] for rid in rids if rid in bodies),
        tuple(bodies[rid] for rid in further if rid in bodies),
        total,
        token,
        (*query.ignored, *issues),
    )


def matching(connection: Connection, query: Query, who: Visibility, most: int = 2) -> list[tuple[str, int]]:
    """Id and version of up to `most` resources that fulfil the criteria of `query`, oldest first."""
    row = resource.alias("found")
    wanted = Compiler(connection, who).restrict(row, query.type, query.criteria)
    statement = select(row.c.id, row.c.version).where(*wanted.conditions).order_by(row.c.rid).limit(most)
    return [(one.id, one.version) for one in connection.execute(statement)]


def fetch(connection: Connection, rids: list[int]) -> dict[int, Stored]:
    """The current versions of resources by their numbers."""
    found: dict[int, Stored] = {}
    for start in range(0, len(rids), 500):
        some = rids[start : start + 500]
        rows = connection.execute(select(resource.c.rid, *SHOWN).select_from(NOW).where(resource.c.rid.in_(some)))
        found |= {row.rid: stored_of(row) for row in rows}
    return found


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(resource.c.rid), 0))).scalar_one())


def _total(
    connection: Connection, row: FromClause, conditions: list[ColumnElement[bool]], asked: str | None
) -> int | None:
    """How many there are; exact where it was asked for, else only while it is small."""
    matches = select(row.c.rid).where(*conditions)
    if asked != "accurate" and asked != "estimate":
        few = matches.limit(COUNTED + 1).subquery()
        counted = int(connection.execute(select(func.count()).select_from(few)).scalar_one())
        return counted if counted <= COUNTED else None
    return int(connection.execute(select(func.count()).select_from(matches.subquery())).scalar_one())


def _key(sort: Sort, row: FromClause, *, few: bool) -> _Key:
    if sort.parameter is None:
        # Where few are wanted, the index must not be used for the order; see above.
        updated = row.c.updated + 0 if few else row.c.updated
        return _Key(row.c.id if sort.code == "_id" else updated, sort.descending, False)
    table = INDEXES[TABLES[sort.parameter.kind]].alias()
    first, last = _SORTED_BY[TABLES[sort.parameter.kind]]
    value = func.max(table.c[last]) if sort.descending else func.min(table.c[first])
    of_row = select(value).where(table.c.rid == row.c.rid, table.c.param == sort.parameter.id).correlate(row)
    return _Key(of_row.scalar_subquery(), sort.descending, True)


_SORTED_BY = {
    "token": ("code", "code"),
    "reference": ("target", "target"),
    "string": ("norm", "norm"),
    "date": ("low", "high"),
    "quantity": ("low", "high"),
}


def _order(key: _Key) -> list[ColumnElement[Any]]:
    own = key.value.desc() if key.descending else key.value.asc()
    return [case((key.value.is_(None), 1), else_=0), own] if key.may_lack else [own]


def _backwards(keys: list[_Key]) -> bool:
    """Whether equals stand newest first: in the direction of the last key, so that an index can give the order."""
    return bool(keys) and keys[-1].descending


def _after(keys: list[_Key], position: paging.Search, number: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition to come after `position` in the order of `keys` and the number."""
    if len(keys) != len(position.values):
        raise StoreError(issue("store.page"))
    ways: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, value in zip(keys, position.values, strict=True):
        ways.append(and_(*equal, _beyond(key, value)))
        equal.append(key.value.is_(None) if value is None else key.value == value)
    further = number < position.rid if _backwards(keys) else number > position.rid
    ways.append(and_(*equal, further))
    return or_(*ways)


def _beyond(key: _Key, value: Any) -> ColumnElement[bool]:
    if value is None:
        return false()
    later = key.value < value if key.descending else key.value > value
    return or_(later, key.value.is_(None)) if key.may_lack else later
