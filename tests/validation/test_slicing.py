"""Slices by every kind of discriminator, their numbers and their order. https://hl7.org/fhir/R4/profiling.html#slicing"""

from typing import Any

import pytest

from tests.validation.kit import ROOT, TEXT, extended, judge, kinds, profile, sliced

PATIENT: dict[str, Any] = {"resourceType": "Patient", "text": TEXT}
PLAN = {
    "resourceType": "CarePlan",
    "text": TEXT,
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/1"},
}
OBSERVATION = {"resourceType": "Observation", "text": TEXT, "status": "final", "code": {"text": "A"}}


def by_system(rules: str = "open", **more: Any) -> dict[str, Any]:
    """Identifiers in two slices: one `a`, any number of `b`."""
    return profile(
        "mine",
        "Patient",
        {"id": "Patient.identifier", **sliced("value", "system", rules, **more)},
        {"id": "Patient.identifier:a", "min": 1, "max": "1"},
        {"id": "Patient.identifier:a.system", "min": 1, "fixedUri": "urn:x:a"},
        {"id": "Patient.identifier:a.value", "min": 1},
        {"id": "Patient.identifier:b", "min": 0, "max": "2"},
        {"id": "Patient.identifier:b.system", "min": 1, "fixedUri": "urn:x:b"},
    )


def identifiers(*letters: str) -> dict[str, Any]:
    rows = [{"system": f"urn:x:{letter}", "value": str(number)} for number, letter in enumerate(letters)]
    return {**PATIENT, "identifier": rows}


@pytest.mark.parametrize(
    ("letters", "rules", "ordered", "expected"),
    [
        ("a", "open", False, []),
        ("abbc", "open", False, []),
        ("b", "open", False, ["slice-minimum"]),
        ("aa", "open", False, ["slice-maximum"]),
        ("abbb", "open", False, ["slice-maximum"]),
        ("ac", "closed", False, ["slice-closed"]),
        ("abc", "openAtEnd", False, []),
        ("acb", "openAtEnd", False, ["slice-at-end"]),
        ("ba", "open", False, []),
        ("ba", "open", True, ["slice-order"]),
        ("ab", "open", True, []),
    ],
)
def test_slices_by_value(letters: str, rules: str, ordered: bool, expected: list[str]) -> None:
    assert kinds(judge(identifiers(*letters), by_system(rules, ordered=ordered))) == expected


def test_a_slice_says_which_of_its_rules_failed() -> None:
    found = judge({**PATIENT, "identifier": [{"system": "urn:x:c"}, {"system": "urn:x:a"}]}, by_system())
    assert [(one.key, one.pointer, one.expression, one.profile) for one in found] == [
        ("validation.minimum", "/identifier/1", "Patient.identifier[1]", ROOT + "mine#Patient.identifier:a")
    ]


def test_slices_by_pattern() -> None:
    mine = profile(
        "mine",
        "CarePlan",
        {"id": "CarePlan.category", **sliced("pattern", "$this")},
        {"id": "CarePlan.category:shared", "min": 1, "max": "1", "patternCodeableConcept": {"coding": [{"code": "s"}]}},
        {"id": "CarePlan.category:shared.text", "min": 1},
    )
    good = {"coding": [{"code": "x"}, {"code": "s"}], "text": "A"}
    assert judge({**PLAN, "category": [good, {"text": "B"}]}, mine) == []
    assert kinds(judge({**PLAN, "category": [{"text": "B"}]}, mine)) == ["slice-minimum"]
    assert kinds(judge({**PLAN, "category": [{"coding": [{"code": "s"}]}]}, mine)) == ["minimum"]


def test_a_path_into_a_pattern_above_it() -> None:
    mine = profile(
        "mine",
        "CarePlan",
        {"id": "CarePlan.category", **sliced("value", "coding.code")},
        {"id": "CarePlan.category:s", "max": "1"},
        {"id": "CarePlan.category:s.coding", "min": 1},
        {"id": "CarePlan.category:s.coding.code", "min": 1, "fixedCode": "s"},
    )
    one = {"coding": [{"code": "s"}]}
    assert judge({**PLAN, "category": [one, {"coding": [{"code": "t"}]}]}, mine) == []
    assert kinds(judge({**PLAN, "category": [one, one]}, mine)) == ["slice-maximum"]


def test_slices_by_what_is_there() -> None:
    mine = profile(
        "mine",
        "Patient",
        {"id": "Patient.telecom", **sliced("exists", "period")},
        {"id": "Patient.telecom:old", "max": "1"},
        {"id": "Patient.telecom:old.period", "min": 1},
        {"id": "Patient.telecom:new", "max": "1"},
        {"id": "Patient.telecom:new.period", "max": "0"},
    )
    old, new = {"value": "1", "system": "phone", "period": {"start": "2020"}}, {"value": "2", "system": "phone"}
    assert judge({**PATIENT, "telecom": [old, new]}, mine) == []
    assert kinds(judge({**PATIENT, "telecom": [old, old, new]}, mine)) == ["slice-maximum"]
    assert kinds(judge({**PATIENT, "telecom": [new, new]}, mine)) == ["slice-maximum"]


def test_slices_by_type() -> None:
    mine = profile(
        "mine",
        "Observation",
        {"id": "Observation.value[x]", **sliced("type", "$this", "closed")},
        {"id": "Observation.value[x]:valueQuantity", "type": [{"code": "Quantity"}]},
        {"id": "Observation.value[x]:valueQuantity.unit", "min": 1},
        {"id": "Observation.value[x]:valueString", "type": [{"code": "string"}], "maxLength": 3},
    )
    assert judge({**OBSERVATION, "valueQuantity": {"value": 1, "unit": "kg"}}, mine) == []
    assert kinds(judge({**OBSERVATION, "valueQuantity": {"value": 1}}, mine)) == ["minimum"]
    assert kinds(judge({**OBSERVATION, "valueString": "abcd"}, mine)) == ["max-length"]
    assert kinds(judge({**OBSERVATION, "valueBoolean": True}, mine))[0] in ("slice-closed", "type-not-allowed")


def test_slices_by_the_type_of_a_target() -> None:
    mine = profile(
        "mine",
        "CarePlan",
        {"id": "CarePlan.contributor", **sliced("type", "resolve()")},
        {"id": "CarePlan.contributor:worker", "min": 1, "type": reference("Practitioner")},
        {"id": "CarePlan.contributor:family", "min": 1, "type": reference("RelatedPerson")},
    )
    rows = [{"reference": "RelatedPerson/1"}, {"reference": "https://yhdessa.example/fhir/Practitioner/2"}]
    assert judge({**PLAN, "contributor": rows}, mine) == []
    assert kinds(judge({**PLAN, "contributor": rows[:1]}, mine)) == ["slice-minimum"]


def reference(type_name: str) -> list[dict[str, Any]]:
    return [{"code": "Reference", "targetProfile": [f"http://hl7.org/fhir/StructureDefinition/{type_name}"]}]


def test_slices_by_what_a_target_holds() -> None:
    target = profile(
        "boss",
        "Practitioner",
        {"id": "Practitioner.gender", "min": 1, "fixedCode": "female"},
    )
    mine = profile(
        "mine",
        "CarePlan",
        {"id": "CarePlan.contributor", **sliced("value", "resolve().gender")},
        {
            "id": "CarePlan.contributor:boss",
            "min": 1,
            "type": [{"code": "Reference", "targetProfile": [target["url"]]}],
        },
    )
    contained = [{"resourceType": "Practitioner", "id": "p", "gender": "female"}]
    plan = {**PLAN, "contained": contained, "contributor": [{"reference": "#p"}]}
    assert judge(plan, mine, target) == []
    other = [{**contained[0], "gender": "male"}]
    assert kinds(judge({**plan, "contained": other}, mine, target)) == ["slice-minimum"]


def test_slices_by_profile() -> None:
    phone = profile("phone", "Patient", {"id": "Patient.telecom", "min": 1})
    mine = profile(
        "mine",
        "Bundle",
        {"id": "Bundle.entry", **sliced("profile", "resource")},
        {"id": "Bundle.entry:reachable", "min": 1},
        {"id": "Bundle.entry:reachable.resource", "min": 1, "type": [{"code": "Patient", "profile": [phone["url"]]}]},
    )
    patient = {**PATIENT, "id": "a", "telecom": [{"system": "phone", "value": "1"}]}
    entry = {"fullUrl": "https://yhdessa.example/fhir/Patient/a", "resource": patient}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    assert judge(bundle, mine, phone) == []
    entry["resource"] = {**PATIENT, "id": "a"}
    assert kinds(judge(bundle, mine, phone)) == ["slice-minimum"]


def test_slices_by_position() -> None:
    mine = profile(
        "mine",
        "Patient",
        {"id": "Patient.name", **sliced("position", "$this")},
        {"id": "Patient.name:first", "max": "1"},
        {"id": "Patient.name:first.family", "min": 1},
        {"id": "Patient.name:second", "max": "1"},
        {"id": "Patient.name:second.text", "min": 1},
    )
    assert judge({**PATIENT, "name": [{"family": "A"}, {"text": "B"}]}, mine) == []
    found = judge({**PATIENT, "name": [{"text": "B"}, {"text": "A"}]}, mine)
    assert [(one.key, one.pointer) for one in found] == [("validation.minimum", "/name/0")]


def test_slices_of_slices() -> None:
    mine = profile(
        "mine",
        "Patient",
        {"id": "Patient.telecom", **sliced("value", "system")},
        {"id": "Patient.telecom:phone", "min": 1, **sliced("value", "use")},
        {"id": "Patient.telecom:phone.system", "min": 1, "fixedCode": "phone"},
        {"id": "Patient.telecom:phone/home", "min": 1, "max": "1"},
        {"id": "Patient.telecom:phone/home.system", "min": 1, "fixedCode": "phone"},
        {"id": "Patient.telecom:phone/home.use", "min": 1, "fixedCode": "home"},
    )
    home, work = {"system": "phone", "value": "1", "use": "home"}, {"system": "phone", "value": "2", "use": "work"}
    assert judge({**PATIENT, "telecom": [home, work]}, mine) == []
    assert kinds(judge({**PATIENT, "telecom": [work]}, mine)) == ["slice-minimum"]
    assert kinds(judge({**PATIENT, "telecom": [home, home]}, mine)) == ["slice-maximum"]
    assert kinds(judge({**PATIENT, "telecom": [{"system": "email", "value": "a@b"}]}, mine)) == ["slice-minimum"]


def test_slices_by_an_extension() -> None:
    flag = extended("flag", {"id": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]})
    mine = profile(
        "mine",
        "Patient",
        {"id": "Patient.name", **sliced("value", f"extension('{ROOT}flag').value")},
        {"id": "Patient.name:flagged", "max": "1"},
        {"id": "Patient.name:flagged.extension", **sliced("value", "url")},
        {
            "id": "Patient.name:flagged.extension:flag",
            "min": 1,
            "type": [{"code": "Extension", "profile": [flag["url"]]}],
        },
        {"id": "Patient.name:flagged.extension:flag.value[x]", "min": 1, "fixedCode": "x"},
    )
    name = {"family": "A", "extension": [{"url": flag["url"], "valueCode": "x"}]}
    other = {"family": "A", "extension": [{"url": flag["url"], "valueCode": "y"}]}
    assert judge({**PATIENT, "name": [name, other, other]}, mine, flag) == []
    assert kinds(judge({**PATIENT, "name": [name, name]}, mine, flag)) == ["slice-maximum"]


def test_slices_of_extensions() -> None:
    flag = extended("flag", {"id": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]})
    mine = profile(
        "mine",
        "Patient",
        {"id": "Patient.extension", **sliced("value", "url")},
        {
            "id": "Patient.extension:flag",
            "min": 1,
            "max": "1",
            "type": [{"code": "Extension", "profile": [flag["url"]]}],
        },
    )
    assert judge({**PATIENT, "extension": [{"url": flag["url"], "valueCode": "x"}]}, mine, flag) == []
    assert kinds(judge(PATIENT, mine, flag)) == ["slice-minimum"]


def test_a_slice_by_a_required_binding() -> None:
    mine = profile(
        "mine",
        "CarePlan",
        {"id": "CarePlan.category", **sliced("value", "$this")},
        {
            "id": "CarePlan.category:status",
            "min": 1,
            "binding": {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/request-status"},
        },
    )
    good = {"coding": [{"system": "http://hl7.org/fhir/request-status", "code": "draft"}]}
    assert judge({**PLAN, "category": [{"text": "A"}, good]}, mine) == []
    assert kinds(judge({**PLAN, "category": [{"text": "A"}]}, mine)) == ["slice-minimum"]
