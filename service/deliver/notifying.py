"""Source systems to which something came back: a signed POST without a body for each Subscription that has a row.

https://hl7.org/fhir/R4/subscription.html (rest-hook). The token in `Yhdessa-Signature` (JWT, ES384) is by the key
of `/.well-known/jwks.json`; its `jti` is the same at every try, so that whoever is called can count one call once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from service.clock import Clock
from service.deliver.receivers.base import (
    Json,
    Part,
    Receipt,
    Receiver,
    ReceiverSettings,
    Shipment,
    Tools,
    TransportError,
)
from service.deliver.shipments import Ready, Stopped
from service.deliver.transport import Answer, refusal
from service.fetching import FetchError, call
from service.issues import Issue
from service.policy import Recipient
from service.store import Store, reading
from service.store.claims import Claim
from service.store.outbox import CANCELLED
from service.store.reconcile import SUPERSEDED
from service.store.tables import resource
from service.store.visibility import EVERYTHING
from service.tokens import sign

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

HEADER = "Yhdessa-Signature"
_GOOD_FOR = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The address is not there, or does not want us: the next call would be told the same.
_FINAL = frozenset({401, 403, 404, 405, 410})


@dataclass(frozen=True, slots=True)
class Signer:
    """Who calls: `issuer` is the service's own address, `key` gives what signs; `allow_private` as in the settings."""

    issuer: str
    key: "Callable[[], ECKey]"
    clock: Clock
    allow_private: bool = False


class Subscriber:
    """A Subscription as a receiver; what it asks for is read anew for every call."""

    def __init__(self, reference: str, signer: Signer) -> None:
        self.settings = ReceiverSettings(reference, reference, "", "rest_hook", "", lanes=1)
        self._signer = signer

    def connect(self) -> "Subscriber":
        return self

    def close(self) -> None:
        """Every call is a connection of its own."""

    def prepare(self, session: Any) -> None:
        """There is nothing to learn before a call."""

    def parts(self, shipment: Shipment, tools: Tools) -> tuple[Part, ...]:
        return (Part("", "", b""),)

    def send(self, shipment: Shipment, parts: tuple[Part, ...], session: Any) -> Receipt:
        channel = shipment.bundle["channel"]
        try:
            status, after = call(
                channel["endpoint"], self._headers(shipment, channel), allow_private=self._signer.allow_private
            )
        except FetchError as error:
            raise TransportError(error.issue) from None
        if 200 <= status < 300:
            return Receipt(str(status))
        found = refusal(Answer(status, {"retry-after": after}, b""))
        found.permanent = found.permanent or status in _FINAL
        raise found

    def check(self, session: Any) -> list[Issue]:
        """A call would be a notification, so nothing is tried."""
        return []

    def _headers(self, shipment: Shipment, channel: Mapping[str, Any]) -> dict[str, str]:
        given = (line.partition(":") for line in channel.get("header", ()))
        at = int(self._signer.clock().timestamp())
        told = {"iss": self._signer.issuer, "aud": channel["endpoint"], "sub": shipment.reference}
        token = sign({**told, "jti": str(shipment.row), "iat": at, "exp": at + _GOOD_FOR}, self._signer.key())
        return {**{name.strip(): value.strip() for name, _, value in given}, HEADER: token}


def subscribers(store: Store, signer: Signer) -> Iterable[Receiver]:
    """The receiver of each Subscription that is there."""
    with store.database.read() as connection:
        wanted = (resource.c.type == "Subscription", resource.c.deleted == 0)
        ids = list(connection.execute(select(resource.c.id).where(*wanted).order_by(resource.c.rid)).scalars())
    return [Subscriber(f"Subscription/{one}", signer) for one in ids]


def notification(connection: Connection, claim: Claim, receiver: Receiver) -> Ready | Stopped:
    """The call of a row as it may be made now, see `shipments.Maker`."""
    # One call says the same as several: the newest speaks for all that wait.
    if claim.superseded:
        return Stopped(claim, CANCELLED, SUPERSEDED)
    row = claim.row
    stored = reading.read(connection, "Subscription", row.receiver.partition("/")[2], EVERYTHING)
    content: Json = {} if stored is None or stored.deleted else stored.resource()
    if content.get("status") not in ("requested", "active"):
        return Stopped(claim, CANCELLED, "retired")
    created = _EPOCH + timedelta(microseconds=row.created)
    whom = Recipient(row.receiver, "", "")
    shipment = Shipment(claim.id, row.payload, row.reference, row.version, row.family, created, whom, content, "fi")
    return Ready(claim, shipment, receiver.parts(shipment, Tools()), "", (), (), (), is_disclosure=False)
