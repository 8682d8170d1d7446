"""How each receiver does, for all workers: after failures in a row nobody tries it until a while has passed.

closed ─(failures)─▶ open ─(time)─▶ one worker probes with one row ─▶ closed, or open for longer
"""

import functools
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from service.store.raw import Statement
from service.store.tables import circuit
from service.store.upsert import inserting, upserting


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of one receiver; times in microseconds, `status` what its last failure was, `openings` in a row."""

    receiver: str
    failures: int = 0
    openings: int = 0
    open_until: int | None = None
    status: str | None = None
    failed: int | None = None
    succeeded: int | None = None
    delivered: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it was opened; it may be probed once `open_until` has passed."""
        return self.open_until is not None


_COLUMNS = tuple(circuit.c[one.name] for one in fields(Circuit))
_ONE = Statement(select(*_COLUMNS).where(circuit.c.receiver == bindparam("of")))


def get(connection: Connection, receiver: str) -> Circuit:
    rows = _ONE(connection, of=receiver)
    return Circuit(*rows[0]) if rows else Circuit(receiver)


def everyone(connection: Connection) -> list[Circuit]:
    return [Circuit(*row) for row in connection.execute(select(*_COLUMNS).order_by(circuit.c.receiver))]


def probe(connection: Connection, receiver: str, now: int, until: int) -> bool:
    """Whether this caller is the one to probe an open circuit whose time has come; others wait until `until`."""
    due = (circuit.c.receiver == receiver, circuit.c.open_until <= now)
    return int(connection.execute(update(circuit).where(*due).values(open_until=until)).rowcount) == 1


def succeeded(connection: Connection, receiver: str, now: int, count: int) -> Circuit:
    """`count` deliveries have been confirmed: the circuit is closed; gives what is known now."""
    statement = _succeeding(connection.dialect.name)
    return Circuit(*statement(connection, of=receiver, at=now, more=count)[0])


@functools.cache
def _succeeding(backend: str) -> Statement:
    values: dict[str, Any] = {
        "failures": 0,
        "openings": 0,
        "open_until": None,
        "status": None,
        "succeeded": bindparam("at"),
    }
    row = {"receiver": bindparam("of"), "failed": None, "delivered": bindparam("more"), **values}
    again = {**values, "delivered": circuit.c.delivered + bindparam("more")}
    statement = upserting(backend)(circuit).values(**row)
    return Statement(
        statement.on_conflict_do_update(index_elements=[circuit.c.receiver], set_=again).returning(*_COLUMNS)
    )


def failed(connection: Connection, receiver: str, now: int, count: int, status: str) -> Circuit:
    """`count` more failures in a row; gives what is known now. Whoever counts decides whether to `open_`."""
    make = inserting(connection)
    row = {"receiver": receiver, "failures": count, "openings": 0, "status": status, "failed": now, "delivered": 0}
    more = {"failures": circuit.c.failures + count, "status": status, "failed": now}
    statement = make(circuit).values(**row).on_conflict_do_update(index_elements=[circuit.c.receiver], set_=more)
    return Circuit(*connection.execute(statement.returning(*_COLUMNS)).one())


def open_(connection: Connection, receiver: str, until: int) -> None:
    """Nobody tries the receiver before `until`."""
    values = {"open_until": until, "openings": circuit.c.openings + 1}
    connection.execute(update(circuit).where(circuit.c.receiver == receiver).values(**values))
