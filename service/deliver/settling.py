"""What became of shipments, written down: many in one transaction, each only by who still holds its lease.

The row of the log, the Provenance and what the recipient may now see are written where the row becomes `delivered`,
in the same transaction: each once, or not at all and then again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from service.deliver.backoff import opened, pause
from service.deliver.disclosing import CLIENT, Told
from service.deliver.receivers.base import Receipt, Retries, TransportError
from service.deliver.shipments import Ready, Stopped
from service.store import circuits
from service.store.audit import record
from service.store.circuits import Circuit
from service.store.claims import Claim, finish
from service.store.disclosures import disclose, withdraw
from service.store.outbox import DELIVERED, PARKED, WAITING, resolved, withdrawn_after
from service.store.parameters import Parameters
from service.store.records import Author, Change
from service.store.resources import Key, Prepared, apply, prepare
from service.store.values import micros

GAVE_UP = "deliver.gave-up"
ABSENT = "absent"
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The receiver has it."""

    ready: Ready
    receipt: Receipt
    at: datetime

    @property
    def claim(self) -> Claim:
        return self.ready.claim


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver has not confirmed it."""

    claim: Claim
    error: TransportError
    at: datetime


Outcome = Confirmed | Failed | Stopped


@dataclass(frozen=True, slots=True)
class Settled:
    """How many rows came to which state, and how the receiver does now; `lost` are others' by now."""

    states: dict[str, int]
    lost: int
    circuit: Circuit


def settle(
    connection: Connection,
    receiver: str,
    retries: Retries,
    outcomes: Sequence[Outcome],
    parameters: Parameters,
    now: datetime,
    pauses: Callable[[Retries, int, float | None], float] = pause,
) -> Settled:
    """Write down what became of rows of one receiver, in the order in which it happened."""
    states: dict[str, int] = {}
    done: list[Told] = []
    for one in outcomes:
        if isinstance(one, Confirmed):
            told = Told(one.ready, one.receipt, one.at)
            state = _confirmed(connection, told)
            if state is not None:
                done.append(told)
        elif isinstance(one, Failed):
            state = _failed(connection, one, retries, now, pauses)
        else:
            values = {"state": one.state, "reason": one.reason, "doubt": int(one.claim.doubted)}
            state = one.state if finish(connection, one.claim, values) else None
        if state is not None:
            states[state] = states.get(state, 0) + 1
    circuit = _circuit(connection, receiver, retries, outcomes, micros(now))
    for found in [one for one in done if one.ready.unconfirmed and one.receipt.status != ABSENT]:
        done = [*_arrived(connection, found), *done]
    logged = [one for one in done if one.receipt.status != ABSENT and one.ready.is_disclosure]
    _disclose(connection, logged, parameters, now)
    return Settled(states, len(outcomes) - sum(states.values()), circuit)


def _confirmed(connection: Connection, one: Told) -> str | None:
    values = {
        "state": DELIVERED,
        "reason": None,
        "doubt": 0,
        "status": one.receipt.status,
        "confirmed": one.receipt.reference,
        "delivered": micros(one.at),
        "digest": bytes.fromhex(one.digests[0]) if len(one.digests) == 1 else _together(one.digests),
        "contents": one.contents(),
    }
    return DELIVERED if finish(connection, one.ready.claim, values) else None


def _together(digests: Sequence[str]) -> bytes:
    """One hash for several parts: that of their hashes."""
    return hashlib.sha256("".join(digests).encode()).digest()


def _arrived(connection: Connection, withdrawn: Told) -> list[Told]:
    """What a withdrawal has found at the receiver though nobody had confirmed it: it was given, so it is logged."""
    resolved(connection, [one.claim.id for one in withdrawn.ready.unconfirmed])
    receipt = Receipt("found", withdrawn.receipt.reference)
    return [Told(one, receipt, withdrawn.at) for one in withdrawn.ready.unconfirmed]


def _failed(
    connection: Connection,
    one: Failed,
    retries: Retries,
    now: datetime,
    pauses: Callable[[Retries, int, float | None], float],
) -> str | None:
    error, row = one.error, one.claim.row
    values = {
        "status": error.status or error.issue.key,
        "reason": error.issue.key,
        "doubt": int(error.sent or one.claim.doubted),
    }
    tired = not error.whole and row.attempts >= retries.attempts
    if error.permanent or tired or micros(now) - row.created > retries.days * _DAY:
        values["state"] = PARKED
        if not error.permanent and not tired:
            values["reason"] = GAVE_UP
    else:
        wait = timedelta(seconds=pauses(retries, row.attempts, error.retry_after))
        values["not_before"] = micros(now + wait)
    return str(values.get("state", WAITING)) if finish(connection, one.claim, values) else None


def _circuit(connection: Connection, receiver: str, retries: Retries, outcomes: Sequence[Outcome], now: int) -> Circuit:
    """How the receiver does after these, the last of them first: one that was confirmed ends all failures before it."""
    failures: list[Failed] = []
    confirmed = sum(isinstance(one, Confirmed) for one in outcomes)
    for one in reversed(outcomes):
        if isinstance(one, Confirmed) or (isinstance(one, Failed) and not one.error.whole):
            break
        if isinstance(one, Failed):
            failures.append(one)
    answered = any(isinstance(one, Confirmed) or (isinstance(one, Failed) and not one.error.whole) for one in outcomes)
    if answered:
        known = circuits.succeeded(connection, receiver, now, confirmed)
        if not failures:
            return known
    elif not failures:
        return circuits.get(connection, receiver)
    last = failures[0].error
    state = circuits.failed(connection, receiver, now, len(failures), last.status or last.issue.key)
    asked = [one.error.retry_after for one in failures if one.error.retry_after is not None]
    if state.failures >= retries.failures or asked:
        seconds = opened(retries, state.openings, max(asked) if asked else None)
        circuits.open_(connection, receiver, now + int(seconds * 1_000_000))
    return circuits.get(connection, receiver)


def _disclose(connection: Connection, done: Sequence[Told], parameters: Parameters, now: datetime) -> None:
    """The log, the Provenances and what may be seen, of several deliveries to one recipient."""
    at = micros(now) // 1000 * 1000
    given = [one for one in done if one.ready.given]
    by_owner: dict[str, list[Prepared]] = {}
    for one in given:
        made = one.provenance()
        change = prepare(Change("Provenance", made["id"], "PUT", made), parameters)
        by_owner.setdefault(one.ready.organisation, []).append(change)
    for organisation, changes in by_owner.items():
        apply(connection, changes, {}, Author(CLIENT, organisation), at)
    if given:
        # Taken back while it was on its way: it was given, so it is logged, but it is not to be seen here.
        gone = withdrawn_after(connection, [one.row for one in given])
        seen = {(each.type, each.id): each for one in given if one.row.id not in gone for each in one.ready.given}
        recipient = given[0].recipient.organisation
        disclose(connection, recipient, seen.values(), at)
        outdated = {key for one in given for key in _keys(one.gone)}
        if outdated:
            withdraw(connection, recipient, outdated - seen.keys())
    record(connection, [one.event() for one in done], now)


def _keys(references: Iterable[str]) -> Iterator[Key]:
    for type_name, _, id_ in (one.partition("/") for one in references):
        yield type_name, id_
