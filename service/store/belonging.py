"""Plans with all that belongs to each, for many plans in a few queries; as they are, or as they were at a moment.

What belongs to a plan: what refers to it, what it and these refer to, and the family of the documents it came with.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, func, select

from service.store.parameters import parameter_id
from service.store.raw import Among
from service.store.records import Stored
from service.store.resources import NOW, SHOWN, Key, stored_of
from service.store.tables import document_resource, reference, resource, version

# What can be told of a plan; anything else beside one is left alone.
TYPES = frozenset({
    "Appointment", "CarePlan", "CareTeam", "Consent", "Goal", "Location", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task",
})  # fmt: skip
FAMILY = ("Patient", "RelatedPerson", "Location")
# The longest way: plan, team, role, organisation.
ROUNDS = 4
# The search parameters that lead from what belongs to a plan to the plan.
_BACK = {
    "Consent": ("data",),
    "Provenance": ("target",),
    "QuestionnaireResponse": ("based-on",),
    "ServiceRequest": ("based-on",),
    "Task": ("based-on", "focus"),
}
_BACK_PARAMS = tuple(sorted(parameter_id(name, code) for name, codes in _BACK.items() for code in codes))
_REFERENCE = re.compile(rb'"reference":"(?:[^"]*/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})["/]')
# A disclosure is noted about its plan, but it is no part of it: it tells of other recipients.
DISCLOSED = b'"iso-21089-lifecycle"'
_NOW = Among(lambda ids: select(*SHOWN).select_from(NOW).where(resource.c.id.in_(ids)))
_REFERRING = Among(
    lambda targets: (
        select(reference.c.target, resource.c.type, resource.c.id, resource.c.organisation)
        .join(resource, resource.c.rid == reference.c.rid)
        .where(reference.c.param.in_(_BACK_PARAMS), reference.c.target.in_(targets), resource.c.deleted == 0)
        .order_by(resource.c.rid)
    )
)


def _beside(ids: list[BindParameter[str]]) -> Select[Any]:
    own, beside, other = document_resource.alias(), document_resource.alias(), resource.alias()
    return (
        select(resource.c.id.label("plan"), other.c.type, other.c.id, other.c.rid)
        .join(own, own.c.rid == resource.c.rid)
        .join(beside, beside.c.did == own.c.did)
        .join(other, other.c.rid == beside.c.rid)
        .where(resource.c.type == "CarePlan", resource.c.id.in_(ids))
        .where(other.c.type.in_(FAMILY), other.c.deleted == 0)
        .order_by(other.c.rid)
        .distinct()
    )


_BESIDE = Among(_beside)


@dataclass(frozen=True, slots=True)
class Belonging:
    """A plan and what belongs to it; `organisation` (OID) is whose it is."""

    plan: Stored
    organisation: str
    others: tuple[Stored, ...]


@dataclass(slots=True)
class _Reached:
    """What was read so far, by key; of what is not there, or was deleted, None."""

    connection: Connection
    as_of: int | None
    always: Collection[str] = ()
    bodies: dict[Key, Stored | None] = field(default_factory=dict)
    _links: dict[Key, list[Key]] = field(default_factory=dict)

    def fetch(self, keys: Iterable[Key]) -> None:
        wanted = [key for key in dict.fromkeys(keys) if key not in self.bodies]
        if not wanted:
            return
        self.bodies.update(dict.fromkeys(wanted))
        for row in _NOW(self.connection, {id_ for _, id_ in wanted}):
            if (key := (row[0], row[1])) in self.bodies:
                self.bodies[key] = Stored(*row)
        if self.as_of is not None:
            late = [one for key in wanted if (one := self.bodies[key]) and one.updated > self.as_of]
            self._rewind([one for one in late if one.type not in self.always])

    def _rewind(self, late: Iterable[Stored]) -> None:
        """What was written after the moment is as it was then; what was not there yet is left out."""
        for one in late:
            own = and_(resource.c.type == one.type, resource.c.id == one.id)
            last = (
                select(func.max(version.c.version))
                .join(resource, resource.c.rid == version.c.rid)
                .where(own, version.c.updated <= self.as_of)
                .scalar_subquery()
            )
            joined = version.join(resource, resource.c.rid == version.c.rid)
            statement = select(*SHOWN).select_from(joined).where(own, version.c.version == last)
            row = self.connection.execute(statement).one_or_none()
            self.bodies[one.type, one.id] = None if row is None else stored_of(row)

    def get(self, key: Key) -> Stored | None:
        found = self.bodies.get(key)
        return None if found is None or found.deleted else found

    def links(self, key: Key) -> list[Key]:
        """What it refers to. Many plans lead to one organisation, which is read once."""
        if key not in self._links:
            one = self.get(key)
            # What was noted about the plan was noted about other things too.
            body = one.body if one is not None and one.type != "Provenance" else None
            every = dict.fromkeys(_REFERENCE.findall(body)) if body else ()
            named = [(kind.decode(), id_.decode()) for kind, id_ in every]
            self._links[key] = [to for to in named if to[0] in TYPES and to[0] != "CarePlan"]
        return self._links[key]


def belonging(
    connection: Connection, ids: Collection[str], as_of: int | None = None, always: Collection[str] = ()
) -> dict[str, Belonging]:
    """The plans with these ids that are there, each with what belongs to it.

    With `as_of` (microseconds) everything is as it was at that moment, but the types `always`, which are as they are.
    """
    reached = _Reached(connection, as_of, always)
    reached.fetch(("CarePlan", id_) for id_ in ids)
    plans = {id_: plan for id_ in ids if (plan := reached.get(("CarePlan", id_)))}
    found = {id_: {("CarePlan", id_): None} for id_ in plans}
    for id_, key in (*_referring(connection, plans), *_families(connection, found)):
        found[id_].setdefault(key)
    latest = {id_: dict(keys) for id_, keys in found.items()}
    for _ in range(ROUNDS):
        reached.fetch(key for keys in latest.values() for key in keys)
        latest = {id_: _next(reached, keys, found[id_]) for id_, keys in latest.items()}
        for id_, keys in latest.items():
            found[id_].update(keys)
    reached.fetch(key for keys in latest.values() for key in keys)
    return {id_: _made(reached, plans[id_], keys) for id_, keys in found.items()}


def last_of(connection: Connection, id_: str) -> Stored | None:
    """The newest version of a plan that has content, also where it was deleted since."""
    joined = version.join(resource, resource.c.rid == version.c.rid)
    own = (resource.c.type == "CarePlan", resource.c.id == id_, version.c.body.is_not(None))
    statement = select(*SHOWN).select_from(joined).where(*own).order_by(version.c.version.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else stored_of(row)


def owner(connection: Connection, id_: str) -> str:
    """The organisation (OID) whose plan it is, also where it was deleted."""
    statement = select(resource.c.organisation).where(resource.c.type == "CarePlan", resource.c.id == id_)
    return str(connection.execute(statement).scalar_one())


def last_bodies(connection: Connection, keys: Sequence[tuple[str, str, int]]) -> list[Stored]:
    """These versions (type, id, version) of resources."""
    joined = version.join(resource, resource.c.rid == version.c.rid)
    found = []
    for type_name, id_, number in keys:
        own = (resource.c.type == type_name, resource.c.id == id_, version.c.version == number)
        row = connection.execute(select(*SHOWN).select_from(joined).where(*own)).one_or_none()
        if row is not None:
            found.append(stored_of(row))
    return found


def _made(reached: _Reached, plan: Stored, keys: Iterable[Key]) -> Belonging:
    every = [one for key in keys if (one := reached.get(key)) is not None and not _is_disclosure(one)]
    return Belonging(plan, plan.organisation, tuple(one for one in every if one is not plan))


def _next(reached: _Reached, keys: Iterable[Key], known: Mapping[Key, None]) -> dict[Key, None]:
    """What these refer to and was not reached before."""
    return {target: None for key in keys for target in reached.links(key) if target not in known}


def _is_disclosure(one: Stored) -> bool:
    return one.type == "Provenance" and one.body is not None and DISCLOSED in one.body


def _referring(connection: Connection, plans: Mapping[str, Stored]) -> list[tuple[str, Key]]:
    """What refers to each of these plans and is of the same owner: nobody else's Consent permits anything."""
    rows = _REFERRING(connection, {one.reference for one in plans.values()})
    found = [(target.partition("/")[2], (kind, id_), whose) for target, kind, id_, whose in rows]
    return [(plan, key) for plan, key, whose in found if whose == plans[plan].organisation]


def _families(connection: Connection, ids: Collection[str]) -> list[tuple[str, Key]]:
    """The family and the places of the documents that each of these plans came with: they may have to be protected."""
    return [(plan, (kind, id_)) for plan, kind, id_, _ in _BESIDE(connection, ids)]
