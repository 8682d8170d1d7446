"""The plan, its needs, activities, next contact and responses, written by hand."""

from collections.abc import Iterator
from typing import Any

from bench.handwritten.datatypes import (
    ACTIVITY_STATUSES,
    APPOINTMENT_STATUSES,
    CONTACT_METHODS,
    DIRECTIONS,
    ENVIRONMENTS,
    FI_BASE,
    FI_SCHEDULING,
    HL7,
    MODELS,
    NATIONAL_STATUSES,
    NOTE_KINDS,
    OURS,
    PLAN_PARTS,
    ROOT,
    Json,
    also_concerns,
    author,
    code,
    compact,
    cross_reference,
    extension,
    optional,
    part,
    period,
    reference,
    references,
    source_identifier,
    telecom,
)


def goal(need: Json, doc: Json) -> Json:
    first, *others = need["children"]
    achievement = need.get("achievement")
    return compact(
        {
            "resourceType": "Goal",
            "id": need["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-goal"]},
            "extension": also_concerns(others) or None,
            "subject": reference(first),
            "identifier": [source_identifier(need["id"], doc)],
            "lifecycleStatus": need.get("status"),
            "achievementStatus": code(f"{HL7}/goal-achievement", achievement) if achievement else None,
            "description": {"text": need["text"]},
            "startDate": need.get("start"),
            "target": [{"dueDate": need["target"]}] if "target" in need else None,
            "expressedBy": optional(need.get("expressedBy")),
            "note": [{"text": need["note"]}] if "note" in need else None,
        }
    )


def care_plan(plan: Json, doc: Json) -> Json:
    first, *others = plan["children"]
    workers = plan["responsibleWorkers"]
    category = code(f"{ROOT}/CodeSystem/care-plan-category", "shared-plan")
    category["coding"][0]["display"] = "Yhteinen suunnitelma"
    return compact(
        {
            "resourceType": "CarePlan",
            "id": plan["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-care-plan"], "tag": [{**MODELS[doc["model"]]}]},
            "language": doc["language"],
            "extension": [*plan_extensions(plan), *also_concerns(others)],
            "subject": reference(first),
            "identifier": [source_identifier(plan["id"], doc)],
            "status": plan["status"],
            "intent": "plan",
            "category": [category],
            "title": plan["title"],
            "description": plan.get("situation"),
            "period": {**plan["period"]} if "period" in plan else None,
            "created": plan["made"],
            "author": reference(workers[0]),
            "contributor": references([plan["nearWorker"], *plan.get("contributors", ())]),
            "careTeam": [cross_reference(plan["careTeam"], doc)] if "careTeam" in plan else None,
            "supportingInfo": supporting(plan, doc) or None,
            "goal": [{"reference": f"Goal/{need['resourceId']}"} for need in plan["needs"]] or None,
            "activity": activities(plan, doc) or None,
            "note": [note(one, doc) for one in plan.get("notes", ())] or None,
        }
    )


def supporting(plan: Json, doc: Json) -> list[Json]:
    meeting = [cross_reference(plan["meeting"], doc)] if "meeting" in plan else []
    responses = plan.get("assessments", ())
    return [*meeting, *({"reference": f"QuestionnaireResponse/{one['resourceId']}"} for one in responses)]


def plan_extensions(plan: Json) -> list[Json]:
    workers = [
        extension(f"{OURS}/responsible-worker", valueReference=reference(one)) for one in plan["responsibleWorkers"]
    ]
    views = [childs_view(one) for one in plan.get("childsView", ())]
    strengths = [extension(f"{OURS}/strength", valueString=one) for one in plan.get("strengths", ())]
    copies = [printed_copy(one) for one in plan.get("printedCopies", ())]
    statutory = [disclosure(one) for one in plan.get("recipients", ()) if one["basis"] == "statutory"]
    return [*workers, *views, *strengths, *follow_up(plan["followUp"]), *copies, *statutory]


def childs_view(view: Json) -> Json:
    parts = [
        extension("child", valueReference=reference(view["child"])),
        extension("text", valueString=view["text"]),
        *part("how", "valueString", view.get("how")),
        *part("heardBy", "valueReference", optional(view.get("heardBy"))),
        *part("heard", "valueDate", view.get("heard")),
    ]
    return extension(f"{OURS}/childs-view", extension=parts)


def follow_up(found: Json) -> list[Json]:
    ways = (("workerContactsFamily", "worker-contacts-family"), ("familyReachesWorker", "family-reaches-worker"))
    return [
        *(extension(f"{OURS}/{name}", extension=contact_way(found[key])) for key, name in ways if key in found),
        *part(f"{OURS}/follow-up", "valueString", found.get("text")),
    ]


def contact_way(way: Json) -> list[Json]:
    return [
        extension("method", valueCoding={**CONTACT_METHODS[way["method"]]}),
        *part("telecom", "valueContactPoint", telecom(way["telecom"]) if "telecom" in way else None),
        *part("who", "valueReference", optional(way.get("who"))),
        *part("text", "valueString", way.get("text")),
    ]


def printed_copy(one: Json) -> Json:
    parts = [
        extension("to", valueReference=reference(one["to"])),
        *part("by", "valueReference", optional(one.get("by"))),
        extension("printed", valueDateTime=one["printed"]),
        *part("language", "valueCode", one.get("language")),
    ]
    return extension(f"{OURS}/printed-copy", extension=parts)


def disclosure(recipient: Json) -> Json:
    parts = [
        extension("id", valueString=recipient["id"]),
        extension("organisation", valueReference=reference(recipient["organisation"])),
        extension("direction", valueCoding={**DIRECTIONS[recipient["direction"]]}),
        *(extension("part", valueCoding={**PLAN_PARTS[one]}) for one in recipient["parts"]),
        *(extension("child", valueReference=reference(one)) for one in recipient["children"]),
        *part("provision", "valueString", recipient.get("provision")),
        *part("purpose", "valueString", recipient.get("purpose")),
    ]
    return extension(f"{OURS}/statutory-disclosure", extension=parts)


def note(one: Json, doc: Json) -> Json:
    extensions = [extension(f"{OURS}/note-kind", valueCoding={**NOTE_KINDS[one["kind"]]})]
    extensions += part(f"{OURS}/note-about", "valueReference", optional(one.get("about")))
    return {"extension": extensions, **annotation(one, doc)}


def annotation(one: Json, doc: Json) -> Json:
    return compact({"authorReference": author(one.get("by"), doc), "time": one.get("time"), "text": one["text"]})


def activities(plan: Json, doc: Json) -> list[Json]:
    contact = plan["followUp"].get("nextContact")
    return [
        *(measure_activity(one, doc) for one in plan["measures"]),
        *(service_activity(one) for one in plan.get("services", ())),
        *([{"reference": {"reference": f"Appointment/{contact['resourceId']}"}}] if contact else ()),
    ]


def measure_activity(measure: Json, doc: Json) -> Json:
    extensions = [
        extension(f"{OURS}/environment", valueCoding={**ENVIRONMENTS[measure["environment"]]}),
        *part(f"{OURS}/environment-text", "valueString", measure.get("where")),
        *also_concerns(measure.get("children", ())),
    ]
    reason = measure.get("statusReason")
    performers = [reference(one) for one in measure.get("who", ())]
    if "whoText" in measure:
        performers.append({"display": measure["whoText"]})
    detail = {
        "kind": "Task",
        "goal": references(measure.get("needs")),
        "status": measure["status"],
        "statusReason": {"text": reason} if reason else None,
        "scheduledPeriod": period(measure.get("start"), measure.get("due")),
        "performer": performers or None,
        "description": measure["text"],
    }
    progress = [annotation(one, doc) for one in measure.get("progress", ())]
    activity = {"id": f"measure-{measure['id']}", "extension": extensions, "detail": compact(detail)}
    return {**activity, "progress": progress} if progress else activity


def service_activity(service: Json) -> Json:
    extensions = [
        extension(f"{OURS}/activity-status", valueCoding={**ACTIVITY_STATUSES[service["status"]]}),
        *part(f"{OURS}/follow-up", "valueString", service.get("followUp")),
    ]
    organisation = [service["organisation"]] if "organisation" in service else []
    detail = {
        "kind": "ServiceRequest",
        "code": {"text": service["name"]},
        "goal": references(service.get("needs")),
        "status": service["status"],
        "scheduledPeriod": period(service.get("start"), service.get("end")),
        "performer": references([*organisation, *service.get("who", ())]),
        "description": service.get("task"),
    }
    return {"id": f"service-{service['id']}", "extension": extensions, "detail": compact(detail)}


def next_contact(contact: Json, plan: Json, doc: Json) -> Json:
    status = contact["status"]
    profiles = [
        f"{OURS}/yhdessa-next-contact",
        f"{FI_SCHEDULING}/StructureDefinition/fi-scheduling-appointment",
        f"{FI_BASE}/StructureDefinition/fi-base-appointment",
    ]
    state = extension(
        f"{FI_SCHEDULING}/StructureDefinition/ajanvarauksen-tila", valueCoding={**NATIONAL_STATUSES[status]}
    )
    return compact(
        {
            "resourceType": "Appointment",
            "id": contact["resourceId"],
            "meta": {"profile": profiles, "tag": [{**MODELS[doc["model"]]}]},
            "extension": contact_extensions(contact, plan, doc),
            "identifier": [source_identifier(contact["id"], doc)],
            "status": APPOINTMENT_STATUSES[status]["code"],
            "_status": {"extension": [state]},
            "serviceType": [{"text": "Yhteisen suunnitelman seuranta"}],
            "start": contact["start"],
            "end": contact["end"],
            "comment": contact.get("text"),
            "participant": list(participants(contact, plan)),
        }
    )


def contact_extensions(contact: Json, plan: Json, doc: Json) -> list[Json]:
    plan_id = f"{FI_SCHEDULING}/StructureDefinition/careplan-identifier"
    found = [
        extension(plan_id, valueIdentifier=source_identifier(plan["id"], doc)),
        extension(f"{OURS}/contact-method", valueCoding={**CONTACT_METHODS[contact["method"]]}),
    ]
    if "remote" in contact:
        remote = contact["remote"]
        parts = [
            *part("url", "valueUrl", remote.get("url")),
            *part("phone", "valueString", remote.get("phone")),
            *part("text", "valueString", remote.get("text")),
        ]
        found.append(compact({"url": f"{OURS}/remote-connection", "extension": parts or None}))
    return found


def participants(contact: Json, plan: Json) -> Iterator[Json]:
    yield {"id": "subject", "status": "accepted", "actor": reference(plan["children"][0])}
    for one in contact["with"]:
        yield {"status": "accepted", "actor": reference(one)}
    if "place" in contact:
        yield {"status": "accepted", "actor": {"reference": f"Location/{contact['place']['resourceId']}"}}


def assessment(response: Json, plan: Json, doc: Json) -> Json:
    return compact(
        {
            "resourceType": "QuestionnaireResponse",
            "id": response["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-assessment"]},
            "identifier": source_identifier(response["id"], doc),
            "basedOn": [{"reference": f"CarePlan/{plan['resourceId']}"}],
            "questionnaire": response["questionnaire"],
            "status": response["status"],
            "subject": optional(response.get("subject")),
            "authored": response["authored"],
            "author": optional(response.get("author")),
            "source": optional(response.get("source")),
            "item": [item(one) for one in response["items"]] or None,
        }
    )


def feedback(one: Json, plan: Json, doc: Json) -> Json:
    chosen = "questionnaire" in one
    words = [{"linkId": "own-words", "answer": [{"valueString": one["text"]}]}] if "text" in one and not chosen else []
    return compact(
        {
            "resourceType": "QuestionnaireResponse",
            "id": one["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-feedback"]},
            "extension": part(f"{OURS}/own-words", "valueString", one.get("text") if chosen else None) or None,
            "identifier": source_identifier(one["id"], doc),
            "basedOn": [{"reference": f"CarePlan/{plan['resourceId']}"}],
            "questionnaire": one.get("questionnaire", f"{ROOT}/Questionnaire/feedback"),
            "status": "completed",
            "authored": one["given"],
            "source": optional(one.get("by")),
            "item": [*words, *(item(inner) for inner in one.get("items", ()))] or None,
        }
    )


def item(one: Json) -> Json:
    found = compact({"linkId": one["linkId"], "text": one.get("text")})
    nested = [item(inner) for inner in one.get("items", ())]
    answers = [answer(value) for value in one.get("answers", ())]
    if answers:
        found["answer"] = answers
    if nested:
        (answers[0] if answers else found)["item"] = nested
    return found


def answer(value: Json) -> dict[str, Any]:
    return {name: {**given} if name == "valueCoding" else given for name, given in value.items()}
