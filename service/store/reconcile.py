"""What follows for the outbox from a change of a plan or of a permission, in the transaction that makes the change.

    permitted and not given as it is now     a row for it; older rows that nobody has in hand are superseded
    no longer permitted                      what waits is cancelled; what was given, or may have been, is withdrawn

A permission whose time is over stops what waits and withdraws nothing: what was given was given by right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from service.fhir.json import parse
from service.store import families, outbox
from service.store.disclosures import withdraw
from service.store.outbox import CANCELLED, DELIVERED, PARKED, PLAN, WAITING, WITHDRAWAL, Delivery
from service.store.parameters import parameter_id
from service.store.raw import Statement
from service.store.reading import read, vread
from service.store.recipients import NOBODY, Grant, Granted, about, granted, oid, organisations
from service.store.records import Stored, Written
from service.store.resources import NOW, Key, current
from service.store.tables import reference, resource, version
from service.store.visibility import EVERYTHING

SUPERSEDED = "superseded"
NO_LONGER = "no-longer-permitted"
RETIRED = "retired"
_DATA = parameter_id("Consent", "data")
_PERMITTING = Statement(
    select(resource.c.id, version.c.body)
    .select_from(NOW)
    .where(
        resource.c.rid.in_(
            select(reference.c.rid).where(reference.c.param == _DATA, reference.c.target == bindparam("of_plan"))
        ),
        resource.c.deleted == 0,
        resource.c.organisation == bindparam("of_organisation"),
    )
    .order_by(resource.c.rid)
)
Resource = Mapping[str, Any]


def settle(
    connection: Connection,
    written: Mapping[Key, Written],
    now: int,
    *,
    here: Mapping[str, Resource] | None = None,
    family: str | None = None,
) -> dict[str, list[Delivery]]:
    """Bring the outbox in line with what was just written. `here` are resources that are known already.

    Gives the rows of each plan that is new, by its reference.
    """
    known = here or {}
    changed = {key: one for key, one in written.items() if one.status in ("created", "updated", "deleted")}
    plans = {key[1]: one.stored for key, one in changed.items() if key[0] == "CarePlan"}
    for key, one in changed.items():
        if key[0] == "Consent":
            for reference_ in _about(connection, key, one, known):
                plans.setdefault(reference_.partition("/")[2])
    new: dict[str, list[Delivery]] = {}
    for id_, stored in sorted(plans.items()):
        added = reconcile(connection, id_, now, here=known, family=family, stored=stored)
        if stored is not None and stored.version == 1:
            new[stored.reference] = added
    return new


def reconcile(
    connection: Connection,
    id_: str,
    now: int,
    *,
    here: Mapping[str, Resource],
    family: str | None = None,
    stored: Stored | None = None,
) -> list[Delivery]:
    """Bring the outbox in line with what the store says now of the plan `id_` and of the permissions for it.

    `stored` is the plan where this transaction has just written it; nobody else can change it then. Gives the rows that
    are added.
    """
    is_new = stored is not None and stored.version == 1
    stored = stored or _locked(connection, ("CarePlan", id_))
    if stored is None:
        return []
    reference_ = stored.reference
    plan = None if stored.deleted else here.get(reference_) or stored.resource()
    who = NOBODY if plan is None else _granted(connection, plan, stored.organisation, here, now)
    # Locked: a worker either has a row in hand by now, or meets it as it is left here. Of a new plan there is none yet.
    have = [] if is_new else outbox.of(connection, [reference_], lock=True)
    if not have and not who.recipients:
        return []
    name = have[0].family if have else family or families.of_plan(connection, id_, plan or {}, stored.organisation)
    case = _Case(connection, reference_, stored.version, name, RETIRED if plan is None else NO_LONGER, now)
    for receiver in sorted({*who.recipients, *(one.receiver for one in have)}):
        own = [one for one in have if one.receiver == receiver]
        grant = who.recipients.get(receiver)
        if grant is not None:
            case.give(receiver, own, grant)
        else:
            case.take_back(receiver, own, lapsed=receiver in who.lapsed)
    return outbox.enqueue(connection, case.added, now)


@dataclass(frozen=True, slots=True)
class _Case:
    """One plan as it is now, and the transaction in which its rows are brought in line."""

    connection: Connection
    reference: str
    version: int
    family: str
    reason: str
    now: int
    added: list[Delivery] = field(default_factory=list)

    def give(self, receiver: str, own: Sequence[Delivery], grant: Grant) -> None:
        """The receiver is to have the plan as it is now."""
        taken_back = max((one.turn for one in own if one.payload == WITHDRAWAL and _counts(one)), default=-1)
        same = [
            one
            for one in own
            if one.payload == PLAN
            and one.turn > taken_back
            and (one.version, one.terms) == (self.version, grant.terms)
            and one.state != CANCELLED
        ]
        older = [one for one in own if one not in same and one.payload == PLAN and not one.doubt]
        self._cancel(older, SUPERSEDED)
        if not same:
            self._add(receiver, own, PLAN, grant.not_before, grant.terms)
        for one in same:
            if one.attempts == 0 and one.state == WAITING and one.not_before != grant.not_before:
                self._change([one], {"not_before": grant.not_before})

    def take_back(self, receiver: str, own: Sequence[Delivery], *, lapsed: bool) -> None:
        """The receiver is to have nothing of the plan."""
        self._cancel([one for one in own if one.payload == PLAN], self.reason)
        given = [one for one in own if _counts(one) and (one.payload == WITHDRAWAL or _may_be_there(one, self.now))]
        if lapsed or not given or given[-1].payload == WITHDRAWAL:
            return
        self._add(receiver, own, WITHDRAWAL, self.now, None)
        withdraw(self.connection, receiver, self._only_given_with(receiver, own))

    def _cancel(self, those: Iterable[Delivery], reason: str) -> None:
        self._change(those, {"state": CANCELLED, "reason": reason, "lease_until": None, "lease_owner": None})

    def _change(self, those: Iterable[Delivery], values: Mapping[str, Any]) -> None:
        ids = [one.id for one in those if one.id is not None and one.state in (WAITING, PARKED)]
        if ids:
            outbox.change(self.connection, ids, (WAITING, PARKED), {"at": self.now, **values})

    def _add(self, receiver: str, own: Sequence[Delivery], payload: str, not_before: int, terms: bytes | None) -> None:
        turn = max((one.turn for one in own), default=-1) + 1
        made = Delivery(
            receiver, self.family, self.reference, self.version, payload, not_before, turn=turn, terms=terms
        )
        self.added.append(made)

    def _only_given_with(self, receiver: str, own: Iterable[Delivery]) -> set[Key]:
        """What the receiver was given with this plan and with no other of the family that it still has."""
        given = {key for one in own for key in outbox.keys(one.contents)}
        return given - outbox.held_with_others(self.connection, receiver, self.family, self.reference)


def _counts(one: Delivery) -> bool:
    return one.state != CANCELLED or bool(one.doubt)


def _may_be_there(one: Delivery, now: int) -> bool:
    return one.state == DELIVERED or bool(one.doubt) or one.in_hand(now)


def _granted(
    connection: Connection, plan: Resource, organisation: str, known: Mapping[str, Resource], now: int
) -> Granted:
    consents = _consents(connection, f"CarePlan/{plan['id']}", organisation, known)
    named = organisations(plan, consents)
    missing = [(one.partition("/")[0], one.partition("/")[2]) for one in named if one not in known]
    found = {one: known[one] for one in named if one in known}
    for key in missing:
        content = _read(connection, key)
        if content is not None:
            found["/".join(key)] = content
    return granted(plan, consents, {name: oid(content) for name, content in found.items()}, now)


def _consents(connection: Connection, plan: str, organisation: str, known: Mapping[str, Resource]) -> list[Resource]:
    """The Consents about a plan that are its owner's: nobody else can permit what is the owner's to give."""
    rows = _PERMITTING(connection, of_plan=plan, of_organisation=organisation)
    return [known.get(f"Consent/{id_}") or parse(bytes(body)) for id_, body in rows]


def _about(connection: Connection, key: Key, written: Written, known: Mapping[str, Resource]) -> set[str]:
    """The plans that a Consent is about now, or was about before."""
    stored = written.stored
    if stored is None:
        return set()
    now = set() if stored.deleted else about(known.get(stored.reference) or stored.resource())
    before = vread(connection, *key, stored.version - 1, EVERYTHING) if stored.version > 1 else None
    return now | (about(before.resource()) if before is not None and not before.deleted else set())


def _locked(connection: Connection, key: Key) -> Stored | None:
    return read(connection, *key, EVERYTHING) if current(connection, [key]) else None


def _read(connection: Connection, key: Key) -> Resource | None:
    stored = read(connection, *key, EVERYTHING)
    return None if stored is None or stored.deleted else stored.resource()
