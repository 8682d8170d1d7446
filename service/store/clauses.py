"""Criteria as SQL: which resources of a type are meant, so that the work does not grow with what else is stored.

Each criterion is first counted up to `ENOUGH` rows. The rarest one, where it is rarer than that, gives the resources
and the others are asked of each; where all are common, resources are tried in order until a page is full.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from service.store.parameters import TABLES
from service.store.query import Chain, Composite, Criterion, Has, Leaf, OfRow, Query
from service.store.raw import Row
from service.store.reader import Bind
from service.store.shapes import SHAPES
from service.store.tables import INDEXES, disclosure, reference, resource
from service.store.terms import LAST
from service.store.visibility import Visibility, visible

ENOUGH = 200
Rows = Callable[[Bind], Select[int]]
"""Selects `rid`s, where `Bind` says what stands for each value."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A criterion ready to be used: `rows` are those it holds for; `size` is how many, at most `ENOUGH`.

    `shape` is all of it but the values.
    """

    shape: Hashable
    rows: Rows
    size: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Restriction:
    """`conditions` on the rows of one alias of `resource`; `few`: they lead there without trying every resource.

    `shape` is all of them but the values.
    """

    shape: Hashable
    conditions: Callable[[FromClause, Bind], list[ColumnElement[bool]]]
    few: bool


class Compiler:
    """Makes conditions of the criteria of a query, for what `who` may see; `values` are those in its statements."""

    def __init__(self, connection: Connection, who: Visibility, query: Query) -> None:
        self.connection = connection
        self.who = who
        self.query = query
        self.values = {**query.values, **dict(zip(_named(who), who.organisations, strict=True))}

    def restrict(self) -> Restriction:
        """The conditions for a row to be a visible resource of the query's type that fulfils all criteria."""
        return self._restrict(self.query.type, self.query.criteria)

    def run(
        self, shape: Hashable, build: Callable[[], ClauseElement], *, few: bool = True, **further: Any
    ) -> list[Row]:
        """The rows of a statement of that shape, made with `bindparam` as the `Bind`; `further` are more values.

        `few`: it leads to few rows, as `Restriction` says.
        """
        return SHAPES.run(self.connection, shape, build, {**self.values, **further}, few=few)

    def _restrict(self, type_name: str, criteria: Sequence[Criterion]) -> Restriction:
        of_row = tuple(one for one in criteria if isinstance(one, OfRow))
        clauses = [self._clause(type_name, one) for one in criteria if not isinstance(one, OfRow)]
        few = any(one.few for one in of_row)
        if not few and self.who.scope == "recipient":
            clauses.append(self._seen(type_name))
        usable = [one for one in clauses if not one.negated and one.size < ENOUGH]
        driver = None if few else min(usable, key=_size, default=None)

        def conditions(row: FromClause, bind: Bind) -> list[ColumnElement[bool]]:
            found = [row.c.type == type_name, row.c.deleted == 0, visible(_bound(self.who, bind), row)]
            found += [_of_row(one, row, bind) for one in of_row]
            if driver is not None:
                found.append(row.c.rid.in_(driver.rows(bind)))
            return found + [_holds(row, one, bind) for one in clauses if one is not driver]

        place = next((at for at, one in enumerate(clauses) if one is driver), None)
        own = (type_name, self.who.scope, len(self.who.organisations), of_row)
        shape = (*own, tuple((one.shape, one.negated) for one in clauses), place)
        return Restriction(shape, conditions, few or driver is not None)

    def _clause(self, type_name: str, one: Leaf | Composite | Chain | Has) -> Clause:
        if isinstance(one, Leaf):
            rows: Rows = partial(_leaf, one)
            return Clause(one, rows, ENOUGH if one.negated else self._count(one, rows), one.negated)
        if isinstance(one, Composite):
            rows = partial(_composite, one)
            return Clause(one, rows, self._count(one, rows))
        shape, rows, few = self._chain(one) if isinstance(one, Chain) else self._has(type_name, one)
        return Clause(shape, rows, self._count(shape, rows) if few else ENOUGH)

    def _count(self, shape: Hashable, rows: Rows) -> int:
        def build() -> ClauseElement:
            return select(func.count()).select_from(rows(bindparam).limit(ENOUGH).subquery())

        return int(self.run(("size", shape), build)[0][0])

    def _chain(self, chain: Chain) -> tuple[Hashable, Rows, bool]:
        inner = [(type_name, self._restrict(type_name, [criterion])) for type_name, criterion in chain.inner]

        def rows(bind: Bind) -> Select[int]:
            link = reference.alias()
            few: list[Select[str]] = []
            ways: list[ColumnElement[bool]] = []
            for type_name, found in inner:
                target = resource.alias()
                conditions = found.conditions(target, bind)
                if found.few:
                    few.append(select(literal(f"{type_name}/") + target.c.id).where(*conditions))
                else:
                    ways.append(_leads(link, target, type_name, conditions))
            if few:
                # One list of targets and not several with `or` between, which PostgreSQL cannot look up in the index.
                ways.append(link.c.target.in_(union_all(*few) if len(few) > 1 else few[0]))
            return select(link.c.rid).where(link.c.param == chain.parameter.id, or_(*ways))

        shape = ("chain", chain.parameter, tuple(found.shape for _, found in inner))
        return shape, rows, all(found.few for _, found in inner)

    def _has(self, type_name: str, has: Has) -> tuple[Hashable, Rows, bool]:
        found = self._restrict(has.type, [has.inner])
        start = f"{type_name}/"

        def rows(bind: Bind) -> Select[int]:
            link, other, this = reference.alias(), resource.alias(), resource.alias()
            conditions = found.conditions(other, bind)
            if found.few:
                # The ids of what these refer to, and then the resources that have them.
                ids = (
                    select(func.substr(link.c.target, len(start) + 1))
                    .join(other, other.c.rid == link.c.rid)
                    .where(link.c.param == has.parameter.id, link.c.target.startswith(start), *conditions)
                )
                return select(this.c.rid).where(this.c.type == type_name, this.c.id.in_(ids))
            refers = exists(
                select(link.c.rid)
                .select_from(link.join(other, other.c.rid == link.c.rid))
                .where(link.c.param == has.parameter.id, this.c.type == type_name)
                .where(link.c.target == literal(start) + this.c.id, *conditions)
                .correlate(this)
            )
            return select(this.c.rid).where(this.c.type == type_name, refers)

        return ("has", type_name, has.parameter, found.shape), rows, found.few

    def _seen(self, type_name: str) -> Clause:
        def rows(bind: Bind) -> Select[int]:
            given, own = disclosure.alias(), resource.alias()
            organisations = _bound(self.who, bind).organisations
            theirs = select(given.c.rid).where(given.c.organisation.in_(organisations))
            mine = select(own.c.rid).where(own.c.type == type_name, own.c.organisation.in_(organisations))
            both = theirs.union_all(mine).subquery()
            return select(both.c.rid)

        shape = ("seen", type_name, len(self.who.organisations))
        return Clause(shape, rows, self._count(shape, rows))


def _named(who: Visibility) -> tuple[str, ...]:
    return tuple(f"organisation{at}" for at in range(len(who.organisations)))


def _bound(who: Visibility, bind: Bind) -> Visibility:
    """The same with what stands for its organisations."""
    return replace(who, organisations=tuple(map(bind, _named(who))))


def _of_row(one: OfRow, row: FromClause, bind: Bind) -> ColumnElement[bool]:
    found = or_(*(test.on(row, bind) for test in one.tests))
    return not_(found) if one.negated else found


def _holds(row: FromClause, clause: Clause, bind: Bind) -> ColumnElement[bool]:
    rows = clause.rows(bind)
    found = exists(rows.where(rows.selected_columns[0] == row.c.rid).correlate(row))
    return not_(found) if clause.negated else found


def _size(clause: Clause) -> int:
    return clause.size


def _leads(
    link: FromClause, target: FromClause, type_name: str, conditions: list[ColumnElement[bool]]
) -> ColumnElement[bool]:
    """`link` leads to a `target` of that type for which `conditions` hold; for where these are many."""
    start = f"{type_name}/"
    same = target.c.id == func.substr(link.c.target, len(start) + 1)
    leads = exists(select(target.c.rid).where(same, *conditions).correlate(link))
    return and_(link.c.target >= start, link.c.target < start + LAST, leads)


def _leaf(leaf: Leaf, bind: Bind) -> Select[int]:
    row = INDEXES[TABLES[leaf.parameter.kind] if leaf.param == leaf.parameter.id else "token"].alias()
    return select(row.c.rid).where(row.c.param == leaf.param, or_(*(test.on(row, bind) for test in leaf.tests)))


def _composite(one: Composite, bind: Bind) -> Select[int]:
    components = one.parameter.components
    rows = [INDEXES[TABLES[component.kind]].alias() for component in components]
    conditions = [row.c.param == component.id for row, component in zip(rows, components, strict=True)]
    conditions += [row.c.rid == rows[0].c.rid for row in rows[1:]]
    conditions += [row.c.part == rows[0].c.part for row in rows[1:]]
    ways = [and_(*(test.on(row, bind) for test, row in zip(group, rows, strict=True))) for group in one.groups]
    return select(rows[0].c.rid).select_from(*rows).where(*conditions, or_(*ways))
