"""Criteria as SQL: which resources of a type are meant, so that the work does not grow with what else is stored.

Each criterion is first counted up to `ENOUGH` rows. The rarest one, where it is rarer than that, gives the resources
and the others are asked of each; where all are common, resources are tried in order until a page is full.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from service.store.parameters import TABLES
from service.store.query import Chain, Composite, Criterion, Has, Leaf, OfRow
from service.store.tables import INDEXES, disclosure, reference, resource
from service.store.terms import LAST
from service.store.visibility import Visibility, visible

ENOUGH = 200


@dataclass(frozen=True, slots=True)
class Clause:
    """A criterion ready to be used: `rows` selects the `rid`s it holds for; `size` is how many, at most `ENOUGH`."""

    rows: Select[int]
    size: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Restriction:
    """Conditions on the rows of one alias of `resource`; `few`: they lead there without trying every resource."""

    conditions: list[ColumnElement[bool]]
    few: bool


class Compiler:
    """Makes conditions of criteria, for what `who` may see."""

    def __init__(self, connection: Connection, who: Visibility) -> None:
        self.connection = connection
        self.who = who

    def restrict(self, row: FromClause, type_name: str, criteria: Sequence[Criterion]) -> Restriction:
        """The conditions for `row` to be a visible resource of that type that fulfils all `criteria`."""
        conditions = [row.c.type == type_name, row.c.deleted == 0, visible(self.who, row)]
        clauses: list[Clause] = []
        few = False
        for one in criteria:
            if isinstance(one, OfRow):
                conditions.append(not_(one.test(row)) if one.negated else one.test(row))
                few |= one.few
            else:
                clauses.append(self._clause(type_name, one))
        if not few and self.who.scope == "recipient":
            clauses.append(self._seen(type_name))
        driver = None if few else min((one for one in clauses if not one.negated), key=_size, default=None)
        if driver is not None and driver.size < ENOUGH:
            few = True
            conditions.append(row.c.rid.in_(driver.rows))
        else:
            driver = None
        conditions += [self._holds(row, one) for one in clauses if one is not driver]
        return Restriction(conditions, few)

    def _holds(self, row: FromClause, clause: Clause) -> ColumnElement[bool]:
        rid = clause.rows.selected_columns[0]
        found = exists(clause.rows.where(rid == row.c.rid).correlate(row))
        return not_(found) if clause.negated else found

    def _clause(self, type_name: str, one: Leaf | Composite | Chain | Has) -> Clause:
        if isinstance(one, Leaf):
            rows = _leaf(one)
            return Clause(rows, ENOUGH if one.negated else self._count(rows), one.negated)
        if isinstance(one, Composite):
            rows = _composite(one)
            return Clause(rows, self._count(rows))
        rows, few = self._chain(one) if isinstance(one, Chain) else self._has(type_name, one)
        return Clause(rows, self._count(rows) if few else ENOUGH)

    def _count(self, rows: Select[int]) -> int:
        some = rows.limit(ENOUGH).subquery()
        return int(self.connection.execute(select(func.count()).select_from(some)).scalar_one())

    def _chain(self, chain: Chain) -> tuple[Select[int], bool]:
        link = reference.alias()
        few: list[Select[str]] = []
        ways: list[ColumnElement[bool]] = []
        for type_name, criterion in chain.inner:
            target = resource.alias()
            found = self.restrict(target, type_name, [criterion])
            if found.few:
                few.append(select(literal(f"{type_name}/") + target.c.id).where(*found.conditions))
            else:
                ways.append(_leads(link, target, type_name, found))
        if few:
            # One list of targets and not several with `or` between them, which PostgreSQL cannot look up in the index.
            ways.append(link.c.target.in_(union_all(*few) if len(few) > 1 else few[0]))
        return select(link.c.rid).where(link.c.param == chain.parameter.id, or_(*ways)), len(few) == len(chain.inner)

    def _has(self, type_name: str, has: Has) -> tuple[Select[int], bool]:
        link, other, this = reference.alias(), resource.alias(), resource.alias()
        found = self.restrict(other, has.type, [has.inner])
        of_this = and_(link.c.param == has.parameter.id, this.c.type == type_name)
        if found.few:
            # The ids of what these refer to, and then the resources that have them.
            start = f"{type_name}/"
            ids = (
                select(func.substr(link.c.target, len(start) + 1))
                .join(other, other.c.rid == link.c.rid)
                .where(link.c.param == has.parameter.id, link.c.target.startswith(start), *found.conditions)
            )
            return select(this.c.rid).where(this.c.type == type_name, this.c.id.in_(ids)), True
        joined = link.join(other, other.c.rid == link.c.rid)
        refers = exists(
            select(link.c.rid)
            .select_from(joined)
            .where(of_this, link.c.target == literal(f"{type_name}/") + this.c.id, *found.conditions)
            .correlate(this)
        )
        return select(this.c.rid).where(this.c.type == type_name, refers), False

    def _seen(self, type_name: str) -> Clause:
        given, own = disclosure.alias(), resource.alias()
        theirs = select(given.c.rid).where(given.c.organisation.in_(self.who.organisations))
        mine = select(own.c.rid).where(own.c.type == type_name, own.c.organisation.in_(self.who.organisations))
        both = theirs.union_all(mine).subquery()
        rows = select(both.c.rid)
        return Clause(rows, self._count(rows))


def _size(clause: Clause) -> int:
    return clause.size


def _leads(link: FromClause, target: FromClause, type_name: str, found: Restriction) -> ColumnElement[bool]:
    """`link` leads to a `target` of that type for which `found` holds; for where these are many."""
    start = f"{type_name}/"
    same = target.c.id == func.substr(link.c.target, len(start) + 1)
    leads = exists(select(target.c.rid).where(same, *found.conditions).correlate(link))
    return and_(link.c.target >= start, link.c.target < start + LAST, leads)


def _leaf(leaf: Leaf) -> Select[int]:
    row = INDEXES[TABLES[leaf.parameter.kind] if leaf.param == leaf.parameter.id else "token"].alias()
    return select(row.c.rid).where(row.c.param == leaf.param, or_(*(test(row) for test in leaf.tests)))


def _composite(one: Composite) -> Select[int]:
    components = one.parameter.components
    rows = [INDEXES[TABLES[component.kind]].alias() for component in components]
    conditions = [row.c.param == component.id for row, component in zip(rows, components, strict=True)]
    conditions += [row.c.rid == rows[0].c.rid for row in rows[1:]]
    conditions += [row.c.part == rows[0].c.part for row in rows[1:]]
    ways = [and_(*(test(row) for test, row in zip(group, rows, strict=True))) for group in one.groups]
    return select(rows[0].c.rid).select_from(*rows).where(*conditions, or_(*ways))
