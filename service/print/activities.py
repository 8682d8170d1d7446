"""What is done: measures and services, as `detail` inside the plan or as Task and ServiceRequest beside it.

https://hl7.org/fhir/R4/careplan-definitions.html#CarePlan.activity
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.print.model import Activity, Party, Progress
from service.print.people import People
from service.print.resources import (
    NOTHING,
    Resource,
    Resources,
    concept_text,
    first_coding,
    first_text,
    objects,
    ours,
    part,
    string,
)

# Codes of Task and ServiceRequest in the words of activity-status.
_STATUS = {
    "draft": "not-started",
    "requested": "not-started",
    "received": "not-started",
    "ready": "not-started",
    "accepted": "scheduled",
    "rejected": "cancelled",
    "failed": "stopped",
    "revoked": "cancelled",
    "active": "",
    "unknown": "",
}


def activities(plan: Resource, resources: Resources, people: People) -> Iterator[Activity]:
    """The measures and services of a CarePlan in its order; those entered in error are left out."""
    for one in objects(plan, "activity"):
        inside = part(one, "detail")
        beside = NOTHING if inside else resources.find(one.get("reference"), plan)
        holder = inside or beside
        if beside.get("resourceType") == "Appointment" or string(holder, "status") == "entered-in-error":
            continue
        found = _activity(one, inside, beside, plan, people)
        if found.text or found.task:
            yield found


def _activity(one: Resource, inside: Resource, beside: Resource, plan: Resource, people: People) -> Activity:
    holder = inside or beside
    said = ours(beside) | ours(one) if beside else ours(one)
    service = "ServiceRequest" in (inside.get("kind"), beside.get("resourceType"))
    text, task = _texts(holder, service, one)
    start, end, when = _when(holder)
    where = first_text(said, "environment-text")
    place = people.party(inside["location"], plan) if "location" in inside and not where else None
    return Activity(
        kind="service" if service else "measure",
        text=text,
        environment=string(first_coding(said, "environment"), "code"),
        where=place.name if place else where,
        who=people.parties(_performers(holder, said), beside or plan),
        who_text=first_text(said, "performer-text"),
        start=start,
        end=end,
        when_text=when,
        needs=tuple([string(goal, "reference") for goal in (*objects(inside, "goal"), *said.get("goal", ()))]),
        status=_status(first_coding(said, "activity-status"), holder),
        status_reason=concept_text(holder.get("statusReason")),
        task=task,
        follow_up=first_text(said, "follow-up"),
        children=people.parties(said["also-concerns"]) if "also-concerns" in said else (),
        progress=tuple(_progress(one, people)) if "progress" in one or "outcomeCodeableConcept" in one else (),
        forbidden=holder.get("doNotPerform") is True,
    )


def _texts(holder: Resource, service: bool, one: Resource) -> tuple[str, str]:
    """What it is called, and what is to be done."""
    name = concept_text(holder.get("code"))
    description = string(holder, "description")
    first, second = (name, description) if service else (description, name)
    more = (second if first else "", joined_notes(holder))
    return first or second or string(part(one, "reference"), "display"), "\n".join(filter(None, more))


def joined_notes(holder: Resource) -> str:
    """The texts of its Annotations, one below the other."""
    if "note" not in holder:
        return ""
    return "\n".join(filter(None, [string(note, "text") for note in objects(holder, "note")]))


def _when(holder: Resource) -> tuple[str, str, str]:
    for name in ("scheduledPeriod", "executionPeriod", "occurrencePeriod"):
        if name in holder and (period := part(holder, name)):
            return string(period, "start"), string(period, "end"), ""
    moment = string(holder, "occurrenceDateTime")
    timing = part(holder, "scheduledTiming") or part(holder, "occurrenceTiming")
    return moment, moment, string(holder, "scheduledString") or concept_text(timing.get("code"))


def _performers(holder: Resource, said: Mapping[str, list[Any]]) -> list[Any]:
    owner = [holder["owner"]] if "owner" in holder else []
    return [*owner, *said.get("further-performer", ()), *objects(holder, "performer")]


def _status(coding: Resource | None, holder: Resource) -> str:
    said = string(coding, "code") or string(holder, "status")
    return _STATUS.get(said, said)


def _progress(one: Resource, people: People) -> Iterator[Progress]:
    for note in objects(one, "progress"):
        yield progress(note, people)
    for outcome in objects(one, "outcomeCodeableConcept"):
        yield Progress(concept_text(outcome))


def progress(note: Resource, people: People) -> Progress:
    """An Annotation."""
    by: Party | None = people.party(note.get("authorReference"))
    author = string(note, "authorString")
    return Progress(string(note, "text"), string(note, "time"), by or (Party("other", author) if author else None))
