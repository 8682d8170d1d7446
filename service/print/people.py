"""Who a Reference means: names, professions, employers and how to reach them.

https://hl7.org/fhir/R4/practitionerrole.html, https://hl7.org/fhir/R4/relatedperson.html
"""

from collections.abc import Iterable
from typing import Any

from service.print.model import Party, Telecom
from service.print.resources import (
    Resource,
    Resources,
    coding_in,
    concept_text,
    objects,
    part,
    string,
    strings,
    text_of,
)

KINDS = {"Patient": "child", "RelatedPerson": "family", "Organization": "organisation", "Location": "place"}


class People:
    """The parties in a heap of resources; each is made once."""

    __slots__ = ("_made", "_resources", "_roles")

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._made: dict[str, Party | None] = {}
        self._roles: dict[str, Resource] | None = None

    def party(self, reference: Any, within: Resource | None = None) -> Party | None:
        """Whom `reference` means: what it points to, or its display; None where neither says anything."""
        if type(reference) is not dict:
            return None
        key = string(reference, "reference")
        if key not in self._made or key[:1] == "#":
            self._made[key] = self._of(self._resources.find(reference, within or {}))
        if found := self._made[key]:
            return found
        shown = string(reference, "display")
        return Party("other", shown) if shown else None

    def parties(self, references: Iterable[Any], within: Resource | None = None) -> tuple[Party, ...]:
        """The same for many; each party once, in the order they come."""
        found: dict[tuple[str, str], Party] = {}
        for reference in references:
            if (one := self.party(reference, within)) is not None:
                found[one.kind, one.name] = one
        return tuple(found.values())

    def _of(self, resource: Resource) -> Party | None:
        kind = resource.get("resourceType")
        if kind in ("Patient", "RelatedPerson"):
            return _family(resource)
        if kind == "PractitionerRole":
            return self._worker(resource, self._resources.find(part(resource, "practitioner"), resource))
        if kind == "Practitioner":
            return self._worker(self._role_of(resource), resource)
        if kind == "Organization":
            sector = coding_in(objects(resource, "type"), "sector")
            role_text = "" if sector else next((concept_text(one) for one in objects(resource, "type")), "")
            name = string(resource, "name")
            return Party("organisation", name, name, sector, role_text, telecom=telecoms(resource))
        name = string(resource, "name")
        return Party(KINDS.get(str(kind), "other"), name, name) if name else None

    def _worker(self, role: Resource, person: Resource) -> Party | None:
        name, _ = names(person)
        name = name or string(part(role, "practitioner"), "display")
        employer = self.party(part(role, "organization"), role)
        codes = objects(role, "code")
        profession = coding_in(codes, "profession")
        said = string(codes[0], "text") if codes else ""
        if not name and not codes:
            return employer
        said = said or ("" if profession else next((concept_text(one) for one in codes), ""))
        return Party("worker", name, name, profession, said, employer, telecoms(role) or telecoms(person))

    def _role_of(self, practitioner: Resource) -> Resource:
        """The first role in which a professional is here."""
        if self._roles is None:
            self._roles = {}
            for role in self._resources.of("PractitionerRole"):
                person = self._resources.find(part(role, "practitioner"), role)
                self._roles.setdefault(str(person.get("id")), role)
        return self._roles.get(str(practitioner.get("id")), {})


def _family(resource: Resource) -> Party | None:
    name, short = names(resource)
    relation = coding_in(objects(resource, "relationship"), "family-relation")
    said = "" if relation else next((concept_text(one) for one in objects(resource, "relationship")), "")
    kind = KINDS[str(resource["resourceType"])]
    return Party(kind, name, short, relation, said, telecom=telecoms(resource)) if name else None


def names(person: Resource) -> tuple[str, str]:
    """The full name, and the one used in everyday life."""
    every = [one for one in objects(person, "name") if one.get("use") != "old"]
    full = next((one for one in every if one.get("use") == "official"), every[0] if every else {})
    given = strings(full, "given")
    name = string(full, "text") or " ".join([*given, string(full, "family")]).strip()
    usual = next((one for one in every if one.get("use") in ("usual", "nickname")), {})
    called = strings(usual, "given")
    return name, " ".join(called or given[:1]) or name


def telecoms(resource: Resource) -> tuple[Telecom, ...]:
    """The ways to reach somebody; what is no longer in use is left out."""
    return tuple(telecom(one) for one in objects(resource, "telecom") if string(one, "value") and _in_use(one))


def telecom(point: Any) -> Telecom:
    """A ContactPoint."""
    return Telecom(string(point, "system"), string(point, "value"), text_of(point, "telecom-hours"))


def _in_use(point: Resource) -> bool:
    return point.get("use") != "old"
