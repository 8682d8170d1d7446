"""Shape, cardinality, types and values of plain R4. https://hl7.org/fhir/R4/json.html"""

from decimal import Decimal
from typing import Any

import pytest

from service.validation import Options, Validator
from tests.validation.kit import TEXT, judge, kinds

PATIENT = {"resourceType": "Patient", "text": TEXT}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"birthdate": "2020"}, ["unknown-near"]),
        ({"qqq": 1}, ["unknown"]),
        ({"name": {"family": "A"}}, ["array-expected"]),
        ({"name": []}, ["empty-array"]),
        ({"name": [{}]}, ["empty-object"]),
        ({"name": [{"id": "only"}]}, ["empty-object"]),
        ({"name": [None]}, ["null"]),
        ({"name": None}, ["null"]),
        ({"name": ["A"]}, ["object-expected"]),
        ({"gender": ["male"]}, ["array-not-allowed"]),
        ({"maritalStatus": [{"text": "A"}]}, ["array-not-allowed"]),
        ({"maritalStatus": "M"}, ["object-expected"]),
        ({"gender": None}, ["null"]),
        ({"gender": "nainen"}, ["code-required"]),
        ({"gender": 1}, ["values.string"]),
        ({"birthDate": "2023-02-29"}, ["values.no-such-date"]),
        ({"active": "true"}, ["values.boolean"]),
        ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, ["choice-twice"]),
        (
            {"deceasedBoolean": True, "_deceasedDateTime": {"extension": [{"url": "urn:x:y", "valueString": "a"}]}},
            ["choice-twice"],
        ),
        ({"deceasedString": "yes"}, ["unknown-near"]),
        ({"link": [{"type": "seealso"}]}, ["required"]),
        ({"id": "a_b"}, ["values.id"]),
        ({"multipleBirthInteger": 1.5}, ["values.integer"]),
        ({"name": [{"family": "A", "given": [None]}]}, ["null"]),
        ({"name": [{"given": ["B"], "_given": [{"id": "a"}, None]}]}, ["sibling-length", "null"]),
        ({"name": [{"given": ["B"], "_given": {"id": "a"}}]}, ["array-expected"]),
        ({"name": [{"family": "A", "_family": "b"}]}, ["object-expected"]),
        ({"name": [{"family": "A", "_family": {}}]}, ["empty-object"]),
        ({"name": [{"family": "A", "_family": {"value": "x"}}]}, ["unknown"]),
        ({"_name": [{"id": "a"}]}, ["unknown-near"]),
    ],
)
def test_one_broken_rule_is_one_issue(more: dict[str, Any], expected: list[str]) -> None:
    assert kinds(judge({**PATIENT, **more})) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"deceasedBoolean": False},
        {"name": [{"given": ["A", None], "_given": [None, {"extension": [{"url": "urn:x:y", "valueString": "B"}]}]}]},
        {"_birthDate": {"extension": [{"url": "urn:x:y", "valueString": "unknown"}]}},
        {"name": [{"family": 'von Näkki, "O\'Neil" & Söhne 🙂'}]},
        {"contact": [{"name": {"text": "A"}}]},
        {"birthDate": "2020", "_birthDate": {"id": "a"}},
    ],
)
def test_what_json_allows_is_valid(more: dict[str, Any]) -> None:
    assert judge({**PATIENT, **more}) == []


def test_an_extension_stands_for_a_value_but_not_for_a_required_code() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    observation = {"resourceType": "Observation", "text": TEXT, "code": {"text": "A"}}
    assert kinds(judge(observation)) == ["required"]
    assert kinds(judge({**observation, "_status": absent})) == ["binding-no-code"]
    link = {"type": "seealso", "other": {"display": "A"}}
    assert judge({**PATIENT, "link": [link], "contact": [{"name": {"_text": absent}}]}) == []


def test_the_system_of_an_identifier_is_absolute() -> None:
    assert kinds(judge({**PATIENT, "identifier": [{"system": "here", "value": "1"}]})) == ["system-relative"]
    tagged = judge({**PATIENT, "meta": {"tag": [{"system": "here", "code": "a"}]}})
    assert [(kinds([one])[0], one.severity) for one in tagged] == [("system-relative", "warning")]


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ({}, "resource-type-missing"),
        ({"resourceType": 1}, "resource-type-unknown"),
        ({"resourceType": "patient"}, "resource-type-near"),
        ({"resourceType": "DomainResource"}, "resource-type-unknown"),
        ({"resourceType": "Resource"}, "resource-type-unknown"),
    ],
)
def test_resource_types(resource: dict[str, Any], key: str) -> None:
    assert kinds(judge(resource))[0].startswith(key.rpartition("-")[0])


def test_an_issue_says_where_and_what(validator: Validator) -> None:
    text = b'{\n  "resourceType": "Patient",\n  "name": [\n    {"family": "A",\n     "use": "nick"}\n  ]\n}'
    found = next(one for one in validator.validate_text(text) if one.is_error)
    assert (found.pointer, found.expression, found.line, found.column) == ("/name/0/use", "Patient.name[0].use", 5, 13)
    assert found.key == "validation.code-required" and found.code == "code-invalid"
    for language in ("fi", "sv", "en"):
        assert "`nick`" in found.text(language)


def test_a_choice_is_named_without_its_type() -> None:
    value = {"resourceType": "Observation", "text": TEXT, "status": "final", "code": {"text": "A"}}
    found = judge({**value, "valueQuantity": {"value": "x"}})[0]
    assert found.expression == "Observation.value.value"
    assert found.pointer == "/valueQuantity/value"


def test_an_expression_goes_on_inside_a_bundle() -> None:
    patient = {"resourceType": "Patient", "id": "a", "text": TEXT, "gender": "x"}
    entry = {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": patient}
    found = judge({"resourceType": "Bundle", "type": "collection", "entry": [entry]})
    assert [one.expression for one in found] == ["Bundle.entry[0].resource.gender"]


def test_text_that_is_no_json_is_an_issue(validator: Validator) -> None:
    assert [one.key for one in validator.validate_text(b'{"resourceType": "Patient",}')] == ["json.syntax"]
    found = validator.validate_text(b'{"resourceType": "Patient", "id": "a", "id": "b"}')
    assert [one.key for one in found] == ["json.duplicate-key"]
    assert [one.key for one in validator.validate_text(b"[1]")] == ["validation.not-an-object"]


def test_decimals_of_any_length_are_numbers() -> None:
    value = {"resourceType": "Observation", "text": TEXT, "status": "final", "code": {"text": "A"}}
    assert judge({**value, "valueQuantity": {"value": Decimal("1.50")}}) == []
    assert judge({**value, "valueQuantity": {"value": 1.5}}) == []


def test_contained_resources_and_their_references() -> None:
    inside = {"resourceType": "Organization", "id": "o", "name": "Neuvola"}
    patient = {**PATIENT, "contained": [inside], "managingOrganization": {"reference": "#o"}}
    assert judge(patient) == []
    assert kinds(judge({**patient, "managingOrganization": {"reference": "#p"}})) == ["ref-1", "dom-3"]
    assert kinds(judge({**patient, "contained": [{**inside, "meta": {"versionId": "1"}}]})) == ["dom-4"]
    nested = {**inside, "contained": [{"resourceType": "Organization", "id": "x", "name": "A"}]}
    assert "dom-2" in kinds(judge({**patient, "contained": [nested]}))


def test_best_practice_is_a_choice(validator: Validator) -> None:
    bare = {"resourceType": "Patient"}
    assert [(one.constraint, one.severity) for one in validator.validate(bare)] == [("dom-6", "warning")]
    assert validator.validate(bare, options=Options(best_practice="ignore")) == []


def test_no_number_of_warnings_hides_an_error(validator: Validator) -> None:
    entries = [
        {
            "fullUrl": f"https://yhdessa.example/fhir/Patient/{number}",
            "resource": {"resourceType": "Patient", "id": f"{number}"},
        }
        for number in range(60)
    ]
    bundle = {"resourceType": "Bundle", "type": "nothing", "entry": entries}
    found = validator.validate(bundle, options=Options(limit=10))
    assert len([one for one in found if not one.is_error]) == 10
    assert "validation.code-required" in [one.key for one in found]
