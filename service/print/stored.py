"""A stored plan with all that its paper tells of: what the caller may see is printed, the rest only protects.

Whether a family is protected (turvakielto) must not depend on who asks: a caller that sees the plan and not the child
would otherwise get a paper with places.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from service.fhir.json import parse
from service.issues import Issue
from service.policy.case import FAMILY
from service.print.face import missing, printed
from service.print.protection import PLACES
from service.store import EVERYTHING, Store, Stored, Visibility
from service.store.everything import Key, everything
from service.store.resources import NOW, SHOWN, stored_of
from service.store.tables import document_resource, resource
from service.store.visibility import visible

# What a paper can tell of; anything else beside a plan is left alone.
PRINTED = frozenset({
    "Appointment", "CarePlan", "CareTeam", "Consent", "Goal", "Location", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task",
})  # fmt: skip
# The longest way that is printed: plan, team, role, organisation.
ROUNDS = 4
_REFERENCE = re.compile(rb'"reference":"(?:[^"]*/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})["/]')


@dataclass(frozen=True, slots=True)
class Held:
    """`shown`: the plan and what is printed of it; `behind`: the same and whoever else of the family protects it."""

    shown: tuple[Stored, ...]
    behind: tuple[Stored, ...]

    def paper(self, *, now: datetime, **options: Any) -> bytes:
        """The paper; the options are those of `printed`, whose `PrintError` it raises."""
        return printed(_resources(self.shown), self.shown[0].id, behind=_resources(self.behind), now=now, **options)

    def missing(self, *, now: datetime) -> list[Issue]:
        """See `missing`."""
        return missing(_resources(self.shown), self.shown[0].id, now=now)


def held(store: Store, plan: Stored, who: Visibility, readable: Callable[[str], bool] = lambda _: True) -> Held:
    """What belongs to the paper of `plan`, as `who` sees it; `readable` says of a type whether it may be read."""
    with store.database.read() as connection:
        found = _around(connection, store, plan)
        seen = found.keys() if who == EVERYTHING else _current(connection, found, who).keys()
        shown = [one for key, one in found.items() if key in seen and readable(one.type) and key != _key(plan)]
        return Held((plan, *shown), (plan, *found.values(), *_family(connection, plan)))


def _resources(every: Iterable[Stored]) -> list[dict[str, Any]]:
    return [parse(one.body) for one in every if one.body is not None]


def _around(connection: Connection, store: Store, plan: Stored) -> dict[Key, Stored]:
    """What refers to the plan, and what it and the rest refer to; other plans are papers of their own."""
    near = everything(connection, store.parameters, _key(plan), EVERYTHING, rounds=0)
    found = {_key(one): one for one in near if one.type in PRINTED}
    latest = dict(found)
    for _ in range(ROUNDS):
        # What was noted about the plan was noted about other things too.
        bodies = (one.body or b"" for one in latest.values() if one.type != "Provenance")
        wanted = {(match[1].decode(), match[2].decode()) for body in bodies for match in _REFERENCE.finditer(body)}
        wanted = {key for key in wanted if key[0] in PRINTED and key[0] != "CarePlan"}
        latest = _current(connection, wanted - found.keys(), EVERYTHING)
        if not latest:
            break
        found |= latest
    return found


def _family(connection: Connection, plan: Stored) -> list[Stored]:
    """The family and the places of the documents that the plan came with."""
    own = select(resource.c.rid).where(resource.c.type == plan.type, resource.c.id == plan.id)
    documents = select(document_resource.c.did).where(document_resource.c.rid.in_(own))
    rids = select(document_resource.c.rid).where(document_resource.c.did.in_(documents))
    wanted = (resource.c.rid.in_(rids), resource.c.type.in_({*FAMILY, *PLACES}), resource.c.deleted == 0)
    return [stored_of(row) for row in connection.execute(select(*SHOWN).select_from(NOW).where(*wanted))]


def _current(connection: Connection, keys: Collection[Key], who: Visibility) -> dict[Key, Stored]:
    """The current versions of these that `who` may see; what was deleted is left out."""
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in sorted(keys):
        by_type.setdefault(type_name, []).append(id_)
    if not by_type:
        return {}
    these = or_(*(and_(resource.c.type == name, resource.c.id.in_(ids)) for name, ids in by_type.items()))
    statement = select(*SHOWN).select_from(NOW).where(these, resource.c.deleted == 0, visible(who, resource))
    return {_key(one): one for one in map(stored_of, connection.execute(statement.order_by(resource.c.rid)))}


def _key(one: Stored) -> Key:
    return one.type, one.id
