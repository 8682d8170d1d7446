"""An answer laid over the resources that it speaks of: only what a recipient may answer, everything else as it was.

A recipient has a copy with less in it (policy), so what its answer lacks was not taken away by it.
https://hl7.org/fhir/R4/appointmentresponse.html, https://hl7.org/fhir/R4/task.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.fhir.json import canonical

Json = dict[str, Any]
Resources = Mapping[str, Json]
"""Resources by relative reference."""

NATIONAL = "https://hl7.fi/fhir/finnish-scheduling/StructureDefinition/ajanvarauksen-tila"
NATIONAL_SYSTEM = "urn:oid:1.2.246.537.6.881"
# Finnish Scheduling: which national status a status of FHIR is, where a record system sends only that.
NATIONAL_STATUS = {
    "waitlist": "1", "proposed": "2", "pending": "8", "booked": "3", "arrived": "3", "checked-in": "10",
    "fulfilled": "7", "cancelled": "4", "noshow": "9",
}  # fmt: skip
_ACTIVITY_EXTENSION = "https://yhdessa.example/fhir/StructureDefinition/activity-status"


def overlaid(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    """The resources that become different by `answer`, an answer about the resource with the reference `about`.

    Nothing of `resources` is changed.
    """
    rule = _RULES.get(answer["resourceType"])
    return rule(resources, answer, about) if rule and about in resources else {}


def _appointment(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    before = resources[about]
    after = _taken(before, answer, ("start", "end", "minutesDuration", "comment", "cancelationReason"))
    status = answer.get("status")
    if status in NATIONAL_STATUS:
        given, known = _national(answer), _national(before)
        if given is None or (given == known and status != before.get("status")):
            given = NATIONAL_STATUS[status]
        coding = {"system": NATIONAL_SYSTEM, "code": given}
        after |= {"status": status, "_status": {"extension": [{"url": NATIONAL, "valueCoding": coding}]}}
    answered = {_actor(one): one.get("status") for one in _rows(answer, "participant")}
    after["participant"] = [_answered(one, answered.get(_actor(one))) for one in _rows(before, "participant")]
    return {about: after}


def _appointment_response(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    before, status = resources[about], answer.get("participantStatus")
    actor = _actor(answer)
    # `in-process` and `completed` are of the meeting, not of a participant.
    known = status if status in ("accepted", "declined", "tentative", "needs-action") else None
    changed = [_answered(one, known if _actor(one) == actor else None) for one in _rows(before, "participant")]
    return {about: before | {"participant": changed}}


def _task(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    before = resources[about]
    changed = {about: _taken(before, answer, ("status", "statusReason", "executionPeriod"))}
    known = _rows(before, "note")
    notes = [one for one in _rows(answer, "note") if not _holds(known, one)]
    for reference, plan in resources.items():
        activities = _rows(plan, "activity") if plan["resourceType"] == "CarePlan" else []
        if any(_points_to(one, about) for one in activities):
            after = [_progressed(one, notes) if _points_to(one, about) else one for one in activities]
            changed[reference] = plan | {"activity": after}
    return changed


def _service_request(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    return {about: _taken(resources[about], answer, ("status",))}


def _care_plan(resources: Resources, answer: Json, about: str) -> dict[str, Json]:
    before = resources[about]
    answers = {one.get("id"): one for one in _rows(answer, "activity") if one.get("id")}
    activities = [_activity(one, answers.get(one.get("id"), {})) for one in _rows(before, "activity")]
    return {about: before | {"activity": activities}}


def _activity(before: Json, answer: Mapping[str, Any]) -> Json:
    after = _progressed(before, _rows(answer, "progress"))
    detail = answer.get("detail")
    if isinstance(detail, dict) and isinstance(before.get("detail"), dict):
        after["detail"] = _taken(before["detail"], detail, ("status", "statusReason"))
        known = [one for one in _rows(after, "extension") if one.get("url") == _ACTIVITY_EXTENSION]
        if known and after["detail"].get("status") != before["detail"].get("status"):
            # The status that a service has of its own would win over the one that was answered.
            after["extension"] = [_restated(one, after["detail"]["status"]) for one in _rows(after, "extension")]
    return after


def _restated(extension: Json, status: str) -> Json:
    if extension.get("url") != _ACTIVITY_EXTENSION:
        return extension
    return extension | {"valueCoding": extension.get("valueCoding", {}) | {"code": status}}


def _progressed(activity: Json, notes: Sequence[Json]) -> Json:
    known = _rows(activity, "progress")
    new = [one for one in notes if not _holds(known, one)]
    return activity | ({"progress": [*known, *new]} if new else {})


def _taken(before: Json, answer: Mapping[str, Any], names: Sequence[str]) -> Json:
    return before | {name: answer[name] for name in names if name in answer}


def _holds(known: Sequence[Json], note: Json) -> bool:
    """Whether a note is there already: the copy that was given out may lack who wrote it."""
    wanted = (note.get("text"), note.get("time"))
    return any((one.get("text"), one.get("time")) == wanted or canonical(one) == canonical(note) for one in known)


def _answered(participant: Json, status: str | None) -> Json:
    return participant | ({"status": status} if status else {})


def _national(appointment: Json) -> str | None:
    for extension in _rows(appointment.get("_status", {}), "extension"):
        if extension.get("url") == NATIONAL:
            return str(extension.get("valueCoding", {}).get("code"))
    return None


def _actor(holder: Mapping[str, Any]) -> str:
    return str(holder.get("actor", {}).get("reference", ""))


def _points_to(activity: Json, reference: str) -> bool:
    return bool(activity.get("reference", {}).get("reference") == reference)


def _rows(holder: Any, name: str) -> list[Json]:
    rows = holder.get(name) if isinstance(holder, dict) else None
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


_RULES: Mapping[str, Callable[[Resources, Json, str], dict[str, Json]]] = {
    "Appointment": _appointment,
    "AppointmentResponse": _appointment_response,
    "CarePlan": _care_plan,
    "ServiceRequest": _service_request,
    "Task": _task,
}
