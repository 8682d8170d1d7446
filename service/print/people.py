"""Who a Reference means: names, professions, employers and how to reach them.

https://hl7.org/fhir/R4/practitionerrole.html, https://hl7.org/fhir/R4/relatedperson.html
"""

from collections.abc import Iterable
from typing import Any

from service.print.model import Party, Telecom
from service.print.resources import (
    NOTHING,
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
from service.print.words import Words

# Codes that say less than any words of the source.
_VAGUE = (None, "muu", "other")


class People:
    """The parties in a heap of resources; each is made once, with its role in `words`.

    `own` is the language of the plan, and so of what the source calls people.
    """

    __slots__ = ("_made", "_own", "_resources", "_roles", "_words")

    def __init__(self, resources: Resources, words: Words, own: str) -> None:
        self._resources = resources
        self._words = words
        self._own = own
        self._made: dict[str, Party | None] = {}
        self._roles: dict[str, Resource] | None = None

    def party(self, reference: Any, within: Resource = NOTHING) -> Party | None:
        """Whom `reference` means: what it points to, or its display; None where neither says anything."""
        if type(reference) is not dict:
            return None
        key = reference.get("reference")
        if type(key) is not str:
            key = ""
        if key not in self._made or key[:1] == "#":
            self._made[key] = self._of(self._resources.find(reference, within))
        if found := self._made[key]:
            return found
        shown = string(reference, "display")
        return Party("other", shown) if shown else None

    def parties(self, references: Iterable[Any], within: Resource = NOTHING) -> tuple[Party, ...]:
        """The same for many; each party once, in the order they come."""
        found: dict[tuple[str, str], Party] = {}
        for reference in references:
            if (one := self.party(reference, within)) is not None:
                found[one.kind, one.name] = one
        return tuple(found.values())

    def _of(self, resource: Resource) -> Party | None:
        kind = resource.get("resourceType")
        if kind in ("Patient", "RelatedPerson"):
            return self._family(kind, resource)
        if kind == "PractitionerRole":
            return self._worker(resource, self._resources.find(part(resource, "practitioner"), resource))
        if kind == "Practitioner":
            return self._worker(self._role_of(resource), resource)
        name = string(resource, "name")
        if kind == "Organization":
            role, code = self._called(objects(resource, "type"), "sector")
            return Party("organisation", name, name, role, code, telecom=telecoms(resource))
        return Party("place" if kind == "Location" else "other", name, name) if name else None

    def _family(self, kind: str, resource: Resource) -> Party | None:
        name, short = names(resource)
        if not name:
            return None
        if kind == "Patient":
            return Party("child", name, short, telecom=telecoms(resource))
        role, code = self._called(objects(resource, "relationship"), "family-relation")
        return Party("family", name, short, role, code, telecom=telecoms(resource))

    def _worker(self, role: Resource, person: Resource) -> Party | None:
        name = names(person)[0] or string(part(role, "practitioner"), "display")
        employer = self.party(part(role, "organization"), role)
        codes = objects(role, "code")
        if not name and not codes:
            return employer
        profession, code = self._called(codes, "profession", string(codes[0], "text") if codes else "")
        return Party("worker", name, name, profession, code, employer, telecoms(role) or telecoms(person))

    def _called(self, concepts: list[dict[str, Any]], system: str, said: str = "") -> tuple[str, str]:
        """A role in words, and its code: the source's own words where they are in the language of the sheet."""
        coding = coding_in(concepts, system)
        if coding is None:
            return said or next((concept_text(one) for one in concepts), ""), ""
        told = said and (self._own == self._words.language or coding.get("code") in _VAGUE)
        return said if told else self._words.small(coding), string(coding, "code")

    def _role_of(self, practitioner: Resource) -> Resource:
        """The first role in which a professional is here."""
        if self._roles is None:
            self._roles = {}
            for role in self._resources.of("PractitionerRole"):
                person = self._resources.find(part(role, "practitioner"), role)
                self._roles.setdefault(str(person.get("id")), role)
        return self._roles.get(str(practitioner.get("id")), NOTHING)


def names(person: Resource) -> tuple[str, str]:
    """The full name, and the one used in everyday life."""
    full: Resource = NOTHING
    usual: Resource = NOTHING
    for one in objects(person, "name"):
        use = one.get("use")
        if use == "old":
            continue
        if not full or (use == "official" and full.get("use") != "official"):
            full = one
        if not usual and use in ("usual", "nickname"):
            usual = one
    given, called = strings(full, "given"), strings(usual, "given")
    name = string(full, "text") or " ".join([*given, string(full, "family")]).strip()
    return name, " ".join(called or given[:1]) or name


def telecoms(resource: Resource) -> tuple[Telecom, ...]:
    """The ways to reach somebody; what is no longer in use is left out."""
    if "telecom" not in resource:
        return ()
    every = [telecom(one) for one in objects(resource, "telecom") if one.get("use") != "old"]
    return tuple([one for one in every if one.value])


def telecom(point: Any) -> Telecom:
    """A ContactPoint."""
    return Telecom(string(point, "system"), string(point, "value"), text_of(point, "telecom-hours"))
