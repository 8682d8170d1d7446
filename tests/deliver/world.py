"""A store, a receiver double and a worker that is run by hand, with a clock that only moves when it is told to."""

import copy
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from service.accept import accept
from service.clock import HELSINKI
from service.deliver.receivers import make
from service.deliver.receivers.base import Limits, Receiver, ReceiverSettings, Retries
from service.deliver.shipments import Kit
from service.deliver.worker import Worker
from service.fhir.json import encode, parse
from service.pipeline import Converter
from service.policy import Policy
from service.store import Author, Store, audit, outbox
from service.store.audit import Row
from service.store.keeping import Accepted
from service.store.outbox import Delivery
from service.store.values import micros
from tests.deliver.double import Double
from tests.shared import ROOT

NEUVOLA = "2.999.10.10.2"
SOURCE = "2.999.10.10.1"
EXAMPLE = ROOT / "schemas" / "source" / "examples" / "tiimi-case-twins-services-and-responsible-pair.json"
LIMITS = Limits(connect=30.0, read=60.0, total=120.0, answer=200_000)
# For a receiver that is slow on purpose: a busy machine makes others slow as well.
IMPATIENT = Limits(connect=2.0, read=0.4, total=2.0, answer=200_000)
REVOKED = {"status": "revoked", "revoked": "2026-03-29T08:15:00+03:00"}


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = datetime(2026, 3, 29, 12, 0, tzinfo=HELSINKI)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def case(family: str = "sinivuokko", plan: str = "suunnitelma-sinivuokko", version: int = 1, title: str = "") -> Any:
    """A case with one plan that its family lets go to the neuvola."""
    made = parse(EXAMPLE.read_bytes())
    made |= {"id": f"asia-{family}-{plan}", "version": version}
    made["family"]["id"] = family
    made["plans"][0]["id"] = plan
    if title:
        made["plans"][0]["title"] = title
    return made


def revoked(document: Any) -> Any:
    """The next version of a case, in which every permission was taken back."""
    made = copy.deepcopy(document) | {"version": document["version"] + 1}
    for plan in made["plans"]:
        for one in plan["recipients"]:
            one["permission"] |= REVOKED
    return made


def settings(address: str, **changes: Any) -> ReceiverSettings:
    made = ReceiverSettings("neuvola", NEUVOLA, "health", "fhir_transaction", address, limits=LIMITS, lanes=1)
    return replace(made, **changes)


@dataclass
class World:
    """Everything of one test."""

    store: Store
    converter: Converter
    double: Double
    clock: Clock = field(default_factory=Clock)
    policy: Policy = field(default_factory=Policy.load)

    def accept(self, document: Any) -> Accepted:
        author = Author("tests", SOURCE)
        done = accept(self.converter, self.store, encode(document), now=self.clock(), author=author)
        assert done.status in ("created", "updated", "unchanged"), done.issues
        return done

    def worker(self, *receivers: Receiver, kit: Kit | None = None, **changes: Any) -> Worker:
        targets = receivers or (make(settings(self.double.url, **changes)),)
        return Worker(self.store, targets, kit or Kit(self.policy), self.clock)

    def deliver(self, **changes: Any) -> None:
        """Run a worker until nothing is due."""
        self.worker(**changes).run(once=True)

    def later(self, seconds: float = 3600, **changes: Any) -> None:
        """The same, a while later."""
        self.clock.forward(seconds)
        self.deliver(**changes)

    def rows(self) -> list[Delivery]:
        with self.store.database.read() as connection:
            return outbox.listed(connection, count=100_000)

    def row(self, index: int = 0) -> Delivery:
        return self.rows()[index]

    def set_aside(self, row: Delivery) -> None:
        """Park a row as an operator's database would have it: out of the way, and as doubtful as it was."""
        values = {"at": micros(self.clock()), "state": outbox.PARKED}
        self.store.database.write(lambda one: outbox.change(one, [row.id or 0], [outbox.WAITING], values))

    def log(self) -> list[Row]:
        """Disclosures and withdrawals in the use log, the oldest first."""
        with self.store.database.read() as connection:
            assert audit.verify(connection).issues == ()
            rows = audit.rows_after(connection, 0, 10_000)
        return [row for row in rows if row.event().detail.interaction in ("disclosure", "withdrawal")]

    def plans(self) -> list[str]:
        """What happened to plans at the receiver: `create active`, …"""
        plans = [one for one in self.double.changes if one["type"] == "CarePlan"]
        return [f"{one['change']} {one['resource']['status'] if one['resource'] else '-'}" for one in plans]

    def sent(self) -> list[bytes]:
        """The bodies of all transactions, in the order in which they arrived."""
        return [one["body"] for one in self.double.requests if one["method"] == "POST"]


def retries(**changes: Any) -> Retries:
    return replace(Retries(first=2.0, ceiling=60.0, attempts=4, failures=3, pause=10.0), **changes)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
