"""A case to decide on: the plan, what is beside it, whose it is, and which register it comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.fhir.reading import coding_in, extensions, objects, part, string, value_of, values

Json = Mapping[str, Any]
LABEL = "TURVAKIELTO"
FAMILY = ("Patient", "RelatedPerson")
_NOTHING: Json = {}
_CUSTODIAN = frozenset({"CST", "custodian"})


class Case:
    """The resources of a collection Bundle by their references (`Goal/…`), the CarePlan first."""

    __slots__ = ("_aliases", "_kinds", "children", "plan", "plan_reference", "resources")

    def __init__(self, bundle: Json) -> None:
        self.resources: dict[str, Json] = {}
        self._aliases: dict[str, str] = {}
        self._kinds: dict[str, list[tuple[str, Json]]] = {}
        for entry in objects(bundle, "entry"):
            resource = part(entry, "resource")
            kind, own = resource.get("resourceType"), resource.get("id")
            if isinstance(kind, str) and isinstance(own, str):
                key = f"{kind}/{own}"
                if key not in self.resources:
                    self.resources[key] = resource
                    self._kinds.setdefault(kind, []).append((key, resource))
                if url := string(entry, "fullUrl"):
                    self._aliases[url] = key
        first = next(iter(self.resources), "")
        self.plan_reference = first if first.startswith("CarePlan/") else ""
        self.plan: Json = self.resources.get(self.plan_reference, _NOTHING)
        self.children = self.patients(self.plan)

    def key(self, reference: Any) -> str:
        """Where a Reference leads to in this case, as `Goal/…`; empty where to nothing."""
        said = string(reference, "reference")
        if not said:
            return ""
        found = said if said in self.resources else self._aliases.get(said)
        if found is None:
            found = "/".join(said.partition("/_history/")[0].rsplit("/", 2)[-2:])
        return found if found in self.resources else ""

    def find(self, reference: Any) -> Json:
        """What a Reference leads to; `{}` where to nothing."""
        return self.resources.get(self.key(reference), _NOTHING)

    def of(self, kind: str) -> Sequence[tuple[str, Json]]:
        """The resources of one type with their references."""
        return self._kinds.get(kind, ())

    def patients(self, resource: Json, *, own: str = "subject") -> tuple[str, ...]:
        """The children that a resource names: its subject (or `own`) and those it also concerns."""
        found = [self.key(part(resource, own)), *map(self.key, values(resource, "also-concerns"))]
        return tuple(dict.fromkeys(one for one in found if one.startswith("Patient/")))

    def oids(self, organisation: Json) -> set[str]:
        """The bare OIDs of an Organization."""
        return {bare(string(one, "value")) for one in objects(organisation, "identifier") if string(one, "value")}

    def is_organisation(self, reference: Any, oid: str) -> bool:
        """Whether a Reference means the organisation with that bare OID."""
        named = bare(string(part(reference, "identifier"), "value"))
        found = self.find(reference)
        return bool(oid) and (named == oid or (found.get("resourceType") == "Organization" and oid in self.oids(found)))

    def organisation(self, oid: str) -> Json:
        """The Organization with that bare OID; `{}` where the case has none."""
        return next((one for _, one in self.of("Organization") if oid in self.oids(one)), _NOTHING)

    def controller(self) -> Json:
        """The Reference to the controller of the register, as the plan's Provenance has it; `{}` where unknown."""
        for _, one in self.of("Provenance"):
            if any(self.key(target) == self.plan_reference for target in objects(one, "target")):
                for agent in objects(one, "agent"):
                    codes = {string(coding, "code") for coding in objects(part(agent, "type"), "coding")}
                    if codes & _CUSTODIAN:
                        return part(agent, "who")
        return _NOTHING

    def controller_oid(self) -> str:
        """The bare OID of the controller; empty where unknown."""
        who = self.controller()
        named = bare(string(part(who, "identifier"), "value"))
        return named or min(self.oids(self.find(who)), default="")

    def client(self) -> bool:
        """Whether the family has a client relationship; a case that does not say so has one."""
        said = (
            value_of(one) for child in self.children for one in extensions(self.resources[child], "client-relationship")
        )
        return not any(one is False for one in said)

    def protected(self) -> bool:
        """Whether anybody of the family, or the plan itself, has the label of non-disclosure."""
        people = (one for kind in FAMILY for _, one in self.of(kind))
        return any(labelled(one) for one in (self.plan, *people))


def labelled(resource: Json) -> bool:
    """Whether a resource has the label of non-disclosure (turvakielto)."""
    return any(one.get("code") == LABEL for one in objects(part(resource, "meta"), "security"))


def sector_of(organisation: Json) -> str:
    """The sector of an Organization; empty where it does not say."""
    return string(coding_in(objects(organisation, "type"), "sector"), "code")


def bare(value: str) -> str:
    """An OID without `urn:oid:`."""
    return value.strip().removeprefix("urn:oid:")
