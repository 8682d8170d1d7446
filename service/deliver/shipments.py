"""From rows in hand to bytes that may leave: what the store holds now, what of it is permitted now, guarded.

claims ─▶ belonging ─▶ policy.may ─▶ receiver.parts ─▶ guard ─▶ Ready | Stopped
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from service.deliver import outdated
from service.deliver.receivers.base import Json, Part, Receiver, Shipment, Tools, TransportError
from service.fhir.json import decode, encode
from service.issues import Issue
from service.pipeline import Narrator
from service.policy import Basis, Guard, Permitted, Policy, Recipient, Refused, may, protects, withdrawal
from service.store import outbox
from service.store.belonging import Belonging, belonging, last_bodies, last_of, owner
from service.store.claims import Claim
from service.store.disclosures import Given
from service.store.outbox import CANCELLED, PARKED, PLAN, WITHDRAWAL, Delivery
from service.store.reconcile import SUPERSEDED
from service.store.records import Stored

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = 4000
# The versions of one millisecond are a millisecond apart.
_SLACK = 2000
_PERMISSIONS = ("Consent",)


@dataclass(frozen=True, slots=True)
class Ready:
    """A shipment and its bytes; `organisation` is whose it is, `given` what of it the recipient then has.

    `law` are the provisions by which its sector may get anything at all. What is no disclosure, because nothing of a
    family is in it, is not logged as one. `unconfirmed` is what a withdrawal finds out to have arrived, if it finds
    anything: what was sent and never confirmed.
    """

    claim: Claim
    shipment: Shipment
    parts: tuple[Part, ...]
    organisation: str
    patients: tuple[str, ...]
    given: tuple[Given, ...]
    bases: tuple[Basis, ...]
    law: str = ""
    is_disclosure: bool = True
    unconfirmed: "tuple[Ready, ...]" = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A row that is not sent: `state` is what becomes of it, `reason` the key of an issue or a word for it."""

    claim: Claim
    state: str
    reason: str


Had = Callable[[Delivery, Json, Json], Json | None]
"""What of a row's earlier versions is outdated by a Bundle, made of a case; see `outdated.taken_back`."""
Maker = Callable[[Connection, Claim, Receiver], Ready | Stopped]
"""Makes what a row of some other payload brings; the connection is only read from."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What shipments are made with: the policy and who decides by it, how narratives and pages are made.

    `makers` make what is neither a plan nor its withdrawal, by the payload of the row.
    """

    policy: Policy
    narrator: Narrator | None = None
    tools: Tools = field(default_factory=Tools)
    decide: Callable[..., Permitted | Refused] = may
    makers: Mapping[str, Maker] = field(default_factory=dict)


class Bodies:
    """Parsed versions of resources, which never change; a dictionary per version, shared by all threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, int], Json] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, stored: Stored) -> Json:
        key = (stored.type, stored.id, stored.version)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = decode(stored.body or b"{}")
            with self._lock:
                self._kept[key] = found
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found


def prepared(
    connection: Connection, claims: Sequence[Claim], receiver: Receiver, kit: Kit, bodies: Bodies, now: datetime
) -> list[Ready | Stopped]:
    """Each of the rows as it may leave at `now`, or why not; the connection is only read from."""
    about_plans = [one for one in claims if one.row.payload == PLAN]
    plans, earlier = _plans(connection, about_plans), outdated.earlier(connection, about_plans)
    made: list[Ready | Stopped] = []
    for claim in claims:
        if claim.row.payload == PLAN:
            had = partial(_had, connection, earlier[claim.id], receiver, kit, bodies)
            made.append(_given(claim, plans.get(claim.id), receiver, kit, bodies, now, had))
        elif claim.row.payload == WITHDRAWAL:
            made.append(_taken_back(connection, claim, receiver, kit, bodies))
        else:
            make = kit.makers.get(claim.row.payload)
            made.append(make(connection, claim, receiver) if make else Stopped(claim, PARKED, "deliver.payload"))
    return made


def _plans(connection: Connection, claims: Iterable[Claim]) -> dict[int, Belonging]:
    """What belongs to the plan of each row, in the row's version and as it was when it was first taken in hand.

    So the row of a version never brings what another row is for. What is permitted is asked of the Consents of now.
    """
    moments: dict[int, list[Claim]] = {}
    for one in claims:
        moments.setdefault(one.row.as_of or 0, []).append(one)
    found: dict[int, Belonging] = {}
    for moment, some in moments.items():
        plans = belonging(connection, {_id(one.row) for one in some}, moment + _SLACK, _PERMISSIONS)
        for one in some:
            if (held := plans.get(_id(one.row))) is not None:
                found[one.id] = _versioned(connection, held, one.row, _PERMISSIONS)
    return found


def _versioned(connection: Connection, held: Belonging, row: Delivery, always: Sequence[str] = ()) -> Belonging:
    """The same, but of a plan that is newer than its row as all was before that newer version.

    It may be from before the claim, and committed only after a first try: this one must bring the same again.
    """
    if held.plan.version <= row.version:
        return held
    (newer,) = last_bodies(connection, [("CarePlan", held.plan.id, row.version + 1)])
    return belonging(connection, [held.plan.id], newer.updated - 1, always).get(held.plan.id, held)


def _had(
    connection: Connection,
    earlier: Sequence[Delivery],
    receiver: Receiver,
    kit: Kit,
    bodies: Bodies,
    row: Delivery,
    bundle: Json,
    case: Json,
) -> Json | None:
    """What of earlier versions is outdated by `bundle`, also of what nobody has confirmed."""
    had = outdated.given(earlier)
    for ready in _unconfirmed(connection, earlier, receiver, kit, bodies):
        had |= {f"{one.type}/{one.id}": one.version for one in ready.given}
    return outdated.taken_back(connection, row, had, bundle, case) if had else None


def _given(
    claim: Claim,
    held: Belonging | None,
    receiver: Receiver,
    kit: Kit,
    bodies: Bodies,
    now: datetime,
    had: Had = lambda *_: None,
) -> Ready | Stopped:
    if held is None:
        return Stopped(claim, CANCELLED, "retired")
    if claim.superseded and not claim.doubted:
        return Stopped(claim, CANCELLED, SUPERSEDED)
    case = _collection([held.plan, *held.others], bodies)
    permissions = [bodies.of(one) for one in held.others if one.type == "Consent"]
    found = kit.decide(recipient(receiver), case, permissions, now, policy=kit.policy, narrator=kit.narrator)
    if isinstance(found, Refused):
        return Stopped(claim, PARKED if found.must_be_looked_at else CANCELLED, found.issue.key)
    stored = {one.reference: one for one in (held.plan, *held.others)}
    return _ready(claim, found, had(claim.row, found.bundle, case), held.organisation, stored, receiver, kit)


def _ready(
    claim: Claim,
    found: Permitted,
    gone: Json | None,
    organisation: str,
    stored: Mapping[str, Stored],
    receiver: Receiver,
    kit: Kit,
) -> Ready | Stopped:
    shipment = _shipment(claim.row, receiver, found.bundle, _language(found.bundle), found, gone)
    guard = found.guard.knowing(gone) if gone else found.guard
    try:
        parts = receiver.parts(shipment, kit.tools)
    except TransportError as error:
        return Stopped(claim, PARKED, error.issue.key)
    leaks = [one for part in parts for one in _guarded(part, guard)]
    if leaks:
        return Stopped(claim, PARKED, leaks[0].key)
    return Ready(
        claim,
        shipment,
        parts,
        organisation,
        _patients(found.bundle),
        tuple(_copies(found.bundle, stored)),
        found.bases,
        kit.policy.sectors[receiver.settings.sector].law,
    )


def _guarded(part: Part, guard: Guard) -> list[Issue]:
    """What of the part may not leave; a PDF's text is checked by whoever makes it, its name here."""
    named = guard.check(part.name.encode()) if part.name else []
    return named if part.content_type.startswith("application/pdf") else [*named, *guard.check(part.body)]


def _taken_back(connection: Connection, claim: Claim, receiver: Receiver, kit: Kit, bodies: Bodies) -> Ready | Stopped:
    """What takes back all that the receiver got of the plan, or may have got, and has with no other plan."""
    row = claim.row
    earlier = [one for one in outbox.of(connection, [row.reference]) if one.receiver == row.receiver]
    earlier = [one for one in earlier if (one.id or 0) < claim.id and one.payload != WITHDRAWAL]
    unconfirmed = _unconfirmed(connection, earlier, receiver, kit, bodies)
    sent, known = _sent(connection, earlier, unconfirmed, _id(row))
    if not sent:
        return Stopped(claim, CANCELLED, "nothing-given")
    others = outbox.held_with_others(connection, row.receiver, row.family, row.reference)
    case = _collection(known, bodies)
    bundle = withdrawal(case, [one for one in sent if _key(one) not in others])
    shipment = _shipment(row, receiver, bundle, _language(case))
    try:
        parts = receiver.parts(shipment, kit.tools)
    except TransportError as error:
        return Stopped(claim, PARKED, error.issue.key)
    leaks = [one for part in parts for text in (part.name.encode(), part.body) for one in protects(text, case)]
    if leaks:
        return Stopped(claim, PARKED, leaks[0].key)
    own = owner(connection, _id(row))
    return Ready(claim, shipment, parts, own, _patients(case), (), (), unconfirmed=unconfirmed)


def _unconfirmed(
    connection: Connection, earlier: Iterable[Delivery], receiver: Receiver, kit: Kit, bodies: Bodies
) -> tuple[Ready, ...]:
    """What was sent in rows that nobody has confirmed, made again as it was then and by what was permitted then."""
    made: list[Ready] = []
    for one in earlier:
        if one.doubt and one.as_of is not None:
            plans = belonging(connection, [_id(one)], one.as_of)
            held = _versioned(connection, plans[_id(one)], one) if plans else None
            moment = _EPOCH + timedelta(microseconds=one.as_of)
            found = _given(Claim(one, "", True, False), held, receiver, kit, bodies, moment)
            made += [found] if isinstance(found, Ready) else []
    return tuple(made)


def _sent(
    connection: Connection, earlier: Iterable[Delivery], unconfirmed: Iterable[Ready], id_: str
) -> tuple[list[str], list[Stored]]:
    """The references of what was given, or may have been, and the resources as they were then, the plan first."""
    pairs: dict[str, int] = {}
    for one in earlier:
        pairs.update(decode(one.contents or b"[]"))
    for ready in unconfirmed:
        pairs |= {f"{one.type}/{one.id}": one.version for one in ready.given}
    keys = [(*_key(reference), version) for reference, version in pairs.items()]
    found = {one.reference: one for one in last_bodies(connection, keys)}
    plan = found.pop(f"CarePlan/{id_}", None) or last_of(connection, id_)
    if plan is None or not pairs:
        return [], []
    known = [plan, *found.values()]
    return [one.reference for one in known], known


def recipient(receiver: Receiver) -> Recipient:
    """The organisation behind a receiver, as the policy knows it."""
    chosen = receiver.settings
    return Recipient(chosen.organisation, chosen.sector, chosen.name)


def _shipment(
    row: Delivery,
    receiver: Receiver,
    bundle: Json,
    language: str,
    found: Permitted | None = None,
    gone: Json | None = None,
) -> Shipment:
    return Shipment(
        row.id or 0,
        row.payload,
        row.reference,
        row.version,
        row.family,
        _EPOCH + timedelta(microseconds=row.created),
        recipient(receiver),
        bundle,
        language,
        found.bases if found else (),
        protected=found is not None and found.guard.protected,
        outdated=gone,
    )


def _collection(every: Iterable[Stored], bodies: Bodies) -> Json:
    entries: list[dict[str, Any]] = [{"resource": bodies.of(one)} for one in every]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _copies(bundle: Json, stored: Mapping[str, Stored]) -> Iterable[Given]:
    """What the recipient has when it has the bundle: copies with less in them than the resources they are of."""
    for entry in bundle["entry"]:
        content = entry["resource"]
        reference = f"{content['resourceType']}/{content.get('id')}"
        if reference in stored:
            one = stored[reference]
            copy = encode(content)
            yield Given(one.type, one.id, one.version, None if copy == one.body else copy)


def _patients(bundle: Json) -> tuple[str, ...]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return tuple(f"Patient/{one['id']}" for one in resources if one["resourceType"] == "Patient")


def _language(bundle: Json) -> str:
    return str(bundle["entry"][0]["resource"].get("language", "fi"))[:2]


def _id(row: Delivery) -> str:
    return row.reference.partition("/")[2]


def _key(reference: str) -> tuple[str, str]:
    type_name, _, id_ = reference.partition("/")
    return type_name, id_
