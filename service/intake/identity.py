"""What identifies each thing in a source document, and the resource that stands for it.

A person is known by the best identifier the document has: two documents that give the same one mean the same person.
"""

from collections.abc import Mapping
from typing import Any

from service.intake.ids import (
    BUSINESS_ID_SYSTEM,
    HETU_SYSTEM,
    SV_SYSTEM,
    TERHIKKI_SYSTEM,
    URI_SYSTEM,
    Identify,
)

Parent = tuple[str, str, Any] | None
"""The entity around a value: its kind, its id, and the entity around that."""

RESOURCES: Mapping[str, str] = {
    "child": "Patient",
    "guardian": "RelatedPerson",
    "other": "RelatedPerson",
    "relation": "RelatedPerson",
    "professional": "PractitionerRole",
    "organisation": "Organization",
    "place": "Location",
    "meeting": "Appointment",
    "nextContact": "Appointment",
    "careTeam": "CareTeam",
    "plan": "CarePlan",
    "need": "Goal",
    "measure": "Task",
    "service": "ServiceRequest",
    "response": "QuestionnaireResponse",
    "feedback": "QuestionnaireResponse",
    "recipient": "Consent",
    "invitationPermission": "Consent",
}
"""The FHIR resource that stands for each kind of entity; kinds that a variant adds are `Basic`."""

NAMED = frozenset({"child", "guardian", "other", "professional", "organisation"})
"""Kinds that one list of local ids names, unique in the document."""
ACROSS = frozenset({"meeting", "careTeam", "plan"})
"""Kinds that may lie in another document: their ids come from their local id alone."""


def reference(kind: str, local: str, resource_id: str) -> dict[str, str]:
    """A reference as the maps read it."""
    return {"id": local, "kind": kind, "reference": f"{RESOURCES.get(kind, 'Basic')}/{resource_id}"}


class Identities:
    """The ids of one document's people, professionals and organisations, and the rule for all else."""

    def __init__(self, identify: Identify, document: Mapping[str, Any]) -> None:
        self.identify = identify
        self.system: str = document["source"]["system"]
        self.family: str = document["family"]["id"]
        self.ids: dict[str, str] = {}
        self.practitioners: dict[str, str] = {}
        self.named: dict[str, dict[str, str]] = {}
        family = document["family"]
        for one in document["organisations"]:
            self._name("organisation", one["id"], self._organisation(one))
        for one in family["children"]:
            self._name("child", one["id"], self._child(one))
        for kind, people in (("guardian", "guardians"), ("other", "others")):
            for one in family.get(people, ()):
                person = self._person(kind, one)
                self._name(kind, one["id"], person, self.relation(person, one["relations"][0]))
        for one in document["professionals"]:
            self._professional(one)

    def entity(self, kind: str, value: Mapping[str, Any], parent: Parent) -> str:
        """The id of the entity `value` that lies in `parent`."""
        if kind in NAMED:
            return self.ids[value["id"]]
        if kind == "relation":
            return self.relation(parent[1] if parent else "", value)
        return self.local(kind, value["id"], parent)

    def local(self, kind: str, local: str, parent: Parent) -> str:
        """The id of what only its source system's id identifies, by itself or inside `parent`."""
        if kind in ACROSS or kind == "place" or parent is None:
            return self.identify(self.system, kind, local)
        return self.identify(parent[1], kind, local)

    def relation(self, person: str, relation: Mapping[str, Any]) -> str:
        """The id of the RelatedPerson that `person` is to one child."""
        return self.identify("RelatedPerson", person, self.ids[relation["child"]])

    def _name(self, kind: str, local: str, own: str, target: str | None = None) -> None:
        self.ids[local] = own
        self.named[local] = reference(kind, local, target or own)

    def _organisation(self, one: Mapping[str, Any]) -> str:
        if "oid" in one:
            return self.identify(URI_SYSTEM, f"urn:oid:{one['oid']}")
        if "businessId" in one:
            return self.identify(BUSINESS_ID_SYSTEM, one["businessId"], one["name"])
        return self.identify(self.system, "organisation", one["id"])

    def _child(self, one: Mapping[str, Any]) -> str:
        if "hetu" in one:
            return self.identify(HETU_SYSTEM, one["hetu"])
        if "temporaryId" in one:
            return self.identify(one["temporaryId"]["system"], one["temporaryId"]["value"])
        return self.identify(self.system, "child", self.family, one["id"])

    def _person(self, kind: str, one: Mapping[str, Any]) -> str:
        if "hetu" in one:
            return self.identify("Person", HETU_SYSTEM, one["hetu"])
        return self.identify(self.system, kind, self.family, one["id"])

    def _professional(self, one: Mapping[str, Any]) -> None:
        if "terhikki" in one:
            practitioner = self.identify(TERHIKKI_SYSTEM, one["terhikki"])
        elif "sv" in one:
            practitioner = self.identify(SV_SYSTEM, one["sv"])
        elif "otherIds" in one:
            first = one["otherIds"][0]
            practitioner = self.identify(first["system"], first["value"])
        else:
            practitioner = self.identify(self.system, "professional", one["id"])
        organisation = self.ids[one["organisation"]] if "organisation" in one else ""
        self.practitioners[one["id"]] = practitioner
        role = self.identify("PractitionerRole", practitioner, organisation, one["profession"])
        self._name("professional", one["id"], role)
        # Where FHIR wants the person and not the role (Annotation.author), the maps find the person here.
        self.named[one["id"]]["practitioner"] = f"Practitioner/{practitioner}"
