"""What was right at a place once is right there again: only where nothing but the value itself has a say."""

import copy
from typing import Any

import pytest

from service.fhir.definitions import core
from service.validation import Options, Validator
from service.validation.clean import lexical
from tests.validation.kit import profile
from tests.validation.test_bindings import BLUE, COLOURS, PLAN, VALUES, bound

SHOWN: dict[str, Any] = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR", "display": "Wrong"}
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "a"}


def married(*codings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**PATIENT, "maritalStatus": {"coding": list(codings)}, **more}


def keys(validator: Validator, resource: dict[str, Any], **options: Any) -> list[str]:
    found = validator.validate(resource, options=Options(best_practice="ignore", **options))
    return sorted({one.key for one in found})


def test_what_an_option_left_unsaid_is_said_under_another() -> None:
    validator = Validator(core())
    identified = {**PATIENT, "identifier": [{"system": "https://a.example", "value": "1", "type": {"coding": [SHOWN]}}]}
    assert keys(validator, identified, displays="ignore") == []
    assert keys(validator, identified) == ["validation.display"]


def test_a_code_outside_a_preferred_value_set_is_told_where_that_is_asked_for() -> None:
    made = bound("preferred")
    validator = Validator(core().with_resources([made, COLOURS, VALUES]))
    plan = {**PLAN, "meta": {"profile": [made["url"]]}, "category": [{"coding": [BLUE]}]}
    assert keys(validator, plan) == []
    assert keys(validator, plan, preferred_bindings="warning") == ["validation.binding"]


def test_an_extension_nobody_knows_is_said_under_another_option() -> None:
    validator = Validator(core())
    patient = {**PATIENT, "extension": [{"url": "https://a.example/unknown", "valueCode": "a"}]}
    assert keys(validator, patient, unknown_extensions="ignore") == []
    assert keys(validator, patient) == ["validation.extension-unknown"]


def test_what_is_remembered_cannot_be_changed_from_without() -> None:
    validator = Validator(core())
    right = {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}
    patient = married(right)
    assert keys(validator, patient) == []
    right["code"] = "no such code"
    expected = keys(Validator(core()), copy.deepcopy(patient))
    assert expected != []
    assert keys(validator, patient) == expected


def test_a_rule_that_looks_around_is_asked_again() -> None:
    rule = {
        "key": "a-1",
        "severity": "error",
        "human": "only of those that are active",
        "expression": "%resource.active = true",
    }
    made = profile("a", "Patient", {"id": "Patient"}, {"id": "Patient.maritalStatus", "constraint": [rule]})
    validator = Validator(core().with_resources([made]))
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}
    meta = {"profile": [made["url"]]}
    assert keys(validator, married(coding, meta=meta, active=True)) == []
    assert keys(validator, married(coding, meta=meta, active=False)) == ["validation.invariant"]


@pytest.mark.parametrize("number", [1, 1.0])
def test_a_number_is_no_boolean(number: float) -> None:
    validator = Validator(core())
    url = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
    given = [keys(validator, {**PATIENT, "extension": [{"url": url, "valueBoolean": one}]}) for one in (True, number)]
    assert given[0] == []
    assert given[1] != []


def test_a_relative_system_is_told_in_a_process_that_has_seen_no_other() -> None:
    lexical.absolute.clear()
    validator = Validator(core())
    identified = {**PATIENT, "identifier": [{"system": "GUARD", "value": "1"}]}
    assert keys(validator, identified) == ["validation.system-relative"]
