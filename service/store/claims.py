"""Rows of the outbox in the hand of a worker: claimed by lease, renewed, given back, finished by who holds the lease.

A lease hides its row by moving `not_before` to the lease's end, so that whoever looks for work does not meet it.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, bindparam, case, exists, or_, select, update

from service.store.outbox import COLUMNS, WAITING, Delivery, literal, of_columns
from service.store.raw import Among, Row, Statement
from service.store.tables import outbox

_OPEN = outbox.c.state == literal(WAITING)
_AT: BindParameter[int] = bindparam("at")
_DUE = (outbox.c.receiver == bindparam("of")) & _OPEN & (outbox.c.not_before <= _AT)
# A row that has been tried this often goes alone: if it is what kills workers, it takes no others along.
_SUSPECT = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A row in hand under the lease `owner`; `doubted` is whether it was in doubt before this attempt.

    `superseded`: a newer row for the same plan waits for the same receiver.
    """

    row: Delivery
    owner: str
    doubted: bool
    superseded: bool

    @property
    def id(self) -> int:
        if self.row.id is None:
            raise ValueError(self.row.reference)
        return self.row.id


def ready(connection: Connection, receiver: str, now: int) -> bool:
    """Whether something may wait for `receiver` that is due."""
    return bool(_READY(connection, of=receiver, at=now))


def claim(connection: Connection, receiver: str, owner: str, now: int, until: int, count: int) -> list[Claim]:
    """Up to `count` rows that are due for `receiver`, now in the hand of `owner` until `until` (microseconds).

    Of each family only the oldest row that is open: what comes after it waits for it. Their attempts are counted here,
    not when they end, so that one that kills its worker is seen to.
    """
    found = _together(_FREE(connection, of=receiver, at=now, most=count))
    if not found:
        return []
    rows = map(of_columns, _TAKE(connection, found, of=receiver, at=now, by=owner, until=until))
    made = [Claim(row, owner, *found[row.id or 0]) for row in rows]
    return sorted(made, key=lambda one: one.id)


def renew(connection: Connection, owner: str, ids: Iterable[int], until: int) -> set[int]:
    """Which of these rows `owner` still holds, now until `until`."""
    mine = (outbox.c.id.in_(sorted(ids)), outbox.c.lease_owner == owner, _OPEN)
    statement = update(outbox).where(*mine).values(lease_until=until, not_before=until).returning(outbox.c.id)
    return {row.id for row in connection.execute(statement)}


def release(connection: Connection, claims: Sequence[Claim], now: int) -> None:
    """Give back rows that were not sent: as if they had not been claimed."""
    for one in claims:
        values = {"attempts": one.row.attempts - 1, "doubt": int(one.doubted), "not_before": now}
        finish(connection, one, values)


def finish(connection: Connection, claim: Claim, values: Mapping[str, Any]) -> bool:
    """Change a row and end its lease; False where it is no longer in this hand, and then nothing is changed."""
    given = {f"to_{name}": value for name, value in values.items()}
    return bool(_finishing(tuple(values))(connection, of_id=claim.id, of_owner=claim.owner, **given))


@functools.cache
def _finishing(names: tuple[str, ...]) -> Statement:
    mine = (outbox.c.id == bindparam("of_id"), outbox.c.lease_owner == bindparam("of_owner"), _OPEN)
    given: dict[str, Any] = {name: bindparam(f"to_{name}") for name in names}
    made = update(outbox).where(*mine).values(lease_until=None, lease_owner=None, **given)
    return Statement(made.returning(outbox.c.id))


def _blocked() -> Any:
    """An older row of the family is open for the same receiver and has come due, even if it waits for another try."""
    older = outbox.alias()
    return exists(
        select(older.c.id).where(
            older.c.receiver == outbox.c.receiver,
            older.c.family == outbox.c.family,
            older.c.state == literal(WAITING),
            older.c.id < outbox.c.id,
            or_(older.c.attempts > 0, older.c.not_before <= _AT),
        )
    )


def _superseded() -> Any:
    """A newer row for the same plan waits for the same receiver."""
    later = outbox.alias()
    return exists(
        select(later.c.id).where(
            later.c.reference == outbox.c.reference,
            later.c.receiver == outbox.c.receiver,
            later.c.payload == outbox.c.payload,
            later.c.state == literal(WAITING),
            later.c.id > outbox.c.id,
        )
    )


_READY = Statement(select(outbox.c.id).where(_DUE).limit(1))
_FREE = Statement(
    select(outbox.c.id, outbox.c.attempts, outbox.c.doubt, _superseded())
    .where(_DUE, ~_blocked())
    .order_by(outbox.c.not_before, outbox.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=outbox)
)
_TAKE = Among(
    lambda ids: (
        update(outbox)
        .where(outbox.c.id.in_(ids), _DUE)
        .values(
            lease_owner=bindparam("by"),
            lease_until=bindparam("until"),
            not_before=bindparam("until"),
            attempts=outbox.c.attempts + 1,
            # What is in doubt is made again just as it was.
            as_of=case((outbox.c.doubt == 1, outbox.c.as_of), else_=_AT),
            doubt=1,
        )
        .returning(*COLUMNS)
    )
)


def _together(rows: Sequence[Row]) -> dict[int, tuple[bool, bool]]:
    """The rows that go together, by id: whether in doubt, and superseded. One that has been tried often goes alone."""
    is_alone = bool(rows) and rows[0][1] >= _SUSPECT
    some = rows[:1] if is_alone else [row for row in rows if row[1] < _SUSPECT]
    return {id_: (bool(doubt), bool(newer)) for id_, _, doubt, newer in some}
