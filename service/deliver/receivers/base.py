"""What every kind of receiver does, and what the worker gives it and gets from it.

A kind is one file beside this one: `OPTIONS`, `make(settings)` and a class with the methods of `Receiver`.

    TransportError
     ├─ permanent            parked with its issue
     └─ not permanent        tried again, after `retry_after` where the receiver says so
         ├─ whole            the receiver as a whole is at fault: counts towards its circuit, never parked for it
         └─ not whole        this row is at fault: parked after `ReceiverSettings.attempts` tries
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from service.issues import Issue

if TYPE_CHECKING:
    from service.policy import Basis, Recipient

Json = dict[str, Any]
AuthKind = Literal["none", "bearer", "smart", "mtls"]


@dataclass(frozen=True, slots=True)
class Auth:
    """How we show the receiver who we are; `options` are the further keys of the table `[auth]`."""

    kind: AuthKind = "none"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, between two pieces of an answer, and for a whole exchange; bytes of the longest answer."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0
    answer: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long: seconds of the first and the longest pause between tries, tries of a row that is itself
    at fault, days after which a row is parked whatever the fault, failures in a row that open the circuit and seconds
    that it then stays open at first."""

    first: float = 2.0
    ceiling: float = 900.0
    attempts: int = 12
    days: float = 30.0
    failures: int = 5
    pause: float = 10.0


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """One receiver: what its TOML file says. `organisation` is a bare OID, `options` the table `[options]` of its kind.

    `lanes` is how many deliveries one worker brings at a time. `folder` is where the file lies: relative paths in it
    (keys, certificates, templates) start there.
    """

    name: str
    organisation: str
    sector: str
    kind: str
    url: str
    auth: Auth = field(default_factory=Auth)
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    retries: Retries = field(default_factory=Retries)
    lanes: int = 2
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one row of the outbox is to bring: `bundle` is the minimised collection, the plan (or what withdraws it)
    first. `created` is when the row was written, so the same at every try; `payload` is `shared-plan` or `withdrawal`.
    `bases` are what the disclosure relies on; none for a withdrawal. `protected`: somebody of the family has a
    non-disclosure for safety (turvakielto), also one who is not in `bundle`. `outdated` withdraws what the recipient
    got of the plan before and `bundle` has no longer; None where there is nothing.
    """

    row: int
    payload: str
    reference: str
    version: int
    family: str
    created: datetime
    recipient: Recipient
    bundle: Json
    language: str
    bases: tuple[Basis, ...] = ()
    protected: bool = False
    outdated: Json | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Exact bytes that leave; `name` is a relative address, a file name, or empty where there is only one.

    `holds` are the references of what is in them, in their order, where an answer is told by it.
    """

    name: str
    content_type: str
    body: bytes
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A confirmed delivery: what the receiver answered (`201`, `stored`) and under which reference it now has it.

    `parts` is what was sent, where that was less than what was prepared.
    """

    status: str
    reference: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Tools:
    """What deliver needs and may not import: rendered pages of a plan, and the validator of outgoing resources.

    `pdf(bundle, language)` gives the bytes of a PDF, the same for the same bundle; `validate(bundle)` what is wrong.
    """

    pdf: Callable[[Json, str], bytes] | None = None
    validate: Callable[[Json], list[Issue]] | None = None


class TransportError(Exception):
    """Nothing is confirmed. `issue` says why, without anything of the payload or a secret; `retry_after` in seconds.

    `status` is what the receiver answered, where it answered; `sent` is False only where the receiver surely has
    nothing of this shipment now that it did not have before.
    """

    def __init__(
        self,
        issue: Issue,
        *,
        permanent: bool = False,
        whole: bool = True,
        retry_after: float | None = None,
        status: str = "",
        sent: bool = True,
    ) -> None:
        super().__init__(issue.key)
        self.issue = issue
        self.permanent = permanent
        self.whole = whole
        self.retry_after = retry_after
        self.status = status
        self.sent = sent


class Session(Protocol):
    """A connection that is kept between deliveries; each thread has its own. `requests.Session`, or a `Drop`."""

    def close(self) -> None: ...


class Receiver(Protocol):
    """One receiver. Threads share it, each with its own session; nothing changes in it but what `prepare` learns."""

    settings: ReceiverSettings

    def connect(self) -> Any:
        """A session for one thread; no traffic yet."""

    def prepare(self, session: Any) -> None:
        """Learn what must be known before `parts` can be made (a CapabilityStatement); raises `TransportError`.

        Called once for each session, before the first delivery and after a refusal that may come from stale knowledge.
        """

    def parts(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        """The bytes of a shipment: the same shipment always gives the same bytes. Raises a permanent `TransportError`
        where this receiver cannot take it."""

    def send(self, shipment: Shipment, parts: tuple[Part, ...], session: Any) -> Receipt:
        """Bring them; returns only when the receiver has confirmed all of them. Raises `TransportError`.

        Sending the same again changes nothing at the receiver: a reply may have been lost. A withdrawal looks first
        whether the receiver has it, and brings nothing (`Receipt("absent")`) where it has not.
        """

    def check(self, session: Any) -> list[Issue]:
        """What would keep deliveries from arriving, without delivering anything."""
