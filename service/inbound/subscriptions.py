"""A source system's wish to be told that something came back: a Subscription (R4) with the channel `rest-hook`.

Told is only that there is something, in a signed call with an empty body: what it is, the system asks with
`GET /documents?changed-since=…`. https://hl7.org/fhir/R4/subscription.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from service.inbound.concerns import CHANGED, NEW
from service.issues import Issue, issue
from service.store import outbox
from service.store.outbox import NOTIFICATION, Delivery
from service.store.resources import NOW, SHOWN, stored_of
from service.store.tables import resource

TYPES = frozenset({*CHANGED, *NEW})
LIVE = ("requested", "active")


def problems(subscription: Mapping[str, Any]) -> list[Issue]:
    """Why a Subscription could never be served; a client is told when it sends it, not when the first call fails."""
    channel = subscription.get("channel", {})
    found: list[Issue] = []
    if subscription.get("criteria", "").removesuffix("?") not in TYPES:
        found.append(issue("inbound.criteria", pointer="/criteria", possible=", ".join(sorted(TYPES))))
    if channel.get("type") != "rest-hook":
        found.append(issue("inbound.channel", pointer="/channel/type"))
    if "payload" in channel:
        found.append(issue("inbound.payload", pointer="/channel/payload"))
    if not _is_address(channel.get("endpoint", "")):
        found.append(issue("inbound.endpoint", pointer="/channel/endpoint"))
    for index, line in enumerate(channel.get("header", ())):
        name, separator, value = line.partition(":")
        if not separator or not name.isascii() or not name.replace("-", "").isalnum() or not value.isprintable():
            found.append(issue("inbound.header", pointer=f"/channel/header/{index}"))
    return found


def announce(connection: Connection, organisation: str, type_name: str, number: int, now: int) -> int:
    """Write a row of the outbox for each Subscription of `organisation` to answers of this type; how many there are.

    `number` is the answer's own: the same answer is announced once.
    """
    statement = (
        select(*SHOWN)
        .select_from(NOW)
        .where(resource.c.type == "Subscription", resource.c.organisation == organisation, resource.c.deleted == 0)
        .order_by(resource.c.rid)
    )
    made = []
    for row in connection.execute(statement):
        content = stored_of(row).resource()
        if content.get("status") in LIVE and content["criteria"].removesuffix("?") == type_name:
            name = f"Subscription/{content['id']}"
            made.append(Delivery(name, name, name, 1, NOTIFICATION, now, turn=number))
    outbox.enqueue(connection, made, now)
    return len(made)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        return False
