"""One lane to one receiver: take rows in hand, look at them again, bring them, write down what became of them.

A row is looked at right before it is sent: what is permitted is asked of what the store holds then.
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.clock import Clock
from service.deliver.metrics import Metrics
from service.deliver.receivers.base import Receiver, TransportError
from service.deliver.settling import Confirmed, Failed, Outcome, settle
from service.deliver.shipments import Bodies, Kit, Ready, Stopped, prepared
from service.issues import issue
from service.store import Store, StoreError, circuits, claims
from service.store.claims import Claim
from service.store.values import micros

T = TypeVar("T")
log = structlog.get_logger("deliver")

# Rows in hand at most, how many are looked at together, and for how long what was seen then is good.
FIRST = 2
MOST = 48
TOGETHER = 16
FRESH = 1.0
# What is confirmed is written down after so many rows or seconds: until then a crash would send them again.
FLUSH_ROWS = 24
FLUSH_SECONDS = 0.5
# A batch is to be done in about so many seconds, whatever the receiver takes for one.
_BATCH_SECONDS = 5.0
# How often a database that is away is tried by who does not wait for ever.
_TRIES = 5
# What our own program can stumble over in one row; the row is put behind, the lane goes on.
_STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Work:
    """What all lanes of a worker share."""

    store: Store
    kit: Kit
    clock: Clock
    metrics: Metrics
    stopping: threading.Event
    name: str
    bodies: Bodies
    lease: float


class Lane:
    """Delivers to one receiver; `turn` is called over and over by one thread, the rest by any."""

    def __init__(self, work: Work, receiver: Receiver) -> None:
        self._work = work
        self.receiver = receiver
        self._session: Any = None
        self._ready = False
        self._lock = threading.Lock()
        self._held: dict[int, Claim] = {}
        # By owner, when the lease of what is in hand ends (microseconds): then another worker may take it.
        self._until: dict[str, int] = {}
        self._outcomes: list[Outcome] = []
        self._sending: int | None = None
        self._flushed = time.monotonic()
        # What the receiver took for one row lately, and what one took us of all that we do for it.
        self._seconds = 0.0
        self._pace = 0.0
        # Whether the receiver as a whole failed just now: then the rest of the batch waits as well.
        self._is_away = False

    @property
    def organisation(self) -> str:
        return self.receiver.settings.organisation

    def turn(self) -> int | None:
        """Take rows in hand and deal with them; how many there were, None where the circuit is open."""
        # Something is left only where the database was away.
        self.flush()
        self._give_back()
        self._is_away = False
        taken = self._claim()
        if not taken:
            return 0 if taken is not None else None
        rest = taken
        while rest and not (self._work.stopping.is_set() or self._is_away):
            many, began = self._together(), time.monotonic()
            some, rest = rest[:many], rest[many:]
            self._deal(some)
            self._pace = (time.monotonic() - began) / len(some)
        self.flush()
        self._give_back()
        return len(taken)

    def renew(self) -> None:
        """Keep what is in hand, and note what is no longer."""
        with self._lock:
            owners: dict[str, list[int]] = {}
            for id_, one in self._held.items():
                owners.setdefault(one.owner, []).append(id_)
        until = micros(self._work.clock() + timedelta(seconds=self._work.lease))
        for owner, ids in owners.items():
            kept = self._write(partial(claims.renew, owner=owner, ids=ids, until=until))
            with self._lock:
                if owner in self._until:
                    self._until[owner] = until
                for id_ in set(ids) - kept:
                    self._held.pop(id_, None)

    def abandon(self) -> None:
        """Called when the worker ends while this lane is still sending: keep what is known, give back the rest."""
        self.flush()
        with self._lock:
            sending = self._held.pop(self._sending, None) if self._sending is not None else None
        self._give_back()
        if sending is not None:
            now = micros(self._work.clock())
            self._write(lambda connection: claims.finish(connection, sending, {"not_before": now}))

    def flush(self) -> None:
        """Write down what became of rows so far."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        self._flushed = time.monotonic()
        if not outcomes:
            return
        store, chosen = self._work.store, self.receiver.settings
        now = self._work.clock()
        try:
            settled = self._write(
                lambda connection: settle(
                    connection, chosen.organisation, chosen.retries, outcomes, store.parameters, now
                )
            )
        except (SQLAlchemyError, StoreError):
            with self._lock:
                self._outcomes = outcomes + self._outcomes
            raise
        with self._lock:
            for one in outcomes:
                self._held.pop(one.claim.id, None)
        self._work.metrics.settled(chosen.name, outcomes, settled)
        for one in outcomes:
            _log(chosen.name, one)
        if settled.lost:
            log.warning("rows lost to another worker", receiver=chosen.name, rows=settled.lost)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _claim(self) -> list[Claim] | None:
        """Rows now in hand; None where the circuit is open."""
        receiver = self.organisation
        with self._work.store.database.read() as connection:
            now = micros(self._work.clock())
            state = circuits.get(connection, receiver)
            if state.open_until is not None and state.open_until > now:
                return None
            if not claims.ready(connection, receiver, now):
                return []
        owner = f"{self._work.name}/{uuid.uuid4().hex[:12]}"

        def take(connection: Connection) -> list[Claim] | None:
            moment = self._work.clock()
            at, until = micros(moment), micros(moment + timedelta(seconds=self._work.lease))
            self._until = {owner: until}
            found = circuits.get(connection, receiver)
            # One worker tries one row; the others wait until it must be known what came of that.
            if found.is_open and not circuits.probe(connection, receiver, at, until):
                return None
            count = 1 if found.is_open else self._count()
            return claims.claim(connection, receiver, owner, at, until, count)

        taken = self._write(take)
        with self._lock:
            self._held |= {one.id: one for one in taken or ()}
        return taken

    def _count(self) -> int:
        """As many rows as are done in a while; few as long as it is not known how quick the receiver is."""
        return FIRST if self._seconds <= 0 else max(1, min(MOST, int(_BATCH_SECONDS / self._seconds)))

    def _together(self) -> int:
        """As many rows as can be sent while what was seen of them is good: what is not is looked at once more."""
        return TOGETHER if self._pace <= 0 else max(1, min(TOGETHER, int(FRESH / self._pace)))

    def _deal(self, some: Sequence[Claim]) -> None:
        at = time.monotonic()
        for one in self._prepared(some):
            if self._work.stopping.is_set() or self._is_away:
                break
            if isinstance(one, Ready) and time.monotonic() - at > FRESH:
                again = self._prepared([one.claim])
                if not again:
                    continue
                one = again[0]
            # Asked last: what leaves after its lease could arrive after what another worker brings meanwhile.
            if self._holds(one.claim):
                self._note(self._sent(one) if isinstance(one, Ready) else one)

    def _prepared(self, some: Sequence[Claim]) -> list[Ready | Stopped]:
        """The rows as they may leave now; those that our program stumbles over are noted as failed."""
        if not self._connected(some):
            return []
        work = self._work
        try:
            with work.store.database.read() as connection:
                return prepared(connection, some, self.receiver, work.kit, work.bodies, work.clock())
        except _STUMBLES as error:
            if len(some) == 1:
                self._note(self._stumbled(some[0], error))
                return []
        return [one for claim in some for one in self._prepared([claim])]

    def _connected(self, some: Sequence[Claim]) -> bool:
        """Whether there is a session and the receiver is known well enough; else the first row has failed."""
        try:
            if self._session is None:
                self._session = self.receiver.connect()
            if not self._ready:
                self.receiver.prepare(self._session)
                self._ready = True
        except TransportError as error:
            held = [one for one in some if self._holds(one)]
            if held:
                self._note(Failed(held[0], error, self._work.clock()))
        return self._ready

    def _sent(self, one: Ready) -> Outcome:
        work = self._work
        began = time.monotonic()
        with self._lock:
            self._sending = one.claim.id
        try:
            receipt = self.receiver.send(one.shipment, one.parts, self._session)
            return Confirmed(one, receipt, work.clock())
        except TransportError as error:
            # What was learnt of the receiver may be what was wrong.
            self._ready = self._ready and not error.permanent
            return Failed(one.claim, error, work.clock())
        except _STUMBLES as error:
            return self._stumbled(one.claim, error)
        finally:
            with self._lock:
                self._sending = None
            took = time.monotonic() - began
            self._seconds = took if self._seconds <= 0 else 0.8 * self._seconds + 0.2 * took
            work.metrics.took(self.receiver.settings.name, took)

    def _stumbled(self, claim: Claim, error: BaseException) -> Failed:
        """What is said of a row that something in our own program stumbles over."""
        _stumble(claim, error)
        fault = issue("deliver.fault", reference=claim.row.reference)
        return Failed(claim, TransportError(fault, whole=False, sent=False), self._work.clock())

    def _note(self, one: Outcome) -> None:
        self._is_away = isinstance(one, Failed) and one.error.whole
        with self._lock:
            self._outcomes.append(one)
            count = len(self._outcomes)
        if count >= FLUSH_ROWS or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _holds(self, claim: Claim) -> bool:
        """Whether no other worker can have the row: this one may have been stalled for longer than its lease."""
        now = micros(self._work.clock())
        with self._lock:
            return claim.id in self._held and now < self._until.get(claim.owner, 0)

    def _give_back(self) -> None:
        with self._lock:
            rest = [one for one in self._held.values() if one.id != self._sending]
            self._held = {id_: one for id_, one in self._held.items() if id_ == self._sending}
        if rest:
            now = micros(self._work.clock())
            self._write(lambda connection: claims.release(connection, rest, now))

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._work.store.database.write(work)


def run(lane: Lane, stopping: threading.Event, *, once: bool, idle: float) -> None:
    """Call `turn` until the worker stops, or with `once` until nothing is due; waits for a database that is away."""
    trouble = 0
    while not stopping.is_set():
        try:
            count = lane.turn()
            trouble = 0
        except (OperationalError, InterfaceError, PoolTimeoutError, StoreError) as error:
            trouble += 1
            log.error("the database does not answer", receiver=lane.receiver.settings.name, error=type(error).__name__)
            if once and trouble > _TRIES:
                break
            stopping.wait(min(0.2 * 2**trouble, 10.0))
            continue
        if not count:
            if once:
                break
            stopping.wait(idle)
    lane.close()


def _stumble(claim: Claim, error: BaseException) -> None:
    trace = error.__traceback__
    frames = []
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error("row put behind", row=claim.id, exception=type(error).__name__, frames=frames)


def _log(receiver: str, one: Outcome) -> None:
    row = one.claim.row
    told = {"receiver": receiver, "row": one.claim.id, "reference": row.reference, "attempt": row.attempts}
    if isinstance(one, Confirmed):
        log.info("delivered", **told, payload=row.payload, status=one.receipt.status)
    elif isinstance(one, Failed):
        key = one.error.issue.key
        log.warning("not delivered", **told, key=key, status=one.error.status, permanent=one.error.permanent)
    else:
        log.info("not sent", **told, state=one.state, reason=one.reason)
