"""Profiles: cardinality, values, types, and what they ask of elements deep down. https://hl7.org/fhir/R4/profiling.html"""

import datetime
from typing import Any

import pytest

from tests.validation.kit import ROOT, TEXT, judge, kinds, profile

MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
PATIENT: dict[str, Any] = {"resourceType": "Patient", "text": TEXT, "name": [{"family": "A"}]}
OBSERVATION = {"resourceType": "Observation", "text": TEXT, "status": "final", "code": {"text": "A"}}


@pytest.mark.parametrize(
    ("element", "good", "bad", "key"),
    [
        ({"id": "Patient.birthDate", "min": 1}, {"birthDate": "2020"}, {}, "minimum"),
        ({"id": "Patient.photo", "max": "0"}, {}, {"photo": [{"title": "A"}]}, "not-allowed"),
        ({"id": "Patient.name", "max": "1"}, {}, {"name": [{"family": "A"}, {"family": "B"}]}, "maximum"),
        ({"id": "Patient.name.family", "min": 1}, {}, {"name": [{"text": "A"}]}, "minimum"),
        ({"id": "Patient.active", "fixedBoolean": True}, {"active": True}, {"active": False}, "fixed"),
        ({"id": "Patient.gender", "patternCode": "female"}, {"gender": "female"}, {"gender": "male"}, "pattern"),
        ({"id": "Patient.name.family", "maxLength": 3}, {}, {"name": [{"family": "Abcd"}]}, "max-length"),
        (
            {"id": "Patient.birthDate", "minValueDate": "2010-01-01"},
            {"birthDate": "2010-01-01"},
            {"birthDate": "2009-12-31"},
            "min-value",
        ),
        (
            {"id": "Patient.birthDate", "maxValueDate": "2010"},
            {"birthDate": "2009-05"},
            {"birthDate": "2011-01-01"},
            "max-value",
        ),
        (
            {"id": "Patient.multipleBirth[x]", "type": [{"code": "boolean"}]},
            {"multipleBirthBoolean": True},
            {"multipleBirthInteger": 2},
            "type-not-allowed",
        ),
        ({"id": "Patient.multipleBirth[x]", "min": 1}, {"multipleBirthBoolean": True}, {}, "minimum"),
        ({"id": "Patient.multipleBirth[x]", "max": "0"}, {}, {"multipleBirthBoolean": True}, "not-allowed"),
        (
            {"id": "Patient.contact.name", "min": 1},
            {"contact": [{"name": {"text": "A"}}]},
            {"contact": [{"telecom": [{"system": "phone", "value": "1"}]}]},
            "minimum",
        ),
        (
            {"id": "Patient.maritalStatus", "patternCodeableConcept": {"coding": [{"code": "M"}]}},
            {"maritalStatus": {"coding": [{"code": "x"}, {"system": MARITAL, "code": "M"}], "text": "more"}},
            {"maritalStatus": {"coding": [{"system": MARITAL, "code": "S"}]}},
            "pattern",
        ),
        (
            {"id": "Patient.name", "fixedHumanName": {"family": "A"}},
            {"name": [{"family": "A"}]},
            {"name": [{"family": "A", "text": "A"}]},
            "fixed",
        ),
    ],
)
def test_what_an_element_asks_for(element: dict[str, Any], good: dict[str, Any], bad: dict[str, Any], key: str) -> None:
    mine = profile("mine", "Patient", element)
    assert judge({**PATIENT, **good}, mine) == []
    found = judge({**PATIENT, **bad}, mine)
    assert kinds(found) == [key]
    assert found[0].profile == ROOT + "mine"


def test_limits_of_numbers_and_quantities() -> None:
    limit = {"value": 5, "system": "http://unitsofmeasure.org", "code": "kg"}
    mine = profile(
        "limited",
        "Observation",
        {"id": "Observation.value[x]", "type": [{"code": "Quantity"}], "maxValueQuantity": limit},
    )
    assert judge({**OBSERVATION, "valueQuantity": limit}, mine) == []
    assert kinds(judge({**OBSERVATION, "valueQuantity": {**limit, "value": 6}}, mine)) == ["max-value"]
    assert judge({**OBSERVATION, "valueQuantity": {**limit, "code": "g", "value": 6}}, mine) == []


def test_a_limit_relative_to_today_needs_today() -> None:
    young = {"value": 8, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
    mine = profile("young", "Patient", {"id": "Patient.birthDate", "minValueQuantity": young})
    old = {**PATIENT, "birthDate": "2018-05-03"}
    assert judge(old, mine) == []
    assert kinds(judge(old, mine, today=datetime.date(2026, 5, 4))) == ["min-value"]
    assert judge(old, mine, today=datetime.date(2026, 5, 3)) == []


def test_a_profile_on_a_datatype() -> None:
    number = profile(
        "numbered", "Identifier", {"id": "Identifier.system", "min": 1}, {"id": "Identifier.value", "min": 1}
    )
    mine = profile(
        "mine", "Patient", {"id": "Patient.identifier", "type": [{"code": "Identifier", "profile": [number["url"]]}]}
    )
    found = judge({**PATIENT, "identifier": [{"value": "1"}]}, mine, number)
    assert [(one.key, one.pointer, one.profile) for one in found] == [
        ("validation.minimum", "/identifier/0", number["url"])
    ]
    assert judge({**PATIENT, "identifier": [{"system": "urn:a:b", "value": "1"}]}, mine, number) == []


def test_one_of_several_profiles_is_enough() -> None:
    one = profile("one", "Identifier", {"id": "Identifier.system", "min": 1})
    two = profile("two", "Identifier", {"id": "Identifier.value", "min": 1})
    types = [{"code": "Identifier", "profile": [one["url"], two["url"]]}]
    mine = profile("mine", "Patient", {"id": "Patient.identifier", "type": types})
    assert judge({**PATIENT, "identifier": [{"value": "1"}]}, mine, one, two) == []
    assert kinds(judge({**PATIENT, "identifier": [{"use": "usual"}]}, mine, one, two)) == ["no-profile-met"]


def test_core_profiles_of_datatypes_are_met() -> None:
    found = judge({**OBSERVATION, "referenceRange": [{"low": {"value": 1, "comparator": "<"}}]})
    assert kinds(found) == ["sqty-1", "not-allowed"]


def test_a_profile_upon_a_profile() -> None:
    below = profile("below", "Patient", {"id": "Patient.birthDate", "min": 1})
    above = profile("above", "Patient", {"id": "Patient.gender", "min": 1}, baseDefinition=ROOT + "below")
    assert kinds(judge(PATIENT, above, below)) == ["minimum", "minimum"]


def test_named_profiles_and_those_that_are_not_loaded() -> None:
    mine = profile("mine", "Patient", {"id": "Patient.gender", "min": 1})
    named = {**PATIENT, "meta": {"profile": [ROOT + "mine"]}}
    assert kinds(judge(named, mine, profiles=())) == ["minimum"]
    found = judge({**PATIENT, "meta": {"profile": [ROOT + "nowhere"]}})
    assert [(one.key, one.severity, one.pointer) for one in found] == [
        ("validation.profile-unknown", "warning", "/meta/profile/0")
    ]
    assert kinds(judge(PATIENT, profiles=["nowhere"])) == ["profile-not-loaded"]


def test_a_profile_of_another_type() -> None:
    mine = profile("mine", "Practitioner", {"id": "Practitioner.gender", "min": 1})
    assert kinds(judge(PATIENT, mine)) == ["profile-type"]


def test_a_profile_stops_at_repeated_nesting() -> None:
    form = {"resourceType": "Questionnaire", "text": TEXT, "status": "draft", "name": "Form"}
    mine = profile("mine", "Questionnaire", {"id": "Questionnaire.item.text", "min": 1})
    inner = {"linkId": "2", "type": "string"}
    assert judge({**form, "item": [{"linkId": "1", "type": "group", "text": "A", "item": [inner]}]}, mine) == []
    found = judge({**form, "item": [{"linkId": "1", "type": "group", "item": [inner]}]}, mine)
    assert [(one.key, one.pointer) for one in found] == [("validation.minimum", "/item/0")]


def test_a_type_may_be_named_in_the_path() -> None:
    mine = profile(
        "mine",
        "Observation",
        {"id": "Observation.valueQuantity", "min": 1},
    )
    assert judge({**OBSERVATION, "valueQuantity": {"value": 1}}, mine) == []
    assert judge(OBSERVATION, mine) != []


def test_global_profiles_of_a_guide_apply_unasked() -> None:
    mine = profile("mine", "Patient", {"id": "Patient.gender", "min": 1})
    guide = {
        "resourceType": "ImplementationGuide",
        "url": ROOT + "guide",
        "global": [{"type": "Patient", "profile": mine["url"]}],
    }
    assert kinds(judge(PATIENT, mine, guide, profiles=())) == ["minimum"]


def test_vital_signs_follow_from_their_code() -> None:
    height = {**OBSERVATION, "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}}
    assert "slice-minimum" in kinds(judge(height))
