"""`yhdessa outbox`: deliveries that wait, were made, were stopped, or need somebody to look."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy import Connection

from service.cli.db import DATA, URL, checked
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.cli.uselog import event
from service.clock import now
from service.fhir.json import encode, parse, pretty
from service.issues import issue, kinds
from service.store import outbox
from service.store.audit import record
from service.store.outbox import CANCELLED, PARKED, STATES, WAITING, Delivery
from service.store.values import instant, micros

T = TypeVar("T")
_OPEN = (WAITING, PARKED)


@click.group()
def command() -> None:
    """List, show, retry and drop deliveries."""


@command.command(name="list")
@click.option("--state", type=click.Choice(STATES), help="Only deliveries in this state.")
@click.option("--receiver", help="Only those to this organisation (OID).")
@click.option("--after", type=click.IntRange(0), default=0, help="Only those with a greater number: the next page.")
@click.option("--count", type=click.IntRange(1, 10_000), default=100, help="How many.  [default: 100]")
@DATA
@URL
@JSON
def list_(
    state: str | None,
    receiver: str | None,
    after: int,
    count: int,
    data: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Deliveries in the order in which they were written, one a line."""

    def work(connection: Connection) -> list[Delivery]:
        return outbox.listed(connection, state=state, receiver=receiver, after=after, count=count)

    for one in _read(data, database, work):
        click.echo(encode(shown(one)).decode() if as_json else _line(one))


@command.command()
@click.argument("id_", metavar="NUMBER", type=int)
@DATA
@URL
@JSON
def show(id_: int, data: Path | None, database: str | None, as_json: bool) -> None:
    """Everything about one delivery."""
    row = shown(_found(_read(data, database, lambda connection: outbox.get(connection, id_)), id_))
    click.echo(pretty(row) if as_json else "\n".join(f"{name}: {value}" for name, value in row.items()))


@command.command()
@click.argument("ids", metavar="NUMBER…", type=int, nargs=-1)
@click.option("--parked", "receiver", metavar="OID", help="All that are parked for this organisation.")
@DATA
@URL
def retry(ids: tuple[int, ...], receiver: str | None, data: Path | None, database: str | None) -> None:
    """Deliveries that are parked or wait are due now, and are counted as never tried."""
    if bool(ids) == bool(receiver):
        raise click.UsageError("Give NUMBERs, or --parked OID.")
    moment = now()
    at = micros(moment)
    values = {"state": WAITING, "reason": None, "attempts": 0, "not_before": at}

    def work(connection: Connection) -> int:
        rows = _parked(connection, receiver) if receiver else [_found(outbox.get(connection, one), one) for one in ids]
        return _change(connection, rows, values, "outbox-retry", "", moment)

    click.echo(_write(data, database, work))


@command.command()
@click.argument("ids", metavar="NUMBER…", type=int, nargs=-1, required=True)
@click.option("--why", required=True, help="Why; it stands in the use log. No names and no personal identity codes.")
@DATA
@URL
def drop(ids: tuple[int, ...], why: str, data: Path | None, database: str | None) -> None:
    """Deliveries that are parked or wait are not made any more."""
    moment = now()
    values = {"state": CANCELLED, "reason": "dropped", "status": why[:200]}

    def work(connection: Connection) -> int:
        rows = [_found(outbox.get(connection, one), one) for one in ids]
        return _change(connection, rows, values, "outbox-drop", why, moment)

    click.echo(_write(data, database, work))


def shown(one: Delivery) -> dict[str, Any]:
    """A row as it is shown: times as instants, hashes in hexadecimal, nothing that is not set."""
    row: dict[str, Any] = {
        "id": one.id,
        "state": one.state,
        "receiver": one.receiver,
        "payload": one.payload,
        "reference": one.reference,
        "version": one.version,
        "turn": one.turn,
        "family": one.family,
        "created": instant(one.created),
        "notBefore": instant(one.not_before),
        "attempts": one.attempts,
        "inDoubt": bool(one.doubt) or None,
        "reason": one.reason,
        "explanation": _explained(one.reason),
        "status": one.status,
        "leaseUntil": instant(one.lease_until) if one.lease_until else None,
        "leaseOwner": one.lease_owner,
        "delivered": instant(one.delivered) if one.delivered else None,
        "confirmed": one.confirmed,
        "sha256": one.digest.hex() if one.digest else None,
        "contents": [f"{name}/_history/{version}" for name, version in parse(one.contents)] if one.contents else None,
    }
    return {name: value for name, value in row.items() if value not in (None, "")}


def _explained(reason: str | None) -> str | None:
    return issue(reason).text() if reason and reason in kinds() else None


def _line(one: Delivery) -> str:
    told = f"{one.id}  {one.state}  {one.receiver}  {one.payload}  {one.reference} v{one.version}  {one.attempts}"
    return f"{told}  {one.reason}" if one.reason else told


def _parked(connection: Connection, receiver: str) -> list[Delivery]:
    return outbox.listed(connection, state=PARKED, receiver=receiver, count=1_000_000)


def _found(one: Delivery | None, id_: int) -> Delivery:
    if one is None:
        raise CouldNotRun(issue("deliver.no-row", id=id_))
    return one


def _change(
    connection: Connection, rows: list[Delivery], values: dict[str, Any], what: str, why: str, moment: datetime
) -> int:
    """Change the rows that are open and in nobody's hand, and write down who did; how many that are."""
    at = micros(moment)
    free = [one for one in rows if one.state in _OPEN and not one.in_hand(at)]
    done = 0
    for start in range(0, len(free), 500):
        ids = [one.id for one in free[start : start + 500] if one.id is not None]
        done += outbox.change(connection, ids, _OPEN, {"at": at, "lease_until": None, "lease_owner": None, **values})
    references = tuple(sorted({one.reference for one in free}))
    record(connection, [event("U", what, entities=references, description=why)], moment)
    return done


def _read(data: Path | None, database: str | None, work: Callable[[Connection], T]) -> T:
    with checked(data, database) as one, one.read() as connection:
        return work(connection)


def _write(data: Path | None, database: str | None, work: Callable[[Connection], T]) -> T:
    with checked(data, database) as one:
        return one.write(work)
