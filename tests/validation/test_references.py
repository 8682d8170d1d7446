"""References: targets, types, profiles of targets, aggregation. https://hl7.org/fhir/R4/references.html"""

from typing import Any

import pytest

from tests.validation.kit import TEXT, judge, kinds, profile

PLAN: dict[str, Any] = {
    "resourceType": "CarePlan",
    "id": "c",
    "text": TEXT,
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/1"},
}
TYPE = "http://hl7.org/fhir/StructureDefinition/"
BASE = "https://yhdessa.example/fhir/"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Patient/1"}, []),
        ({"reference": "Patient/1/_history/2"}, []),
        ({"reference": "https://yhdessa.example/fhir/Group/1"}, []),
        ({"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"}, []),
        ({"reference": "https://yhdessa.example/anything"}, []),
        ({"reference": "Patient?identifier=1"}, []),
        ({"display": "The child"}, []),
        ({"type": "Patient", "identifier": {"value": "1"}}, []),
        ({"reference": "Organization/1"}, ["reference-target"]),
        ({"reference": "https://yhdessa.example/fhir/Organization/1"}, ["reference-target"]),
        ({"type": "Organization", "identifier": {"value": "1"}}, ["reference-target"]),
        ({"reference": "Patient/1", "type": "Group"}, ["reference-type"]),
        ({"reference": "#nobody"}, ["ref-1"]),
    ],
)
def test_targets(reference: dict[str, Any], expected: list[str]) -> None:
    assert kinds(judge({**PLAN, "subject": reference})) == expected


def bundle(*resources: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    rows = [{"fullUrl": f"{BASE}{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": rows}


def test_a_target_in_the_bundle_tells_its_type() -> None:
    group = {"resourceType": "Organization", "id": "o", "text": TEXT, "name": "A"}
    here = bundle({**PLAN, "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"}}, group)
    here["entry"][1]["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-000000000001"
    assert kinds(judge(here)) == ["reference-target"]


def test_a_relative_reference_is_read_from_its_own_server() -> None:
    patient = {"resourceType": "Patient", "id": "1", "text": TEXT, "gender": "female"}
    mine = profile("mine", "Patient", {"id": "Patient.gender", "fixedCode": "female", "min": 1})
    plan = profile(
        "plan", "CarePlan", {"id": "CarePlan.subject", "type": [{"code": "Reference", "targetProfile": [mine["url"]]}]}
    )
    named = {**PLAN, "meta": {"profile": [plan["url"]]}}
    assert judge(bundle(named, patient), plan, mine, profiles=()) == []
    assert kinds(judge(bundle(named, {**patient, "gender": "male"}), plan, mine, profiles=())) == ["reference-profile"]
    elsewhere = bundle(named, {**patient, "gender": "male"}, patient)
    elsewhere["entry"][1]["fullUrl"] = "https://other.example/fhir/Patient/1"
    assert judge(elsewhere, plan, mine, profiles=()) == []


def test_one_of_the_target_profiles_is_enough() -> None:
    one = profile("one", "Patient", {"id": "Patient.gender", "min": 1})
    two = profile("two", "Patient", {"id": "Patient.birthDate", "min": 1})
    targets = [{"code": "Reference", "targetProfile": [one["url"], two["url"]]}]
    plan = profile("plan", "CarePlan", {"id": "CarePlan.subject", "type": targets})
    here = {
        **PLAN,
        "contained": [{"resourceType": "Patient", "id": "p", "gender": "male"}],
        "subject": {"reference": "#p"},
    }
    assert judge(here, plan, one, two) == []
    here["contained"] = [{"resourceType": "Patient", "id": "p", "active": True}]
    assert kinds(judge(here, plan, one, two)) == ["reference-profile"]


@pytest.mark.parametrize(
    ("modes", "reference", "expected"),
    [
        (["contained"], "#p", []),
        (["contained"], "Patient/1", ["reference-not-found"]),
        (["referenced"], "#p", ["reference-aggregation"]),
        (["referenced"], "Patient/1", []),
        (["bundled", "contained"], "#p", []),
    ],
)
def test_aggregation(modes: list[str], reference: str, expected: list[str]) -> None:
    types = [{"code": "Reference", "targetProfile": [TYPE + "Patient"], "aggregation": modes}]
    plan = profile("plan", "CarePlan", {"id": "CarePlan.subject", "type": types})
    here = {**PLAN, "subject": {"reference": reference}}
    if reference == "#p":
        here["contained"] = [{"resourceType": "Patient", "id": "p"}]
    assert kinds(judge(here, plan)) == expected


def test_bundled_targets_must_be_in_the_bundle() -> None:
    types = [{"code": "Reference", "targetProfile": [TYPE + "Patient"], "aggregation": ["bundled"]}]
    plan = profile("plan", "CarePlan", {"id": "CarePlan.subject", "type": types})
    named = {**PLAN, "meta": {"profile": [plan["url"]]}}
    patient = {"resourceType": "Patient", "id": "1", "text": TEXT}
    assert judge(bundle(named, patient), plan, profiles=()) == []
    assert kinds(judge(bundle(named), plan, profiles=())) == ["reference-not-found"]


def test_drafts_only_warn() -> None:
    flag = {"resourceType": "Flag", "text": TEXT, "status": "active", "code": {"text": "A"}}
    found = judge({**flag, "subject": {"reference": "Task/1"}})
    assert [(kinds([one])[0], one.severity) for one in found] == [("reference-target", "warning")]


def test_a_reference_in_a_bundle_that_nobody_can_follow() -> None:
    assert kinds(judge(bundle({**PLAN, "subject": {"reference": "the-child"}}))) == ["reference-format"]


def test_profiles_that_refer_to_each_other_end() -> None:
    one = profile("one", "Patient", {"id": "Patient.link.other", "type": [{"code": "Reference", "targetProfile": []}]})
    one["differential"]["element"][0]["type"][0]["targetProfile"] = [one["url"]]
    rows = [
        {"resourceType": "Patient", "id": f"{number}", "text": TEXT, "meta": {"profile": [one["url"]]}}
        for number in range(3)
    ]
    for number, row in enumerate(rows):
        row["link"] = [{"type": "seealso", "other": {"reference": f"Patient/{(number + 1) % 3}"}}]
    assert judge(bundle(*rows), one, profiles=()) == []
