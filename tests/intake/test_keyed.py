"""The keyed form: stable ids, resolved references, exact times; and the way back loses nothing."""

import copy
import re
from decimal import Decimal
from typing import Any

import pytest

from service.intake import Unresolved, base, check, keyed, normalised, unkeyed
from service.intake.shape import Shape

from . import examples

VALID = examples.valid()
KEY = bytes(range(32))
PROCESSING = {"activityStyle": "detail", "sourceHash": "s", "mappingSet": "base", "mappingHash": "m"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


def _keyed(document: dict[str, Any], key: bytes = KEY) -> dict[str, Any]:
    return keyed(document, key, processing=PROCESSING)


def _walk(value: Any, shape: Shape, found: dict[str, list[Any]]) -> None:
    if shape.reference:
        found["references"].append(value)
    elif shape.items is not None:
        for one in value:
            _walk(one, shape.items, found)
    elif shape.type == "object":
        if shape.entity:
            found["entities"].append(value)
            found["kinds"].append(shape.entity)
        for name, field in shape.fields.items():
            if name in value:
                _walk(value[name], field.shape, found)
    elif shape.special == "dateTime":
        found["times"].append(value)


def _found(document: dict[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"references": [], "entities": [], "kinds": [], "times": []}
    _walk(document, base().shapes[document["kind"]], found)
    return found


@pytest.mark.parametrize("name", VALID)
def test_way_back(name: str) -> None:
    document = VALID[name]
    before = copy.deepcopy(document)
    assert unkeyed(_keyed(document)) == normalised(document)
    assert document == before
    assert check(normalised(document)) == check(document)
    assert normalised(normalised(document)) == normalised(document)


@pytest.mark.parametrize("name", VALID)
def test_ids_references_and_times(name: str) -> None:
    document = _keyed(VALID[name])
    found = _found(document)
    assert all(UUID.match(one["resourceId"]) for one in found["entities"])
    assert all(UUID.match(one["practitionerId"]) for one in document["professionals"])
    assert UUID.match(document["provenanceId"])
    assert UUID.match(document["documentResourceId"])
    assert document["provenanceId"] != document["documentResourceId"]
    assert all(TIME.match(one) for one in found["times"])
    for one in found["references"]:
        person = {"practitioner"} if one["kind"] == "professional" else set()
        assert set(one) == {"id", "kind", "reference"} | person
    assert document["processing"] == PROCESSING
    assert document["source"]["custodianType"] == "public"


@pytest.mark.parametrize("name", VALID)
def test_every_id_is_one_thing(name: str) -> None:
    found = _found(_keyed(VALID[name]))
    pairs = [(kind, one["resourceId"]) for kind, one in zip(found["kinds"], found["entities"], strict=True)]
    others = [one for one in pairs if one[0] != "place"]
    assert len({resource_id for _, resource_id in others}) == len(others)


def test_references_resolve_inside_a_case() -> None:
    document = _keyed(VALID["tiimi-case-twins-services-and-responsible-pair"])
    meeting, team, plan = document["meetings"][0], document["careTeams"][0], document["plans"][0]
    family = document["family"]
    assert plan["meeting"] == {
        "id": "tiimi-2025-10-07",
        "kind": "meeting",
        "reference": f"Appointment/{meeting['resourceId']}",
    }
    assert meeting["careTeam"]["reference"] == f"CareTeam/{team['resourceId']}"
    assert meeting["plan"]["reference"] == f"CarePlan/{plan['resourceId']}"
    assert plan["measures"][0]["needs"][0]["reference"] == f"Goal/{plan['needs'][1]['resourceId']}"
    first = family["guardians"][0]["relations"][0]
    assert meeting["participants"][0]["person"]["reference"] == f"RelatedPerson/{first['resourceId']}"
    assert first["child"]["reference"] == f"Patient/{family['children'][0]['resourceId']}"
    worker = document["professionals"][0]
    assert plan["responsibleWorkers"][0]["reference"] == f"PractitionerRole/{worker['resourceId']}"
    organisation = document["organisations"][0]
    assert worker["organisation"]["reference"] == f"Organization/{organisation['resourceId']}"
    assert [one["id"] for one in plan["children"]] == ["aino", "veikko"]


def test_references_resolve_across_documents() -> None:
    meeting = _keyed(VALID["aika-meeting-held-with-remote-father"])["meeting"]
    team = _keyed(VALID["aika-care-team-alone"])["careTeam"]
    plan = _keyed(VALID["aika-shared-plan-measures-abc"])["plan"]
    assert meeting["plan"]["reference"] == f"CarePlan/{plan['resourceId']}"
    assert plan["careTeam"]["reference"] == f"CareTeam/{team['resourceId']}"
    assert plan["meeting"]["reference"] == f"Appointment/{meeting['resourceId']}"


def test_same_person_in_every_document() -> None:
    first = _keyed(VALID["aika-shared-plan-version-1"])
    second = _keyed(VALID["aika-shared-plan-version-2"])
    other = _keyed(VALID["aika-care-team-alone"])
    assert first["family"]["children"][0]["resourceId"] == other["family"]["children"][0]["resourceId"]
    assert first["plan"]["resourceId"] == second["plan"]["resourceId"]
    assert first["provenanceId"] == second["provenanceId"]


def test_ids_are_scoped_to_key_and_register() -> None:
    document = VALID["aika-shared-plan-measures-abc"]
    elsewhere = copy.deepcopy(document)
    elsewhere["source"]["organisation"] = "2.999.13.10.2"
    ids = [{one["resourceId"] for one in _found(_keyed(*pair))["entities"]} for pair in (
        (document,), (elsewhere,), (document, b"another key"), (document,),
    )]  # fmt: skip
    assert ids[0] == ids[3]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]


def test_another_separator_is_another_person() -> None:
    document = copy.deepcopy(VALID["aika-shared-plan-measures-abc"])
    document["family"]["children"][0]["hetu"] = "021120B900B"
    changed = _keyed(document)["family"]["children"][0]["resourceId"]
    assert changed != _keyed(VALID["aika-shared-plan-measures-abc"])["family"]["children"][0]["resourceId"]


def test_the_same_local_id_in_two_plans_is_two_needs() -> None:
    plans = _keyed(VALID["aika-case-large-blended-family"])["plans"]
    assert [plan["needs"][0]["id"] for plan in plans] == ["n1", "n1", "n1"]
    assert len({plan["needs"][0]["resourceId"] for plan in plans}) == 3
    assert plans[1]["measures"][0]["needs"][0]["reference"] == f"Goal/{plans[1]['needs'][0]['resourceId']}"


def test_defaults_are_explicit() -> None:
    document = copy.deepcopy(VALID["tiimi-case-twins-services-and-responsible-pair"])
    assert "children" not in document["plans"][0]
    del document["plans"][0]["needs"][0]["status"]
    plain = normalised(document)
    assert plain["plans"][0]["children"] == ["aino", "veikko"]
    assert plain["careTeams"][0]["children"] == ["aino", "veikko"]
    assert plain["plans"][0]["needs"][0]["status"] == "active"
    assert plain["source"]["custodianType"] == "public"


def test_local_times_get_their_offset() -> None:
    meeting = normalised(VALID["aika-meeting-held-with-remote-father"])["meeting"]
    assert meeting["start"] == "2025-09-17T14:00:00+03:00"
    assert meeting["booking"]["booked"] == "2025-09-08T12:40:00+03:00"
    assert normalised(VALID["aika-case-large-blended-family"])["recorded"] == "2025-12-03T08:58:20.125+02:00"


def test_way_back_from_references_alone() -> None:
    document = VALID["tiimi-case-twins-services-and-responsible-pair"]
    bare = _keyed(document)
    second = bare["family"]["guardians"][1]["relations"][1]
    _strip(bare)
    bare["meetings"][0]["participants"][1]["person"] = {"reference": f"RelatedPerson/{second['resourceId']}"}
    bare["plans"][0]["careTeam"] = {"id": "tiimi-sinivuokko"}
    bare["recordedBy"] = {"reference": f"Practitioner/{bare['professionals'][0]['practitionerId']}"}
    assert unkeyed(bare) == normalised(document)


def _strip(value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _strip(one)
    elif isinstance(value, dict):
        if {"id", "kind", "reference"} <= set(value):
            reference = value["reference"]
            value.clear()
            value["reference"] = reference
        for one in value.values():
            _strip(one)


def test_way_back_of_a_reference_to_nothing() -> None:
    bare = _keyed(VALID["aika-care-team-alone"])
    bare["careTeam"]["nearWorker"] = {"reference": "PractitionerRole/unknown"}
    with pytest.raises(Unresolved) as error:
        unkeyed(bare)
    assert error.value.reference == "PractitionerRole/unknown"


def test_whole_numbers_stay_whole() -> None:
    document = copy.deepcopy(VALID["aika-care-team-alone"])
    document["version"] = Decimal("2.0")
    assert check(document) == check(VALID["aika-care-team-alone"])
    assert repr(normalised(document)["version"]) == "2"
