"""What is to be delivered: one row for each recipient of each version of a plan, written with the plan itself.

    waiting ─▶ (leased) ─▶ delivered | parked (by itself) | cancelled (by permission, or a newer version)

A row that is leased is `waiting` as well; `doubt` says that its receiver may have it without our knowing.
"""

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, Select, and_, func, literal_column, or_, select, update

from service.fhir.json import parse
from service.store.bulk import insert_rows
from service.store.raw import Among
from service.store.tables import outbox

WAITING = "waiting"
DELIVERED = "delivered"
PARKED = "parked"
CANCELLED = "cancelled"
STATES = (WAITING, DELIVERED, PARKED, CANCELLED)
PLAN = "shared-plan"
WITHDRAWAL = "withdrawal"
# A call to a source system that something came back; its receiver is a Subscription, not an organisation.
NOTIFICATION = "notification"


class Delivery(msgspec.Struct, frozen=True):
    """One row: `receiver` is an organisation's OID (or its reference, where it has none); times in microseconds.

    `status` is what came of the last attempt: what the receiver answered, or the key of an issue.
    """

    receiver: str
    family: str
    reference: str
    version: int
    payload: str
    not_before: int
    state: str = WAITING
    reason: str | None = None
    id: int | None = None
    created: int = 0
    attempts: int = 0
    lease_until: int | None = None
    lease_owner: str | None = None
    turn: int = 0
    terms: bytes | None = None
    doubt: int = 0
    as_of: int | None = None
    status: str | None = None
    delivered: int | None = None
    confirmed: str | None = None
    digest: bytes | None = None
    contents: bytes | None = None

    def in_hand(self, now: int) -> bool:
        """Whether a worker has it right now."""
        return self.state == WAITING and self.lease_until is not None and self.lease_until > now


_COLUMNS = Delivery.__struct_fields__
_WRITTEN = tuple(name for name in _COLUMNS if name != "id")
_VALUES = operator.attrgetter(*_WRITTEN)
COLUMNS = tuple(outbox.c[name] for name in _COLUMNS)


def _about(references: list[BindParameter[Any]]) -> Select[Any]:
    return select(*COLUMNS).where(outbox.c.reference.in_(references)).order_by(outbox.c.id)


_ABOUT, _LOCKED = Among(_about), Among(lambda references: _about(references).with_for_update())


def enqueue(connection: Connection, deliveries: Sequence[Delivery], now: int) -> list[Delivery]:
    """Write the rows that are not there yet; gives those, with their ids."""
    if not deliveries:
        return []
    rows = [_VALUES(msgspec.structs.replace(one, created=now)) for one in deliveries]
    return [of_columns(row) for row in insert_rows(connection, outbox, _WRITTEN, rows, returning=_COLUMNS)]


def of(connection: Connection, references: Iterable[str], *, lock: bool = False) -> list[Delivery]:
    """Every row about these resources, in the order they were written; with `lock`, nobody else changes them now."""
    rows = (_LOCKED if lock else _ABOUT)(connection, set(references))
    return sorted(map(of_columns, rows), key=lambda one: one.id or 0)


def get(connection: Connection, id_: int) -> Delivery | None:
    row = connection.execute(select(*COLUMNS).where(outbox.c.id == id_)).one_or_none()
    return None if row is None else of_columns(row)


def change(connection: Connection, ids: Iterable[int], states: Sequence[str], values: Mapping[str, Any]) -> int:
    """Change the rows that are in one of these states and not in anybody's hand at `values["at"]`; how many that are.

    `at` (microseconds) is not a column: it is the moment that a lease must have ended by.
    """
    at = values["at"]
    free = or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= at)
    these = and_(outbox.c.id.in_(sorted(ids)), outbox.c.state.in_(states), free)
    given = {name: value for name, value in values.items() if name != "at"}
    return int(connection.execute(update(outbox).where(these).values(**given)).rowcount)


def resolved(connection: Connection, ids: Iterable[int]) -> None:
    """These rows, which were cancelled in doubt, are known to have arrived."""
    these = (outbox.c.id.in_(sorted(ids)), outbox.c.state == CANCELLED)
    connection.execute(update(outbox).where(*these).values(doubt=0, status="found"))


_WITHDRAWN = Among(
    lambda references: (
        select(outbox.c.receiver, outbox.c.reference, func.max(outbox.c.id))
        .where(outbox.c.reference.in_(references), outbox.c.payload == WITHDRAWAL, outbox.c.state != CANCELLED)
        .group_by(outbox.c.receiver, outbox.c.reference)
    )
)


def withdrawn_after(connection: Connection, given: Collection[Delivery]) -> set[int]:
    """Which of these rows' receivers are to give back what the rows bring: a withdrawal was written after them."""
    found = _WITHDRAWN(connection, {one.reference for one in given})
    last = {(receiver, reference): int(id_) for receiver, reference, id_ in found}
    return {one.id for one in given if one.id is not None and last.get((one.receiver, one.reference), 0) > one.id}


def held_with_others(connection: Connection, receiver: str, family: str, plan: str) -> set[tuple[str, str]]:
    """What (type and id) the receiver has with other plans of the family, which are not to be taken back."""
    given = and_(outbox.c.payload != WITHDRAWAL, outbox.c.state == DELIVERED)
    taken_back = and_(outbox.c.payload == WITHDRAWAL, outbox.c.state != CANCELLED)
    others = (outbox.c.family == family, outbox.c.receiver == receiver, outbox.c.reference != plan)
    statement = select(outbox.c.reference, outbox.c.payload, outbox.c.contents).where(*others, or_(given, taken_back))
    held: dict[str, set[tuple[str, str]]] = {}
    for row in connection.execute(statement.order_by(outbox.c.id)):
        if row.payload == WITHDRAWAL:
            held.pop(row.reference, None)
        else:
            held.setdefault(row.reference, set()).update(keys(row.contents))
    return {key for some in held.values() for key in some}


def keys(contents: bytes | None) -> set[tuple[str, str]]:
    """The types and ids of what was given."""
    found = (reference.partition("/") for reference, _ in (parse(bytes(contents)) if contents else ()))
    return {(type_name, id_) for type_name, _, id_ in found}


def listed(
    connection: Connection,
    *,
    state: str | None = None,
    receiver: str | None = None,
    family: str | None = None,
    after: int = 0,
    count: int = 100,
) -> list[Delivery]:
    """Rows in the order they were written, those after the row `after`."""
    equal = {"state": state, "receiver": receiver, "family": family}
    wanted = [outbox.c[name] == value for name, value in equal.items() if value is not None]
    statement = select(*COLUMNS).where(outbox.c.id > after, *wanted).order_by(outbox.c.id).limit(count)
    return [of_columns(row) for row in connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is open for one receiver in one state; `oldest` is when the oldest of it was written."""

    receiver: str
    state: str
    count: int
    oldest: int


def backlog(connection: Connection) -> list[Backlog]:
    """What waits and what is parked, by receiver."""
    found: list[Backlog] = []
    for state in (WAITING, PARKED):
        # The state stands in the text of the statement: only so is an index of open rows alone good for it.
        statement = (
            select(outbox.c.receiver, func.count().label("rows"), func.min(outbox.c.created).label("oldest"))
            .where(outbox.c.state == literal(state))
            .group_by(outbox.c.receiver)
            .order_by(outbox.c.receiver)
        )
        found += [Backlog(row.receiver, state, row.rows, row.oldest) for row in connection.execute(statement)]
    return found


def literal(state: str) -> Any:
    """A state written into the statement itself, so that the planner knows that an index of such rows holds them."""
    if state not in STATES:
        raise ValueError(state)
    return literal_column(f"'{state}'")


def of_columns(row: Iterable[Any]) -> Delivery:
    """The row of a result whose columns are `COLUMNS`."""
    values: list[Any] = [bytes(value) if isinstance(value, memoryview) else value for value in row]
    return Delivery(*values)
