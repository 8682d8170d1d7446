"""What a receiver has of a plan by earlier rows, and a newer version no longer brings: it is taken back with that one.

https://hl7.org/fhir/R4/lifecycle.html: what was given and no longer holds is marked `entered-in-error`.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from service.deliver.receivers.base import Json
from service.fhir.json import decode
from service.policy import withdrawal
from service.store import outbox
from service.store.belonging import last_bodies
from service.store.claims import Claim
from service.store.outbox import DELIVERED, WITHDRAWAL, Delivery

Versions = dict[str, int]
"""References (`Goal/…`) and the version of each that was given."""


def earlier(connection: Connection, claims: Sequence[Claim]) -> dict[int, list[Delivery]]:
    """For each claim, by its row: the older rows of the plan by which its receiver has something, or may have.

    The last one that was confirmed, and what was sent after it and is in doubt; a withdrawal has left nothing.
    """
    every = outbox.of(connection, {one.row.reference for one in claims})
    found: dict[int, list[Delivery]] = {}
    for claim in claims:
        place = (claim.row.reference, claim.row.receiver)
        rows = [one for one in every if (one.reference, one.receiver) == place and (one.id or 0) < claim.id]
        rows = [one for one in rows if one.state == DELIVERED or one.doubt]
        last = max((at for at, one in enumerate(rows) if one.state == DELIVERED), default=0)
        found[claim.id] = [one for one in rows[last:] if one.payload != WITHDRAWAL]
    return found


def given(rows: Iterable[Delivery]) -> Versions:
    """What confirmed rows have brought."""
    return {reference: version for one in rows if one.contents for reference, version in decode(one.contents)}


def taken_back(connection: Connection, row: Delivery, had: Versions, bundle: Json, case: Json) -> Json | None:
    """What takes back those of `had` that `bundle` has no longer, a Bundle without content; None where all is there.

    `case` is all that belongs to the plan now: it tells whom a thing was about. What the receiver has with another plan
    of the family stays.
    """
    going = {_reference(entry["resource"]) for entry in bundle["entry"]}
    gone = {reference: version for reference, version in had.items() if reference not in going}
    if not gone:
        return None
    others = outbox.held_with_others(connection, row.receiver, row.family, row.reference)
    keys = [(*_key(reference), version) for reference, version in gone.items() if _key(reference) not in others]
    bodies = [{"resource": one.resource()} for one in last_bodies(connection, keys) if not one.deleted]
    sent = {_reference(one["resource"]) for one in bodies}
    beside = [entry for entry in case["entry"] if _reference(entry["resource"]) not in sent]
    made = withdrawal({**case, "entry": [*beside, *bodies]}, sent)
    return made if made["entry"] else None


def references(bundle: Json) -> tuple[str, ...]:
    """The references of what is in a Bundle, in order of their names."""
    return tuple(sorted(_reference(entry["resource"]) for entry in bundle["entry"]))


def _reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource.get('id')}"


def _key(reference: str) -> tuple[str, str]:
    type_name, _, id_ = reference.partition("/")
    return type_name, id_
