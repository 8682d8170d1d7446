"""Which part of the plan a thing belongs to, and which children it is about.

A thing that several children share goes only where all of them are covered: what is said of the other child is that
child's. What belongs to no part that is known belongs to none that can be permitted.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from service.fhir.reading import coding_in, coding_of, extensions, objects, part, string, value_of, values
from service.policy.case import Case

Json = Mapping[str, Any]
_MEASURES = {
    "home": "measures-home",
    "everyday-environment": "measures-everyday-environment",
    "elsewhere": "measures-elsewhere",
}
_ASSESSMENT, _FEEDBACK = "/yhdessa-assessment", "/yhdessa-feedback"


class Belonging:
    """The parts of one plan: what the plan refers to as what, looked up once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._activities: dict[str, Json] = {}
        for one in objects(case.plan, "activity"):
            if key := case.key(part(one, "reference")):
                self._activities[key] = one
        self._goals = frozenset(map(case.key, objects(case.plan, "goal")))
        self._teams = frozenset(map(case.key, objects(case.plan, "careTeam")))
        self._beside = frozenset(map(case.key, objects(case.plan, "supportingInfo")))
        self._named = {(string(one, "system"), string(one, "value")) for one in objects(case.plan, "identifier")}

    def resource(self, key: str) -> str:
        """The part that a resource belongs to; empty where to none of this plan."""
        resource = self.case.resources[key]
        kind = resource["resourceType"]
        if kind == "Goal":
            return "needs" if key in self._goals else ""
        if kind == "CareTeam":
            return "team" if key in self._teams else ""
        if kind in ("Task", "ServiceRequest"):
            if key not in self._activities:
                return ""
            return self._measure(resource) if kind == "Task" else "services"
        if kind == "Appointment":
            return self._appointment(key, resource)
        return self._response(key, resource) if kind == "QuestionnaireResponse" else ""

    def activity(self, activity: Json) -> str:
        """The part that an activity of the plan belongs to."""
        beside = self.case.key(part(activity, "reference"))
        if beside:
            return self.resource(beside)
        kind = string(part(activity, "detail"), "kind")
        if kind == "ServiceRequest":
            return "services"
        return self._measure(activity) if kind in ("Task", "") else ""

    def children(self, key: str) -> tuple[str, ...]:
        """The children that a resource is about."""
        resource = self.case.resources[key]
        kind = resource["resourceType"]
        if kind in ("Task", "ServiceRequest", "Appointment"):
            return self.named(self._activities.get(key, {}))
        if kind == "QuestionnaireResponse":
            subject = self.case.key(part(resource, "subject"))
            return (subject,) if subject.startswith("Patient/") else self.case.children
        return self.case.patients(resource) or self.case.children

    def named(self, thing: Json) -> tuple[str, ...]:
        """The children that an activity names; without names it is about all of the plan's."""
        return self.case.patients(thing) or self.case.children

    def noted(self, note: Json) -> tuple[str, ...]:
        """The children that a note is about."""
        about = (self.case.key(one) for one in values(note, "note-about") if isinstance(one, dict))
        return tuple(one for one in about if one in self.case.children) or self.case.children

    def served(self, activities: Iterable[Json]) -> frozenset[str]:
        """The goals that these activities answer to."""
        found: set[str] = set()
        for one in activities:
            found.update(map(self.case.key, objects(part(one, "detail"), "goal")))
            found.update(map(self.case.key, values(self.case.find(part(one, "reference")), "goal")))
        return frozenset(found)

    def about_others(self, thing: Json) -> bool:
        """Whether a note or an answer sheet is about somebody of the family who is not a child of this plan."""
        about = [value_of(one) for one in extensions(thing, "note-about")] or [thing.get("subject")]
        keys = [self.case.key(one) for one in about if isinstance(one, dict)]
        return any(one not in self.case.children for one in keys)

    def _measure(self, holder: Json) -> str:
        return _MEASURES.get(string(coding_of(holder, "environment"), "code"), "")

    def _appointment(self, key: str, resource: Json) -> str:
        if key in self._activities:
            return "follow-up"
        plans = [value for value in values(resource, "careplan-identifier") if isinstance(value, dict)]
        ours = any((string(one, "system"), string(one, "value")) in self._named for one in plans)
        return "meeting" if key in self._beside or ours else ""

    def _response(self, key: str, resource: Json) -> str:
        claims = [one for one in part(resource, "meta").get("profile", ()) if isinstance(one, str)]
        on_plan = any(self.case.key(one) == self.case.plan_reference for one in objects(resource, "basedOn"))
        if any(one.endswith(_FEEDBACK) for one in claims):
            return "feedback" if on_plan else ""
        if key in self._beside or (on_plan and any(one.endswith(_ASSESSMENT) for one in claims)):
            return "assessment"
        return ""


def note_kind(note: Json) -> str:
    """The kind of a note (a code of CodeSystem note-kind); empty where it does not say, which is no kind at all."""
    found = coding_of(note, "note-kind")
    return string(found, "code") if coding_in([{"coding": [found]}], "note-kind") else ""
