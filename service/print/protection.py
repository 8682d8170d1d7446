"""Non-disclosure for safety (turvakielto): no address, place, municipality or telecom of that family on paper.

The label is `Patient.meta.security` TURVAKIELTO of the Finnish base profiles
(https://hl7.fi/fhir/finnish-base-profiles/CodeSystem/fi-base-security-label-cs). One labelled person protects the
whole family: who lives with them would give the place away. Free text stays as it was written, but for the places,
addresses and numbers that the same resources name: those are struck out of it.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from service.policy.case import FAMILY, labelled
from service.policy.places import MUNICIPALITIES, literal, name
from service.print.model import Contact, Party, Plan, Telecom
from service.print.resources import Resource, Resources, objects, part, string, strings, values

PLACES = (*FAMILY, "Organization", "Location")

_T = TypeVar("_T")


def protected(plan: Resource, resources: Resources) -> bool:
    """Whether the plan or anybody of the family among the resources has the label."""
    family = [person for kind in FAMILY for person in resources.of(kind)]
    return any(map(labelled, [plan, *family]))


def withhold(plan: Plan, resources: Resources, marker: str) -> Plan:
    """The plan without what a protected family must not have on paper; `marker` stands where a place stood."""
    secret = _pattern(resources)

    def struck(text: str) -> str:
        return secret.sub(marker, text) if secret else text

    bare = _bare(plan, struck)
    return replace(
        bare,
        team_name="",
        keeper="",
        contacts=tuple(_placeless(one, marker) for one in bare.contacts),
        meeting=_placeless(bare.meeting, marker) if bare.meeting else None,
        activities=tuple(replace(one, where=marker if one.where else "") for one in bare.activities),
        worker_way=replace(bare.worker_way, telecom=()) if bare.worker_way else None,
    )


def _placeless(contact: Contact, marker: str) -> Contact:
    return replace(contact, place=marker if contact.place else "", phone="", joining="")


def _bare(value: _T, struck: Any) -> _T:
    """The same value with its texts struck and its parties without places."""
    if isinstance(value, Party):
        return _unplaced(value)  # type: ignore[return-value]
    if isinstance(value, str):
        return struck(value)  # type: ignore[no-any-return]
    if isinstance(value, tuple):
        return tuple(_bare(one, struck) for one in value)  # type: ignore[return-value]
    if isinstance(value, Struct) and not isinstance(value, Telecom):
        return replace(value, **{name: _bare(getattr(value, name), struck) for name in value.__struct_fields__})
    return value


def _unplaced(party: Party) -> Party:
    """Organisations and places lose their names, since those tell the town; workers keep only their phones."""
    if party.kind in ("organisation", "place"):
        return replace(party, name="", short="", telecom=())
    phones = tuple(one for one in party.telecom if one.system in ("phone", "sms")) if party.kind == "worker" else ()
    employer = _unplaced(party.organisation) if party.organisation else None
    return replace(party, telecom=phones, organisation=employer)


def _pattern(resources: Resources) -> re.Pattern[str] | None:
    """Whatever in free text would give the place away; longer texts first, so that nothing is left of them."""
    found = {one for one in _secrets(resources) if one}
    every = sorted(found, key=len, reverse=True)
    return re.compile("|".join(every), re.IGNORECASE) if every else None


def _secrets(resources: Resources) -> Iterator[str]:
    for kind in PLACES:
        for one in resources.of(kind):
            if kind not in FAMILY:
                yield literal(string(one, "name"))
            if kind == "Location":
                yield literal(string(one, "description"))
            elif kind in FAMILY:
                for point in objects(one, "telecom"):
                    yield _number(string(point, "value"))
            for address in (*objects(one, "address"), part(one, "address")):
                yield from _address(address)
            for code in (*values(one, "municipality"), *values(one, "municipality-code")):
                yield from map(name, MUNICIPALITIES.get(string(code, "code"), "").split())


def _address(address: Resource) -> Iterator[str]:
    yield literal(string(address, "text"))
    yield literal(string(address, "district"))
    yield _number(string(address, "postalCode"))
    yield name(string(address, "city"))
    for line in strings(address, "line"):
        yield literal(line)
        yield name(re.split(r"\s+\d", line)[0])


def _number(text: str) -> str:
    if "@" in text:
        return literal(text)
    digits = [re.escape(one) for one in re.sub(r"[\s-]", "", text)]
    spaced = r"[\s-]*".join(digits)
    return rf"(?<!\d){spaced}(?!\d)" if len(digits) >= 5 else ""
