"""What is done: measures and services, as `detail` inside the plan or as Task and ServiceRequest beside it.

https://hl7.org/fhir/R4/careplan-definitions.html#CarePlan.activity
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.print.model import Activity, Party, Progress
from service.print.people import People
from service.print.resources import (
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
        beside = resources.find(part(one, "reference"), plan)
        if beside.get("resourceType") == "Appointment":
            continue
        inside = part(one, "detail")
        holder = inside or beside
        if string(holder, "status") == "entered-in-error":
            continue
        found = _activity(one, inside, beside, plan, people)
        if found.text or found.task:
            yield found


def _activity(one: Resource, inside: Resource, beside: Resource, plan: Resource, people: People) -> Activity:
    holder = inside or beside
    said, more = ours(one), ours(beside)
    service = "ServiceRequest" in (inside.get("kind"), beside.get("resourceType"))
    text, task = _texts(holder, service, string(part(one, "reference"), "display"))
    start, end, when = _when(holder)
    environment = first_coding(said, "environment") or first_coding(more, "environment")
    where = first_text(said, "environment-text") or first_text(more, "environment-text")
    place = None if where else people.party(part(inside, "location"), plan)
    goals = [*objects(inside, "goal"), *(ref for ref in more.get("goal", ()) if isinstance(ref, dict))]
    return Activity(
        kind="service" if service else "measure",
        text=text,
        environment=string(environment, "code"),
        where=place.name if place else where,
        who=people.parties(_performers(inside, beside, more), beside or plan),
        who_text=first_text(more, "performer-text"),
        start=start,
        end=end,
        when_text=when,
        needs=tuple(string(goal, "reference") for goal in goals),
        status=_status(first_coding(said, "activity-status"), holder),
        status_reason=concept_text(part(holder, "statusReason")),
        task=task,
        follow_up=first_text(said, "follow-up"),
        children=people.parties(said.get("also-concerns", ())),
        progress=tuple(_progress(one, people)),
        forbidden=inside.get("doNotPerform") is True or beside.get("doNotPerform") is True,
    )


def _texts(holder: Resource, service: bool, display: str) -> tuple[str, str]:
    """What it is called, and what is to be done."""
    name = concept_text(part(holder, "code"))
    description = string(holder, "description")
    notes = "\n".join(filter(None, (string(note, "text") for note in objects(holder, "note"))))
    if service:
        return (name or description or display), "\n".join(filter(None, [description if name else "", notes]))
    return (description or name or display), "\n".join(filter(None, [name if description else "", notes]))


def _when(holder: Resource) -> tuple[str, str, str]:
    for name in ("scheduledPeriod", "executionPeriod", "occurrencePeriod"):
        if period := part(holder, name):
            return string(period, "start"), string(period, "end"), ""
    moment = string(holder, "occurrenceDateTime")
    timing = part(holder, "scheduledTiming") or part(holder, "occurrenceTiming")
    return moment, moment, string(holder, "scheduledString") or concept_text(part(timing, "code"))


def _performers(inside: Resource, beside: Resource, more: Mapping[str, list[Any]]) -> Iterable[Any]:
    yield from objects(inside, "performer")
    if "owner" in beside:
        yield beside["owner"]
    yield from more.get("further-performer", ())
    yield from objects(beside, "performer")


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
