"""The plan made small: of the policy's maximum, what some basis opens, for the children that it names.

First what belongs to the plan is chosen part by part, then the people and places that the chosen things mention; what
is mentioned and does not go is no longer mentioned.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from service.fhir.reading import objects, string, value_of
from service.policy.bases import Pair
from service.policy.belonging import Belonging, note_kind
from service.policy.case import Case
from service.policy.elements import EXTENSION, At, Rule, extension_taken, item_taken, taken
from service.policy.rules import Policy, Sector
from service.policy.steps import Steps

Json = Mapping[str, Any]
CONTENT = ("Goal", "CareTeam", "Appointment", "Task", "ServiceRequest", "QuestionnaireResponse")
_VIEW = "childs-view"
# What a reference to another document is about.
_ELSEWHERE = {"Goal": "needs", "Appointment": "meeting", "QuestionnaireResponse": "assessment"}
_MADE_ANEW = frozenset({"resourceType", "meta", "text"})
_Why = tuple[str, Mapping[str, str]] | None
"""Why a thing stays, and what the text about it shows; None where it goes."""


class Minimiser:
    """One plan on its way to one recipient: what goes (`kept`, by reference), and why or why not (`steps`)."""

    def __init__(self, case: Case, pairs: Iterable[Pair], policy: Policy, sector: Sector, steps: Steps) -> None:
        self.case = case
        self.policy = policy
        self.sector = sector
        self.protected = case.protected()
        self.belonging = Belonging(case)
        self.pairs = frozenset(pairs)
        self.children = tuple(one for one in case.children if any(child == one for child, _ in self.pairs))
        self.kept: dict[str, dict[str, Any]] = {}
        self.steps = steps
        self.contents = 0
        """How many things went for the sake of a part: without any, the copy would say nothing."""
        self._covered: dict[tuple[str, ...], frozenset[str]] = {}

    def choose(self) -> None:
        """Choose the plan and what belongs to it."""
        plan = self.case.plan
        self._activities = {id(one): self._judged(*self._of_activity(one)) for one in objects(plan, "activity")}
        going = [one for one in objects(plan, "activity") if not self._activities[id(one)][1]]
        self._served = self.belonging.served(going)
        for kind in CONTENT:
            for key, resource in self.case.of(kind):
                self._content(key, resource)
        self.kept = {self.case.plan_reference: self._plan(plan), **self.kept}

    def covered(self, children: tuple[str, ...]) -> frozenset[str]:
        """The parts that are open for every one of these children, and those that are about the workers."""
        if children not in self._covered:
            workers = {one for _, one in self.pairs} & self.policy.workers_parts
            own = [{one for child, one in self.pairs if child == wanted} for wanted in children]
            self._covered[children] = frozenset(workers.union(set.intersection(*own) if own else ()))
        return self._covered[children]

    def _closed(self, name: str, children: tuple[str, ...]) -> _Why:
        """Why a thing of that part about these children stays; None where it goes."""
        if not name:
            return "policy.no-part", {}
        if name in self.covered(children):
            return None
        if name not in self.sector.parts:
            return "policy.part-not-in-policy", {"part": name, "sector": self.sector.name}
        open_for_some = any(one == name for _, one in self.pairs)
        return "policy.other-child" if open_for_some else "policy.part-not-permitted", {"part": name}

    def _judged(self, name: str, children: tuple[str, ...]) -> tuple[str, _Why]:
        return name, self._closed(name, children)

    def _of_activity(self, activity: Json) -> tuple[str, tuple[str, ...]]:
        return self.belonging.activity(activity), self.belonging.named(activity)

    def _content(self, key: str, resource: Json) -> None:
        name = self.belonging.resource(key)
        why = self._closed(name, self.belonging.children(key))
        limits = self.sector.limits
        if why is None and name == "needs" and limits.needs == "served" and key not in self._served:
            why = "policy.need-not-served", {}
        if why is None and name == "assessment" and not limits.others and self.belonging.about_others(resource):
            why = "policy.about-others", {}
        if why:
            self.steps.stays(key, None, *why)
            return
        self.contents += 1
        self.steps.goes(key, None, "policy.part-permitted", {"part": name})
        self.kept[key] = self._about_permitted(self.take(key, resource, (name,)))

    def take(self, key: str, resource: Json, parts: Iterable[str] = ()) -> dict[str, Any]:
        """What of a resource goes for the sake of these parts, without its `meta` and narrative: a copy of its own."""
        kind = resource["resourceType"]
        rule = self.policy.rule(self.sector, kind, parts, protected=self.protected)
        body = {name: value for name, value in resource.items() if name not in _MADE_ANEW}
        dropped: list[At] = []
        made = {"resourceType": kind, **taken(body, rule, None, dropped)}
        self.steps.dropped(key, dropped)
        return made

    def _about_permitted(self, resource: dict[str, Any]) -> dict[str, Any]:
        """A thing that several children share names only those that it may be about here."""
        for name in ("subject", "for"):
            if name in resource and self.case.key(resource[name]).startswith("Patient/"):
                if self.case.key(resource[name]) not in self.children:
                    resource[name] = {"reference": self.children[0]}
                own = self.case.key(resource[name])
                rest = [one for one in objects(resource, "extension") if not self._names(one, own)]
                resource = {key: value for key, value in resource.items() if key != "extension"}
                if rest:
                    resource["extension"] = rest
        return resource

    def _names(self, extension: Json, child: str) -> bool:
        """Whether it is an `also-concerns` that names the child which is the subject already."""
        if not string(extension, "url").endswith("/also-concerns"):
            return False
        return self.case.key(value_of(extension)) == child

    # --- The plan itself, element by element -----------------------------------------------------------------------

    def _plan(self, plan: Json) -> dict[str, Any]:
        parts = self.covered(self.case.children)
        out: dict[str, Any] = {"resourceType": "CarePlan"}
        self.steps.goes(self.case.plan_reference, None, "policy.the-plan")
        for name, value in plan.items():
            if name in _MADE_ANEW:
                continue
            found: Any
            if name == "activity":
                found = self._each(name, value, self._activity)
            elif name == "note":
                found = self._each(name, value, self._note)
            elif name == "extension":
                found = self._each(name, value, lambda one, _: self._extension(one, parts))
            elif name in ("goal", "supportingInfo"):
                found = self._each(name, value, self._reference)
            else:
                found = self._element(name, value, parts)
            if found:
                out[name] = found
        return self._about_permitted(out)

    def _each(self, name: str, value: Any, choose: Callable[[dict[str, Any], At], Any]) -> list[Any]:
        rows = value if isinstance(value, list) else []
        above = (None, name)
        every = [choose(one, (above, number)) for number, one in enumerate(rows) if isinstance(one, dict)]
        return [one for one in every if one]

    def _element(self, name: str, value: Any, parts: frozenset[str]) -> Any:
        rule, at, found = self._rule(parts), (None, name), None
        if name in rule.children:
            dropped: list[At] = []
            kinds = rule.identifiers if name == "identifier" else None
            found = item_taken(value, rule.children[name], kinds, at, dropped)
            if found:  # What is dropped whole is told below.
                self.steps.dropped(self.case.plan_reference, dropped)
        self._say(at, found, self.policy.part_of.get(name.removeprefix("_"), ""), parts)
        return found

    def _extension(self, one: dict[str, Any], parts: frozenset[str]) -> Any:
        url = string(one, "url")
        name, at = url.rpartition("/")[2], ((None, "extension"), (url,))
        if name == _VIEW:
            child = next((value_of(row) for row in objects(one, "extension") if row.get("url") == "child"), None)
            return self._item("extension", one, at, "child-view", self._closed("child-view", (self.case.key(child),)))
        found = self._taken("extension", one, at, parts)
        self._say(at, found, self.policy.part_of.get(EXTENSION + name, ""), parts)
        return found

    def _activity(self, one: dict[str, Any], at: At) -> Any:
        return self._item("activity", one, at, *self._activities[id(one)])

    def _note(self, one: dict[str, Any], at: At) -> Any:
        kind = note_kind(one)
        if "notes" in self.sector.parts and kind not in self.sector.limits.notes:
            return self._stays(at, "policy.note-kind", {"kind": kind or "?"})
        if not self.sector.limits.others and self.belonging.about_others(one):
            return self._stays(at, "policy.about-others", {})
        return self._item("note", one, at, "notes", self._closed("notes", self.belonging.noted(one)))

    def _reference(self, one: dict[str, Any], at: At) -> Any:
        """A need or something beside the plan goes where what it leads to goes."""
        key = self.case.key(one)
        if key in self.kept:
            return one
        name = self.belonging.resource(key) if key else _ELSEWHERE.get(string(one, "reference").partition("/")[0], "")
        closed = self._closed(name, self.case.children)
        if key or closed:
            return self._stays(at, *(closed or ("policy.leads-to-what-stays", {})))
        return one

    def _item(self, member: str, one: dict[str, Any], at: At, name: str, why: _Why) -> Any:
        if why:
            return self._stays(at, *why)
        found = self._taken(member, one, at, (name,))
        if found:
            self.contents += 1
            self.steps.goes(self.case.plan_reference, at, "policy.part-permitted", {"part": name})
        return found

    def _rule(self, parts: Iterable[str]) -> Rule:
        return self.policy.rule(self.sector, "CarePlan", parts, protected=self.protected)

    def _taken(self, member: str, one: dict[str, Any], at: At, parts: Iterable[str]) -> Any:
        rule = self._rule(parts)
        dropped: list[At] = []
        if member == "extension":
            found = extension_taken(one, rule, at, dropped)
        else:
            found = item_taken(one, rule.children[member], None, at, dropped) if member in rule.children else None
        # What is dropped whole has a reason of its own.
        self.steps.dropped(self.case.plan_reference, [one for one in dropped if one is not at])
        return found

    def _say(self, at: At, found: Any, name: str, parts: frozenset[str]) -> None:
        if found:
            self.contents += bool(name)
            why, params = ("policy.part-permitted", {"part": name}) if name else ("policy.always", {})
            self.steps.goes(self.case.plan_reference, at, why, params)
        elif name and name not in parts:
            self._stays(at, *(self._closed(name, self.case.children) or ("policy.element-not-in-policy", {})))
        else:
            self._stays(at, "policy.element-not-in-policy", {})

    def _stays(self, at: At, why: str, params: Mapping[str, str]) -> None:
        self.steps.stays(self.case.plan_reference, at, why, params)


def in_order(kept: Mapping[str, dict[str, Any]], case: Case) -> list[dict[str, Any]]:
    """The kept resources, the plan first, the others as they came."""
    return [kept[key] for key in case.resources if key in kept]
