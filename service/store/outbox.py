"""What is to be delivered: one row for each recipient of each version of a plan, written with the plan itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from service.store.tables import outbox
from service.store.upsert import inserting

WAITING = "waiting"
CANCELLED = "cancelled"
PLAN = "shared-plan"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row: `receiver` is an organisation's OID (or its reference, where it has none); times in microseconds."""

    receiver: str
    family: str
    reference: str
    version: int
    payload: str
    not_before: int
    state: str = WAITING
    reason: str | None = None
    id: int | None = None


def enqueue(connection: Connection, deliveries: Sequence[Delivery], now: int) -> list[Delivery]:
    """Write the rows that are not there yet; gives those, with their ids."""
    if not deliveries:
        return []
    make = inserting(connection)
    statement = make(outbox).on_conflict_do_nothing().returning(outbox)
    rows = connection.execute(statement, [_values(one, now) for one in deliveries])
    return [_delivery(row) for row in rows]


def cancel(connection: Connection, reference: str, receivers: Iterable[str], reason: str) -> int:
    """What still waits for `reference` and is for none of `receivers` is not to be sent; gives how many that are."""
    statement = (
        update(outbox)
        .where(outbox.c.reference == reference, outbox.c.state == WAITING, outbox.c.receiver.not_in(sorted(receivers)))
        .values(state=CANCELLED, reason=reason)
    )
    return int(connection.execute(statement).rowcount)


def of(connection: Connection, references: Iterable[str]) -> list[Delivery]:
    """Every row about these resources, in the order they were written."""
    statement = select(outbox).where(outbox.c.reference.in_(sorted(references))).order_by(outbox.c.id)
    return [_delivery(row) for row in connection.execute(statement)]


def _values(one: Delivery, now: int) -> dict[str, Any]:
    return {
        "receiver": one.receiver,
        "family": one.family,
        "reference": one.reference,
        "version": one.version,
        "payload": one.payload,
        "state": one.state,
        "created": now,
        "not_before": one.not_before,
        "attempts": 0,
        "lease_until": None,
        "lease_owner": None,
        "reason": one.reason,
    }


def _delivery(row: Any) -> Delivery:
    return Delivery(
        row.receiver, row.family, row.reference, row.version, row.payload, row.not_before, row.state, row.reason, row.id
    )
