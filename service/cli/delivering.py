"""What the delivery commands share: the receivers and what shipments are made with."""

import functools
from datetime import datetime
from typing import Any

from service.cli.failures import CouldNotRun
from service.clock import now
from service.config import Settings
from service.deliver.notifying import Signer, notification
from service.deliver.receivers.base import Json, ReceiverSettings, Tools, TransportError
from service.deliver.settings import load
from service.deliver.shipments import Kit
from service.fhir.definitions import core
from service.issues import issue
from service.policy import Policy, validated
from service.store import Store, open_store
from service.store.outbox import NOTIFICATION
from service.tokens import load_key


def receivers(chosen: Settings, names: tuple[str, ...] = ()) -> list[ReceiverSettings]:
    """The receivers of this installation, or those with these names. Raises `CouldNotRun` where a file is wrong."""
    found, issues = load(chosen.receiver_folder)
    if issues:
        raise CouldNotRun(*issues)
    if not found:
        raise CouldNotRun(issue("deliver.no-receivers", folder=chosen.receiver_folder))
    unknown = set(names) - {one.name for one in found}
    if unknown:
        known = ", ".join(one.name for one in found)
        raise CouldNotRun(issue("deliver.unknown-receiver", name=min(unknown), known=known))
    return [one for one in found if not names or one.name in names]


def kit(chosen: Settings) -> Kit:
    """The policy, and how narratives and pages are made."""
    from service.print.face import narrative

    tools = Tools(pdf=_pdf, validate=validated)
    return Kit(Policy.load(chosen.policies), narrative, tools, makers={NOTIFICATION: notification})


def signer(chosen: Settings) -> Signer:
    """How calls to source systems are signed: with the key that signs access tokens, in the service's own name."""
    key = functools.cache(lambda: load_key(chosen.token_key or chosen.data / "token-key.pem"))
    issuer = chosen.base_url or f"http://{chosen.host}:{chosen.port}"
    return Signer(issuer.rstrip("/"), key, now, chosen.fetch_private)


def opened(chosen: Settings) -> Store:
    """The store, with connections for every lane."""
    return open_store(chosen.database, chosen.data, core(), pool=16)


def _pdf(bundle: Json, language: str) -> bytes:
    """The paper of a copy; its day is that of the plan's version, so that the same copy has the same bytes."""
    from service.print.face import PrintError, printed

    plan: dict[str, Any] = bundle["entry"][0]["resource"]
    moment = datetime.fromisoformat(str(plan.get("meta", {}).get("lastUpdated") or plan.get("created")))
    try:
        return printed(bundle, str(plan["id"]), language=language, copy_of=str(plan["id"]), now=moment)
    except PrintError as error:
        # What cannot be drawn today cannot be drawn tomorrow: somebody must look at it.
        raise TransportError(error.issue, permanent=True, whole=False, sent=False) from None
