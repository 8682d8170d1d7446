"""What recipients send back: kept, never over the original, and seen by the source system in its own terms."""

from typing import Any

from service.fhir.json import encode, parse
from tests.api.rest import bundle, entry, keys
from tests.inbound.conftest import DAYCARE, NEUVOLA, World

Json = dict[str, Any]


def states(view: Json) -> list[tuple[str, str]]:
    return [(one["pointer"], one["state"]) for answer in view["returned"] for one in answer["changes"]]


def reference(one: Json) -> Json:
    return {"reference": f"{one['resourceType']}/{one['id']}"}


def response(meeting: Json, actor: str, status: str, **more: Any) -> Json:
    return {
        "resourceType": "AppointmentResponse",
        "appointment": reference(meeting),
        "actor": {"reference": actor},
        "participantStatus": status,
        **more,
    }


def invited(meeting: Json) -> str:
    """A participant who has not answered."""
    waiting = next(one for one in meeting["participant"] if one["actor"]["reference"].startswith("PractitionerRole/"))
    return str(waiting["actor"]["reference"])


def test_an_answer_to_an_invitation(world: World) -> None:
    meeting = world.of("Appointment")[0]
    world.give(NEUVOLA, "Appointment", "PractitionerRole")
    actor = invited(meeting)
    body = response(meeting, actor, "declined", comment="Puhelimitse sopii.", start="2026-12-01T09:00:00+02:00")
    sent = world.send("neuvola", "POST", "AppointmentResponse", body)
    assert sent.status_code == 201, sent.data
    view = world.now()
    (answer,) = view["returned"]
    assert (answer["from"], answer["type"]) == (NEUVOLA, "AppointmentResponse")
    assert answer["message"] == {
        "kind": "response",
        "response": "declined",
        "texts": ["Puhelimitse sopii."],
        "proposedStart": "2026-12-01T09:00:00+02:00",
    }
    (change,) = answer["changes"]
    assert change["pointer"].endswith("/response") and change["now"] == "declined" and change["state"] == "new"
    assert view["document"] == world.document
    merged = view["merged"]["meetings"][0]["participants"]
    assert [one["response"] for one in merged].count("declined") == 1
    # The meeting itself is as it was, and its owner sees the answer as an ordinary resource.
    kept = world.client.get(f"/fhir/Appointment/{meeting['id']}", headers=world.by["ours"])
    assert kept.headers["ETag"] == 'W/"1"'
    found = world.client.get("/fhir/AppointmentResponse", headers=world.by["ours"])
    assert parse(found.data)["total"] == 1
    again = world.client.get(f"/fhir/AppointmentResponse/{parse(sent.data)['id']}", headers=world.by["neuvola"])
    assert again.status_code == 200


def test_a_changed_meeting_is_a_proposal(world: World) -> None:
    meeting = world.of("Appointment")[0]
    world.give(NEUVOLA, "Appointment")
    wanted = meeting | {"status": "cancelled", "cancelationReason": {"text": "Neuvola on suljettu."}}
    wanted.pop("participant")
    wanted["participant"] = meeting["participant"][:1]
    sent = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", wanted, **{"If-Match": 'W/"1"'})
    assert sent.status_code == 202, sent.data
    assert [one["severity"] for one in parse(sent.data)["issue"]] == ["information"]
    view = world.now()
    assert view["merged"]["meetings"][0]["status"] == "cancelled"
    # What a copy lacks was not taken away by whoever holds the copy.
    assert len(view["merged"]["meetings"][0]["participants"]) == len(world.document["meetings"][0]["participants"])
    assert view["document"]["meetings"][0]["status"] != "cancelled"
    done = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", wanted)
    assert done.status_code == 202, done.data
    assert len(world.now()["returned"]) == 1
    stale = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", wanted, **{"If-Match": 'W/"7"'})
    assert (stale.status_code, keys(stale)) == (412, ["store.version-conflict"])


def test_progress_of_two_stands_side_by_side(world: World) -> None:
    plan = world.of("CarePlan")[0]
    for organisation in (NEUVOLA, DAYCARE):
        world.give(organisation, "CarePlan")
    for who, text in (("neuvola", "Kävi mittauksissa."), ("daycare", "Aamut sujuvat.")):
        progress = [{"time": "2026-11-01T10:00:00+02:00", "text": text}]
        activities = [plan["activity"][0] | {"progress": progress}, *plan["activity"][1:]]
        assert world.send(who, "PUT", f"CarePlan/{plan['id']}", plan | {"activity": activities}).status_code == 202
    view = world.now()
    assert [state for _, state in states(view)] == ["new", "new"]
    assert view["conflicts"] == []
    texts = [
        row["text"]
        for one in view["merged"]["plans"][0].get("measures", []) + view["merged"]["plans"][0].get("services", [])
        for row in one.get("progress", [])
    ]
    assert {"Kävi mittauksissa.", "Aamut sujuvat."} <= set(texts)


def test_what_contradicts_stands_side_by_side(world: World) -> None:
    plan = world.of("CarePlan")[0]
    for organisation in (NEUVOLA, DAYCARE):
        world.give(organisation, "CarePlan")

    def status(who: str, code: str) -> None:
        first = plan["activity"][0]
        activities = [first | {"detail": first["detail"] | {"status": code}}, *plan["activity"][1:]]
        assert world.send(who, "PUT", f"CarePlan/{plan['id']}", plan | {"activity": activities}).status_code == 202

    status("neuvola", "completed")
    status("daycare", "on-hold")
    view = world.now()
    assert [state for _, state in states(view)] == ["conflict", "conflict"]
    assert view["conflicts"] == [states(view)[0][0]]
    assert view["merged"] == view["document"]
    # One of them comes to agree: then nobody contradicts any more.
    status("daycare", "completed")
    after = world.now()
    assert [state for _, state in states(after)] == ["new", "superseded", "new"]
    assert after["conflicts"] == []


def test_a_newer_document_that_says_otherwise_is_a_conflict_and_one_that_agrees_is_not(world: World) -> None:
    meeting = world.of("Appointment")[0]
    world.give(NEUVOLA, "Appointment")
    wanted = meeting | {"comment": "Tuokaa neuvolakortti."}
    done = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", wanted)
    assert done.status_code == 202, done.data
    for version, note, state in ((2, "Jotain muuta.", "conflict"), (3, "Tuokaa neuvolakortti.", "taken")):
        newer = parse(encode(world.document)) | {"version": world.document["version"] + version}
        newer["meetings"][0]["note"] = note
        done = world.client.post(
            "/documents", data=encode(newer), content_type="application/json", headers=world.by["ours"]
        )
        assert done.status_code == 201, done.data
        view = world.now()
        (found,) = states(view)
        assert found[1] == state
        assert view["document"]["meetings"][0]["note"] == note == view["merged"]["meetings"][0]["note"]


def test_a_message_and_an_acknowledgement(world: World) -> None:
    plan = world.of("CarePlan")[0]
    world.give(NEUVOLA, "CarePlan", "Patient")
    message = {
        "resourceType": "Communication",
        "status": "completed",
        "basedOn": [reference(plan)],
        "sent": "2026-11-02T10:00:00+02:00",
        "payload": [{"contentString": "Soitamme viikolla 48."}],
    }
    receipt = {
        "resourceType": "Communication",
        "status": "completed",
        "about": [reference(plan)],
        "received": "2026-11-01T10:00:00+02:00",
    }
    whole = bundle("transaction", entry("POST", "Communication", message), entry("POST", "Communication", receipt))
    sent = world.client.post("/fhir", json=whole, headers=world.by["neuvola"])
    assert sent.status_code == 200, sent.data
    said = [one["message"] for one in world.now()["returned"]]
    assert said == [
        {"kind": "message", "texts": ["Soitamme viikolla 48."], "sent": "2026-11-02T10:00:00+02:00"},
        {"kind": "acknowledgement", "received": "2026-11-01T10:00:00+02:00"},
    ]


def test_a_task_that_goes_on(world_of_tasks: World) -> None:
    world = world_of_tasks
    task = world.of("Task")[0]
    world.give(DAYCARE, "Task")
    wanted = task | {"status": "completed", "note": [{"time": "2026-11-03T10:00:00+02:00", "text": "Sujuu jo."}]}
    sent = world.send("daycare", "PUT", f"Task/{task['id']}", wanted)
    assert sent.status_code == 202, sent.data
    view = world.now()
    plan = view["merged"]["plan"]
    changed = next(one for one in plan["measures"] if one["status"] == "completed")
    assert [row["text"] for row in changed["progress"]][-1] == "Sujuu jo."
    assert view["returned"][0]["message"]["texts"] == ["Sujuu jo."]


def test_in_a_transaction_a_proposal_is_answered_202_and_all_or_nothing_holds(world: World) -> None:
    plan, meeting = world.of("CarePlan")[0], world.of("Appointment")[0]
    world.give(NEUVOLA, "CarePlan", "Appointment")
    message = {"resourceType": "Communication", "status": "completed", "basedOn": [reference(plan)]}
    wanted = meeting | {"comment": "Toinen ovi."}
    good = [entry("POST", "Communication", message), entry("PUT", f"Appointment/{meeting['id']}", wanted)]
    bad = entry("PUT", f"Goal/{world.of('Goal')[0]['id']}", world.of("Goal")[0])
    refused = world.client.post("/fhir", json=bundle("transaction", *good, bad), headers=world.by["neuvola"])
    assert refused.status_code >= 400
    assert world.now()["returned"] == []
    sent = world.client.post("/fhir", json=bundle("transaction", *good), headers=world.by["neuvola"])
    assert [one["response"]["status"][:3] for one in parse(sent.data)["entry"]] == ["201", "202"]
    assert len(world.now()["returned"]) == 2


def test_only_from_those_who_were_given_it(world: World) -> None:
    plan, meeting = world.of("CarePlan")[0], world.of("Appointment")[0]
    absent = world.send("stranger", "PUT", "Appointment/nobody", meeting | {"id": "nobody"})
    hidden = world.send("stranger", "PUT", f"Appointment/{meeting['id']}", meeting)
    assert hidden.status_code == absent.status_code and hidden.status_code >= 400
    message = {"resourceType": "Communication", "status": "completed", "basedOn": [reference(plan)]}
    assert world.send("stranger", "POST", "Communication", message).status_code == 201
    assert world.now()["returned"] == []
    assert parse(world.client.get("/fhir/Communication", headers=world.by["ours"]).data)["total"] == 0
    # What is no answer cannot be changed by somebody who holds a copy.
    world.give(NEUVOLA, "Consent", "Patient")
    consent = world.of("Consent")[0]
    refused = world.send("neuvola", "PUT", f"Consent/{consent['id']}", consent)
    assert (refused.status_code, keys(refused)) == (403, ["store.forbidden"])


def test_an_own_answer_can_be_corrected(world: World) -> None:
    meeting = world.of("Appointment")[0]
    world.give(NEUVOLA, "Appointment")
    actor = invited(meeting)
    sent = parse(world.send("neuvola", "POST", "AppointmentResponse", response(meeting, actor, "accepted")).data)
    path = f"AppointmentResponse/{sent['id']}"
    corrected = world.send("neuvola", "PUT", path, response(meeting, actor, "tentative", id=sent["id"]))
    assert corrected.status_code == 200, corrected.data
    assert parse(world.client.get(f"/fhir/{path}", headers=world.by["ours"]).data)["participantStatus"] == "tentative"
    assert [row[1] for row in states(world.now())] in (["superseded", "new"], ["new"], ["taken", "new"])
    assert world.send("daycare", "PUT", path, response(meeting, actor, "declined", id=sent["id"])).status_code >= 400


def copy_of(one: Json) -> Json:
    """How a record system that keeps a copy under an id of its own can name the original."""
    return {"identifier": {"system": "https://yhdessa.example/fhir/NamingSystem/resource-id", "value": one["id"]}}


def test_who_holds_a_copy_answers_by_the_identifier_that_it_came_with(world: World) -> None:
    meeting, plan = world.of("Appointment")[0], world.of("CarePlan")[0]
    world.give_copies(NEUVOLA, "Appointment", "CarePlan", without=("comment", "description", "note", "text"))
    actor = invited(meeting)
    body = response(meeting, actor, "accepted") | {"appointment": copy_of(meeting)}
    message = {"resourceType": "Communication", "status": "completed", "basedOn": [copy_of(plan)]}
    for kind, sent in (("AppointmentResponse", body), ("Communication", message)):
        done = world.send("neuvola", "POST", kind, sent)
        assert done.status_code == 201, done.data
    found = [(one["type"], one["about"]) for one in world.now()["returned"]]
    assert found == [
        ("AppointmentResponse", f"Appointment/{meeting['id']}"),
        ("Communication", f"CarePlan/{plan['id']}"),
    ]
    # For somebody who was given nothing the same identifier means nothing.
    assert world.send("stranger", "POST", "Communication", message).status_code == 201
    assert len(world.now()["returned"]) == 2


def test_what_a_copy_lacks_stays_in_the_merged_document(world: World) -> None:
    meeting = world.of("Appointment")[0]
    lacking = ("comment", "description", "created")
    world.give_copies(NEUVOLA, "Appointment", without=lacking)
    held = world.client.get(f"/fhir/Appointment/{meeting['id']}", headers=world.by["neuvola"])
    assert held.status_code == 200 and not set(parse(held.data)) & set(lacking)
    wanted = parse(held.data) | {"end": "2030-01-01T12:00:00+02:00"}
    done = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", wanted)
    assert done.status_code == 202, done.data
    view = world.now()
    assert [row for row in states(view) if not row[0].endswith("/end")] == []
    assert view["merged"]["meetings"][0] == view["document"]["meetings"][0] | {"end": "2030-01-01T12:00:00+02:00"}


def test_answers_are_in_the_use_log(world: World) -> None:
    meeting = world.of("Appointment")[0]
    world.give(NEUVOLA, "Appointment")
    world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", meeting | {"comment": "Ovi B."})
    world.now()
    log = parse(world.client.get("/fhir/AuditEvent?_count=5", headers=world.by["admin"]).data)
    told = [one["resource"]["subtype"][0]["code"] for one in log["entry"]]
    assert told[:2] == ["documents-read", "update"]
