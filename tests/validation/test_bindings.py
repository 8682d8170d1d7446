"""Bindings and codings. https://hl7.org/fhir/R4/terminologies.html#strength"""

from typing import Any

import pytest

from tests.validation.kit import ROOT, TEXT, judge, kinds, profile

SYSTEM = "https://yhdessa.example/fhir/CodeSystem/colours"
SET = "https://yhdessa.example/fhir/ValueSet/colours"
COLOURS = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "status": "active",
    "content": "complete",
    "concept": [{"code": "red", "display": "Red"}, {"code": "blue", "display": "Blue"}],
}
VALUES = {
    "resourceType": "ValueSet",
    "url": SET,
    "status": "active",
    "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "red"}]}]},
}
PLAN: dict[str, Any] = {
    "resourceType": "CarePlan",
    "text": TEXT,
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/1"},
}
RED, BLUE = {"system": SYSTEM, "code": "red"}, {"system": SYSTEM, "code": "blue"}


def bound(strength: str, path: str = "category", **more: Any) -> dict[str, Any]:
    return profile(
        "mine", "CarePlan", {"id": f"CarePlan.{path}", "binding": {"strength": strength, "valueSet": SET, **more}}
    )


@pytest.mark.parametrize(
    ("strength", "concept", "expected"),
    [
        ("required", {"coding": [RED]}, []),
        ("required", {"coding": [BLUE, RED]}, []),
        ("required", {"coding": [BLUE]}, [("binding", "error")]),
        ("required", {"text": "red"}, [("binding-no-code", "error")]),
        ("extensible", {"coding": [BLUE]}, [("binding", "warning")]),
        ("extensible", {"text": "red"}, [("binding-no-code", "warning")]),
        ("preferred", {"coding": [BLUE]}, []),
        ("example", {"coding": [BLUE]}, []),
    ],
)
def test_strengths(strength: str, concept: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = judge({**PLAN, "category": [concept]}, bound(strength), COLOURS, VALUES)
    assert [(kinds([one])[0], one.severity) for one in found] == expected


def test_preferred_bindings_on_request() -> None:
    found = judge(
        {**PLAN, "category": [{"coding": [BLUE]}]}, bound("preferred"), COLOURS, VALUES, preferred_bindings="warning"
    )
    assert kinds(found) == ["binding"]


def test_the_value_set_that_sets_the_limit() -> None:
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet", "valueCanonical": SET}
    mine = bound("extensible", extension=[extension])
    found = judge({**PLAN, "category": [{"coding": [BLUE]}]}, mine, COLOURS, VALUES)
    assert ("binding", "error") in [(kinds([one])[0], one.severity) for one in found]


def test_a_value_set_that_is_not_loaded_says_nothing() -> None:
    assert judge({**PLAN, "category": [{"coding": [BLUE]}]}, bound("required"), COLOURS) == []


def test_a_code_that_its_system_does_not_have() -> None:
    wrong = {**PLAN, "category": [{"coding": [{"system": SYSTEM, "code": "green"}]}]}
    found = judge(wrong, COLOURS, profiles=())
    assert [(one.key, one.severity, one.pointer) for one in found] == [
        ("validation.code-unknown", "error", "/category/0/coding/0/code")
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("XX", []), ("xx", ["warning"]), ("zz", ["error"]), ("NNFIN", []), ("NNfin", ["error"])],
)
def test_identifier_types(code: str, expected: list[str]) -> None:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}]}
    patient = {
        "resourceType": "Patient",
        "text": TEXT,
        "identifier": [{"type": kind, "system": "urn:x:y", "value": "1"}],
    }
    found = [one for one in judge(patient) if one.key == "validation.code-unknown"]
    assert [one.severity for one in found] == expected


def test_a_wrong_display_is_a_warning() -> None:
    named = {**PLAN, "category": [{"coding": [{**RED, "display": "Blue"}]}]}
    found = judge(named, COLOURS, profiles=())
    assert [(one.key, one.severity) for one in found] == [("validation.display", "warning")]
    assert judge(named, COLOURS, profiles=(), displays="ignore") == []
    assert judge({**PLAN, "category": [{"coding": [{**RED, "display": "red"}]}]}, COLOURS, profiles=()) == []


@pytest.mark.parametrize(("kind", "expected"), [("application/pdf", []), ("pdf!", ["binding"])])
def test_codes_of_open_systems(kind: str, expected: list[str]) -> None:
    content = [{"attachment": {"contentType": kind, "url": "https://yhdessa.example/a"}}]
    document = {"resourceType": "DocumentReference", "text": TEXT, "status": "current", "content": content}
    assert kinds(judge(document)) == expected


def test_a_binding_of_a_quantity_and_of_a_coding() -> None:
    units = {
        **VALUES,
        "url": SET + "-units",
        "compose": {"include": [{"system": "http://unitsofmeasure.org", "concept": [{"code": "kg"}]}]},
    }
    mine = profile(
        "mine",
        "Observation",
        {
            "id": "Observation.value[x]",
            "type": [{"code": "Quantity"}],
            "binding": {"strength": "required", "valueSet": units["url"]},
        },
    )
    value = {"resourceType": "Observation", "text": TEXT, "status": "final", "code": {"text": "A"}}
    quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}
    assert judge({**value, "valueQuantity": quantity}, mine, units) == []
    assert kinds(judge({**value, "valueQuantity": {**quantity, "code": "g"}}, mine, units)) == ["binding"]


def test_the_profile_is_named() -> None:
    found = judge({**PLAN, "category": [{"coding": [BLUE]}]}, bound("required"), COLOURS, VALUES)
    assert found[0].profile == ROOT + "mine" and SET in found[0].text()
