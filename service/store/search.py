"""Run a search: a page of what is found, in a stable order, with what belongs to it.

https://hl7.org/fhir/R4/search.html#Summary
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ClauseElement,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
)

from service.issues import Issue, issue
from service.store import paging
from service.store.clauses import Compiler, Restriction
from service.store.errors import StoreError
from service.store.include import included
from service.store.parameters import TABLES, Parameters
from service.store.query import Query, Sort
from service.store.raw import Among, Row, Statement
from service.store.records import Stored
from service.store.resources import NOW, SHOWN
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
    if position is not None and (position.digest != query.digest or len(position.values) != len(query.sort)):
        raise StoreError(issue("store.page"))
    asked = Compiler(connection, who, query)
    wanted = asked.restrict()
    snapshot = position.snapshot if position else int(_NEWEST(connection)[0][0])
    if query.summary == "count" or query.count == 0:
        return Found(query, (), (), _total(asked, wanted, query, snapshot, None), None, query.ignored)
    rows = _page(asked, wanted, query, snapshot, position)
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
        total = None if query.total == "none" else _total(asked, wanted, query, snapshot, query.total)
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
    asked = Compiler(connection, who, query)
    wanted = asked.restrict()

    def build() -> ClauseElement:
        row = resource.alias("found")
        fitting = select(row.c.id, row.c.version).where(*wanted.conditions(row, bindparam))
        return fitting.order_by(row.c.rid).limit(most)

    return [(id_, version) for id_, version in asked.run(("matching", wanted.shape, most), build, few=wanted.few)]


def fetch(connection: Connection, rids: list[int]) -> dict[int, Stored]:
    """The current versions of resources by their numbers."""
    return {rid: Stored(*row) for rid, *row in _BODIES(connection, rids)}


_NEWEST = Statement(select(func.coalesce(func.max(resource.c.rid), 0)))
_BODIES = Among(lambda rids: select(resource.c.rid, *SHOWN).select_from(NOW).where(resource.c.rid.in_(rids)))


def _page(
    asked: Compiler, wanted: Restriction, query: Query, snapshot: int, position: paging.Search | None
) -> list[Row]:
    """One row more than fits on the page that comes after `position`: numbers and what they are sorted by."""
    # Of the place only its values are no part of the shape; what comes after nothing is asked for otherwise.
    lacks = None if position is None else tuple(value is None for value in position.values)
    after = {} if position is None else {f"key{at}": value for at, value in enumerate(position.values)}

    def build() -> ClauseElement:
        row = resource.alias("found")
        keys = [_key(one, row, few=wanted.few) for one in query.sort]
        columns = [one.value.label(f"key{at}") for at, one in enumerate(keys)]
        number = _number(row, wanted, query)
        conditions = [*wanted.conditions(row, bindparam), number <= bindparam("snapshot")]
        if lacks is not None:
            conditions.append(_after(keys, lacks, number))
        order = [part for one in keys for part in _order(one)]
        last = row.c.rid.desc() if _backwards(keys) else row.c.rid.asc()
        found = select(row.c.rid, *columns).where(*conditions).order_by(*order, last)
        return found.limit(bindparam("most", type_=Integer))

    place = after if position is None else {**after, "place": position.rid}
    shape = ("page", wanted.shape, query.sort, lacks)
    return asked.run(shape, build, few=wanted.few, snapshot=snapshot, most=query.count + 1, **place)


def _number(row: FromClause, wanted: Restriction, query: Query) -> ColumnElement[int]:
    # With a sum no index serves this: SQLite would rather use it here than for the order or for the few wanted ones,
    # and go through everything.
    return row.c.rid + 0 if query.sort or wanted.few else row.c.rid


def _total(asked: Compiler, wanted: Restriction, query: Query, snapshot: int, exactness: str | None) -> int | None:
    """How many there are; exact where it was asked for, else only while it is small."""
    is_exact = exactness in ("accurate", "estimate")

    def build() -> ClauseElement:
        row = resource.alias("found")
        conditions = [*wanted.conditions(row, bindparam), _number(row, wanted, query) <= bindparam("snapshot")]
        matches = select(row.c.rid).where(*conditions)
        return select(func.count()).select_from((matches if is_exact else matches.limit(COUNTED + 1)).subquery())

    shape = ("total", wanted.shape, bool(query.sort), is_exact)
    counted = int(asked.run(shape, build, few=wanted.few, snapshot=snapshot)[0][0])
    return counted if is_exact or counted <= COUNTED else None


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


def _after(keys: list[_Key], lacks: tuple[bool, ...], number: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition to come after a place in the order of `keys` and the number; `lacks`: it has no value of a key."""
    ways: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for at, (key, is_none) in enumerate(zip(keys, lacks, strict=True)):
        value: BindParameter[Any] | None = None if is_none else bindparam(f"key{at}")
        ways.append(and_(*equal, _beyond(key, value)))
        equal.append(key.value.is_(None) if value is None else key.value == value)
    place: BindParameter[int] = bindparam("place")
    ways.append(and_(*equal, number < place if _backwards(keys) else number > place))
    return or_(*ways)


def _beyond(key: _Key, value: Any) -> ColumnElement[bool]:
    if value is None:
        return false()
    later = key.value < value if key.descending else key.value > value
    return or_(later, key.value.is_(None)) if key.may_lack else later
