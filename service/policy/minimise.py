"""The plan made small: of the policy's maximum, what some basis opens, for the children that it names.

First what belongs to the plan is chosen part by part, then the people and places that the chosen things mention; what
is mentioned and does not go is no longer mentioned.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from service.fhir.reading import objects, string, value_of
from service.policy.bases import Pair
from service.policy.belonging import Belonging, note_kind
from service.policy.case import Case
from service.policy.elements import EXTENSION, Rule, taken
from service.policy.model import Step
from service.policy.rules import Policy, Sector

Json = Mapping[str, Any]
CONTENT = ("Goal", "CareTeam", "Appointment", "Task", "ServiceRequest", "QuestionnaireResponse")
_VIEW = "childs-view"
# What a reference to another document is about.
_ELSEWHERE = {"Goal": "needs", "Appointment": "meeting", "QuestionnaireResponse": "assessment"}


class Minimiser:
    """One plan on its way to one recipient: what goes (`kept`, by reference), and why or why not (`steps`)."""

    def __init__(self, case: Case, pairs: Iterable[Pair], policy: Policy, sector: Sector) -> None:
        self.case = case
        self.policy = policy
        self.sector = sector
        self.protected = case.protected()
        self.belonging = Belonging(case)
        self.pairs = frozenset(pairs)
        self.children = tuple(one for one in case.children if any(child == one for child, _ in self.pairs))
        self.kept: dict[str, dict[str, Any]] = {}
        self.steps: list[Step] = []
        self.contents = 0
        """How many things went for the sake of a part: without any, the copy would say nothing."""

    def choose(self) -> None:
        """Choose the plan and what belongs to it."""
        plan = self.case.plan
        activities = [one for one in objects(plan, "activity") if not self._closed(*self._of_activity(one))]
        self._served = self.belonging.served(activities)
        for kind in CONTENT:
            for key, resource in self.case.of(kind):
                self._content(key, resource)
        self.kept = {self.case.plan_reference: self._plan(plan), **self.kept}

    def covered(self, children: Iterable[str]) -> frozenset[str]:
        """The parts that are open for every one of these children, and those that are about the workers."""
        workers = {one for _, one in self.pairs} & self.policy.workers_parts
        own = [{one for child, one in self.pairs if child == wanted} for wanted in children]
        return frozenset(workers.union(set.intersection(*own) if own else ()))

    def _closed(self, name: str, children: Iterable[str]) -> tuple[str, dict[str, str]] | None:
        """Why a thing of that part about these children stays; None where it goes."""
        about = tuple(children)
        if not name:
            return "policy.no-part", {}
        if name in self.covered(about):
            return None
        if name not in self.sector.parts:
            return "policy.part-not-in-policy", {"part": name, "sector": self.sector.name}
        open_for_some = any(one == name for _, one in self.pairs)
        return "policy.other-child" if open_for_some else "policy.part-not-permitted", {"part": name}

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
            self.steps.append(Step(key, "", False, why[0], why[1]))
            return
        self.contents += 1
        self.steps.append(Step(key, "", True, "policy.part-permitted", {"part": name}))
        self.kept[key] = self._about_permitted(self.take(key, resource, (name,)))

    def take(self, key: str, resource: Json, parts: Iterable[str] = ()) -> dict[str, Any]:
        """What of a resource goes for the sake of these parts, without its `meta` and narrative."""
        kind = resource["resourceType"]
        rule = self.policy.rule(self.sector, kind, parts, protected=self.protected)
        body = {name: value for name, value in resource.items() if name not in ("resourceType", "meta", "text")}
        return {"resourceType": kind, **taken(body, rule, "", self._dropping(key))}

    def _dropping(self, key: str) -> Any:
        def dropped(path: str) -> None:
            self.steps.append(Step(key, path, False, "policy.element-not-in-policy"))

        return dropped

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
        self.steps.append(Step(self.case.plan_reference, "", True, "policy.the-plan"))
        for name, value in plan.items():
            if name in ("resourceType", "meta", "text"):
                continue
            found: Any
            if name == "activity":
                found = self._each(name, value, self._activity)
            elif name == "note":
                found = self._each(name, value, self._note)
            elif name == "extension":
                found = self._each(name, value, lambda one, at: self._extension(one, at, parts))
            elif name in ("goal", "supportingInfo"):
                found = self._each(name, value, self._reference)
            else:
                found = self._element(name, value, parts)
            if found:
                out[name] = found
        return self._about_permitted(out)

    def _each(self, name: str, value: Any, choose: Any) -> list[Any]:
        rows = value if isinstance(value, list) else []
        every = (choose(one, f"{name}[{at}]") for at, one in enumerate(rows) if isinstance(one, dict))
        return [one for one in every if one]

    def _element(self, name: str, value: Any, parts: frozenset[str]) -> Any:
        found = self._taken({name: value}, name, parts).get(name)
        self._say(name, found, self.policy.part_of.get(name.removeprefix("_"), ""), parts)
        return found

    def _extension(self, one: dict[str, Any], at: str, parts: frozenset[str]) -> Any:
        url = string(one, "url")
        name, at = url.rpartition("/")[2], f"extension('{url}')"
        if name == _VIEW:
            child = next((value_of(row) for row in objects(one, "extension") if row.get("url") == "child"), None)
            return self._item("extension", one, at, "child-view", [self.case.key(child)])
        found = self._taken({"extension": [one]}, at, parts).get("extension", [None])[0]
        self._say(at, found, self.policy.part_of.get(EXTENSION + name, ""), parts)
        return found

    def _activity(self, one: dict[str, Any], at: str) -> Any:
        return self._item("activity", one, at, *self._of_activity(one))

    def _note(self, one: dict[str, Any], at: str) -> Any:
        kind = note_kind(one)
        if "notes" in self.sector.parts and kind not in self.sector.limits.notes:
            self._stays(at, "policy.note-kind", {"kind": kind or "?"})
            return None
        if not self.sector.limits.others and self.belonging.about_others(one):
            self._stays(at, "policy.about-others", {})
            return None
        return self._item("note", one, at, "notes", self.belonging.noted(one))

    def _reference(self, one: dict[str, Any], at: str) -> Any:
        """A need or something beside the plan goes where what it leads to goes."""
        key = self.case.key(one)
        if key in self.kept:
            return one
        name = self.belonging.resource(key) if key else _ELSEWHERE.get(string(one, "reference").partition("/")[0], "")
        closed = self._closed(name, self.case.children)
        if key or closed:
            self._stays(at, *(closed or ("policy.leads-to-what-stays", {})))
            return None
        return one

    def _item(self, member: str, one: dict[str, Any], at: str, name: str, children: Iterable[str]) -> Any:
        why = self._closed(name, children)
        if why:
            self._stays(at, *why)
            return None
        found = self._taken({member: [one]}, at, (name,)).get(member, [None])[0]
        if found:
            self.contents += 1
            self.steps.append(Step(self.case.plan_reference, at, True, "policy.part-permitted", {"part": name}))
        return found

    def _taken(self, holder: dict[str, Any], at: str, parts: Iterable[str]) -> dict[str, Any]:
        rule: Rule = self.policy.rule(self.sector, "CarePlan", parts, protected=self.protected)
        member = next(iter(holder))
        first = at if member == "extension" else f"{member}[0]"

        def dropped(path: str) -> None:
            below = path.removeprefix(first if path.startswith(first) else member)
            if below:  # What is dropped whole has a reason of its own.
                self.steps.append(Step(self.case.plan_reference, at + below, False, "policy.element-not-in-policy"))

        return taken(holder, rule, "", dropped)

    def _say(self, at: str, found: Any, name: str, parts: frozenset[str]) -> None:
        if found:
            self.contents += bool(name)
            why, params = ("policy.part-permitted", {"part": name}) if name else ("policy.always", {})
            self.steps.append(Step(self.case.plan_reference, at, True, why, params))
        elif name and name not in parts:
            self._stays(at, *(self._closed(name, self.case.children) or ("policy.element-not-in-policy", {})))
        else:
            self._stays(at, "policy.element-not-in-policy", {})

    def _stays(self, at: str, why: str, params: dict[str, str]) -> None:
        self.steps.append(Step(self.case.plan_reference, at, False, why, params))


def in_order(kept: Mapping[str, dict[str, Any]], case: Case) -> list[dict[str, Any]]:
    """The kept resources, the plan first, the others as they came."""
    return [kept[key] for key in case.resources if key in kept]
