"""Plans with all that belongs to each, for many plans in a few queries; as they are, or as they were at a moment.

What belongs to a plan: what refers to it, what it and these refer to, and the family of the documents it came with.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, func, select

from service.store.parameters import parameter_id
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
_MANY = 400


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

    def fetch(self, keys: Iterable[Key]) -> None:
        wanted = sorted({key for key in keys if key not in self.bodies})
        for start in range(0, len(wanted), _MANY):
            some = wanted[start : start + _MANY]
            self.bodies.update(dict.fromkeys(some))
            ids = sorted({id_ for _, id_ in some})
            statement = select(*SHOWN).select_from(NOW).where(resource.c.id.in_(ids), resource.c.type.in_(TYPES))
            for row in self.connection.execute(statement):
                if (row.type, row.id) in self.bodies:
                    self.bodies[row.type, row.id] = stored_of(row)
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


def belonging(
    connection: Connection, ids: Collection[str], as_of: int | None = None, always: Collection[str] = ()
) -> dict[str, Belonging]:
    """The plans with these ids that are there, each with what belongs to it.

    With `as_of` (microseconds) everything is as it was at that moment, but the types `always`, which are as they are.
    """
    owners = _owners(connection, ids)
    reached = _Reached(connection, as_of, always)
    reached.fetch(("CarePlan", id_) for id_ in owners)
    found = {id_: {("CarePlan", id_): None} for id_ in owners if reached.get(("CarePlan", id_))}
    for id_, key in (*_referring(connection, owners, found), *_families(connection, found)):
        found[id_].setdefault(key)
    latest: dict[str, Iterable[Key]] = {id_: list(keys) for id_, keys in found.items()}
    for _ in range(ROUNDS):
        reached.fetch(key for keys in latest.values() for key in keys)
        latest = {id_: _next(reached, keys, found[id_]) for id_, keys in latest.items()}
        for id_, keys in latest.items():
            found[id_].update(dict.fromkeys(keys))
    reached.fetch(key for keys in latest.values() for key in keys)
    return {id_: _made(reached, id_, owners[id_], list(keys)) for id_, keys in found.items()}


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


def _made(reached: _Reached, id_: str, organisation: str, keys: Iterable[Key]) -> Belonging:
    every = [one for key in keys if (one := reached.get(key)) is not None and not _is_disclosure(one)]
    plan = next(one for one in every if (one.type, one.id) == ("CarePlan", id_))
    return Belonging(plan, organisation, tuple(one for one in every if one is not plan))


def _next(reached: _Reached, keys: Iterable[Key], known: Mapping[Key, None]) -> list[Key]:
    """What these refer to and was not reached before."""
    wanted: dict[Key, None] = {}
    for key in keys:
        one = reached.get(key)
        # What was noted about the plan was noted about other things too.
        if one is None or one.body is None or one.type == "Provenance":
            continue
        for match in _REFERENCE.finditer(one.body):
            target = (match[1].decode(), match[2].decode())
            if target[0] in TYPES and target[0] != "CarePlan" and target not in known:
                wanted[target] = None
    return list(wanted)


def _is_disclosure(one: Stored) -> bool:
    return one.type == "Provenance" and one.body is not None and DISCLOSED in one.body


def _owners(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    statement = select(resource.c.id, resource.c.organisation).where(
        resource.c.type == "CarePlan", resource.c.id.in_(sorted(ids))
    )
    return {row.id: row.organisation for row in connection.execute(statement)}


def _referring(connection: Connection, owners: Mapping[str, str], ids: Collection[str]) -> list[tuple[str, Key]]:
    """What refers to each of these plans and is of the same owner: nobody else's Consent permits anything."""
    targets = [f"CarePlan/{id_}" for id_ in ids]
    statement = (
        select(reference.c.target, resource.c.type, resource.c.id, resource.c.organisation)
        .join(resource, resource.c.rid == reference.c.rid)
        .where(reference.c.param.in_(_BACK_PARAMS), reference.c.target.in_(targets), resource.c.deleted == 0)
        .order_by(resource.c.rid)
    )
    rows = [(row.target.partition("/")[2], row) for row in connection.execute(statement)]
    return [(id_, (row.type, row.id)) for id_, row in rows if row.organisation == owners[id_]]


def _families(connection: Connection, ids: Collection[str]) -> list[tuple[str, Key]]:
    """The family and the places of the documents that each of these plans came with: they may have to be protected."""
    own, beside, other = document_resource.alias(), document_resource.alias(), resource.alias()
    statement = (
        select(resource.c.id.label("plan"), other.c.type, other.c.id, other.c.rid)
        .join(own, own.c.rid == resource.c.rid)
        .join(beside, beside.c.did == own.c.did)
        .join(other, other.c.rid == beside.c.rid)
        .where(resource.c.type == "CarePlan", resource.c.id.in_(sorted(ids)))
        .where(other.c.type.in_(FAMILY), other.c.deleted == 0)
        .order_by(other.c.rid)
        .distinct()
    )
    return [(row.plan, (row.type, row.id)) for row in connection.execute(statement)]
