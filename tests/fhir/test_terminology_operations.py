"""The terminology operations: parameters in, resources out, as R4 names them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir.definitions import core
from service.fhir.operations import (
    code_system_lookup,
    code_system_validate_code,
    concept_map_translate,
    value_set_expand,
    value_set_validate_code,
)
from service.fhir.parameters import from_parameters
from service.fhir.terminology import Terminology, TerminologyError
from tests.fhir.test_terminology import ALL, ROOT, SNOMED, SUPPORT, SYSTEM, VS, _filter, _value_set

NOW = "2026-03-29T04:30:00+03:00"
OTHER = ROOT + "CodeSystem/other"
MAP: dict[str, Any] = {
    "resourceType": "ConceptMap",
    "url": ROOT + "ConceptMap/support",
    "sourceCanonical": ROOT + "ValueSet/support|1.0",
    "targetCanonical": ROOT + "ValueSet/other",
    "group": [
        {
            "source": SYSTEM,
            "target": OTHER,
            "element": [
                {"code": "home", "target": [{"code": "H", "display": "Home", "equivalence": "wider"}]},
                {"code": "school", "target": [{"equivalence": "unmatched"}]},
                {
                    "code": "both",
                    "target": [
                        {
                            "code": "B",
                            "equivalence": "equal",
                            "dependsOn": [{"property": "urn:age", "value": "small"}],
                            "product": [{"property": "urn:place", "system": OTHER, "value": "P"}],
                        }
                    ],
                },
            ],
            "unmapped": {"mode": "fixed", "code": "X", "display": "Something else"},
        }
    ],
}
SENT_ON: dict[str, Any] = {
    "resourceType": "ConceptMap",
    "url": ROOT + "ConceptMap/first",
    "group": [{"source": SYSTEM, "unmapped": {"mode": "other-map", "url": MAP["url"]}}],
}


_KNOWN = core().with_resources([SUPPORT, _value_set("homes", _filter("concept", "is-a", "home"))])


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology(_KNOWN, [MAP, SENT_ON])


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    assert parameters["resourceType"] == "Parameters"
    return {
        row["name"]: row.get("part", next((value for key, value in row.items() if key.startswith("value")), None))
        for row in parameters["parameter"]
    }


def test_value_set_validate_code(terminology: Terminology) -> None:
    url = ROOT + "ValueSet/homes"
    good = _plain(value_set_validate_code(terminology, {"url": url, "system": SYSTEM, "code": "home"}))
    assert good == {"result": True, "display": "Support at home"}
    bad = _plain(value_set_validate_code(terminology, {"url": url, "system": SYSTEM, "code": "school"}, "fi"))
    assert bad["result"] is False
    assert "`school` ei ole arvojoukossa" in bad["message"]
    misnamed = {"url": url, "coding": {"system": SYSTEM, "code": "home", "display": "School"}}
    assert _plain(value_set_validate_code(terminology, misnamed))["result"] is False
    concept = {"coding": [{"system": SNOMED, "code": "1"}, {"system": SYSTEM, "code": "home"}]}
    assert _plain(value_set_validate_code(terminology, {"url": url, "codeableConcept": concept}))["result"] is True
    inline = {"valueSet": _value_set("inline", {"system": SYSTEM}), "code": "old", "displayLanguage": "fi"}
    assert _plain(value_set_validate_code(terminology, inline)) == {"result": True, "display": "Old"}


def test_abstract_codes_count_only_where_they_may(terminology: Terminology) -> None:
    asked_for = {"valueSet": _value_set("inline", {"system": SYSTEM}), "system": SYSTEM, "code": "all"}
    assert _plain(value_set_validate_code(terminology, asked_for))["result"] is True
    assert _plain(value_set_validate_code(terminology, asked_for | {"abstract": False}))["result"] is False


def test_what_cannot_be_told_is_not_valid_and_says_so(terminology: Terminology) -> None:
    answer = _plain(value_set_validate_code(terminology, {"url": VS + "observation-codes", "code": "1-8"}))
    assert answer["result"] is False
    assert "cannot be told" in answer["message"]


def test_code_system_validate_code(terminology: Terminology) -> None:
    assert _plain(code_system_validate_code(terminology, {"url": SYSTEM, "code": "home"}))["result"] is True
    coding = {"coding": {"system": SYSTEM, "code": "nobody"}}
    answer = _plain(code_system_validate_code(terminology, coding | {"url": SYSTEM}))
    assert (answer["result"], "nobody" in answer["message"]) == (False, True)


def test_code_system_given_with_the_question(terminology: Terminology) -> None:
    asked_for = {"codeSystem": SUPPORT | {"concept": [{"code": "new"}]}, "code": "new"}
    assert _plain(code_system_validate_code(terminology, asked_for))["result"] is True
    assert _plain(code_system_validate_code(terminology, asked_for | {"code": "home"}))["result"] is False
    other = {"url": SYSTEM, "version": "9", "code": "home"}
    assert _plain(code_system_validate_code(terminology, other))["result"] is False


def test_lookup(terminology: Terminology) -> None:
    asked_for = {"system": SYSTEM, "code": "home", "displayLanguage": "sv"}
    parameters = code_system_lookup(terminology, asked_for)
    answer = _plain(parameters)
    assert set(answer) <= {"name", "version", "display", "designation", "property"}
    assert (answer["name"], answer["version"], answer["display"]) == ("Kinds of support", "1.2.0", "Stöd hemma")
    properties = [one["part"] for one in parameters["parameter"] if one["name"] == "property"]
    assert [{"name": "code", "valueCode": "parent"}, {"name": "value", "valueCode": "all"}] in properties
    assert [{"name": "code", "valueCode": "child"}, {"name": "value", "valueCode": "home-night"}] in properties
    asked = code_system_lookup(terminology, asked_for | {"property": ["inactive"]})
    assert [one["part"][1] for one in asked["parameter"] if one["name"] == "property"] == [
        {"name": "value", "valueBoolean": False}
    ]


def test_expand(terminology: Terminology) -> None:
    everything = _value_set("everything", {"system": SYSTEM})
    whole = value_set_expand(terminology, {"valueSet": everything}, NOW)
    assert [one["code"] for one in whole["expansion"]["contains"]] == [
        "all",
        "home",
        "home-night",
        "school",
        "old",
        "both",
    ]
    assert whole["expansion"]["contains"][0]["abstract"] is True
    assert whole["expansion"]["contains"][4]["inactive"] is True
    assert (whole["expansion"]["timestamp"], whole["expansion"]["total"]) == (NOW, len(ALL))
    assert "compose" not in whole
    again = value_set_expand(terminology, {"valueSet": everything}, NOW)
    assert again == whole


def test_expand_narrowed(terminology: Terminology) -> None:
    asked_for = {"valueSet": _value_set("everything", {"system": SYSTEM}), "includeDefinition": True}
    page = value_set_expand(terminology, asked_for | {"offset": 1, "count": 2}, NOW)["expansion"]
    assert ([one["code"] for one in page["contains"]], page["total"], page["offset"]) == (["home", "home-night"], 6, 1)
    beyond = value_set_expand(terminology, asked_for | {"offset": 10}, NOW)["expansion"]
    assert "contains" not in beyond
    found = value_set_expand(terminology, asked_for | {"filter": "SUPPORT sch"}, NOW)
    assert [one["code"] for one in found["expansion"]["contains"]] == ["school"]
    assert "compose" in found
    for name, left in (("activeOnly", ALL - {"old"}), ("excludeNotForUI", ALL - {"all"})):
        rows = value_set_expand(terminology, asked_for | {name: True}, NOW)["expansion"]["contains"]
        assert {one["code"] for one in rows} == left
    finnish = value_set_expand(terminology, asked_for | {"displayLanguage": "fi", "includeDesignations": True}, NOW)
    home = finnish["expansion"]["contains"][1]
    assert (home["display"], len(home["designation"])) == ("Tuki kotona", 2)


def test_expand_lists_a_fragment_as_one(terminology: Terminology) -> None:
    found = value_set_expand(terminology, {"url": VS + "service-type", "count": 0}, NOW)["expansion"]
    assert found["total"] > 500
    assert found["extension"][0]["valueBoolean"] is True


def test_expand_keeps_excludes_and_imports(terminology: Terminology) -> None:
    value_set = _value_set(
        "a", {"valueSet": [ROOT + "ValueSet/homes"]}, exclude=[{"system": SYSTEM, "concept": [{"code": "home"}]}]
    )
    rows = value_set_expand(terminology, {"valueSet": value_set}, NOW)["expansion"]["contains"]
    assert [one["code"] for one in rows] == ["home-night"]


def test_translate(terminology: Terminology) -> None:
    asked_for = {"url": MAP["url"], "system": SYSTEM, "code": "home"}
    answer = concept_map_translate(terminology, asked_for)
    assert set(_plain(answer)) <= {"result", "message", "match"}
    assert _plain(answer)["result"] is True
    assert _plain(answer)["match"] == [
        {"name": "equivalence", "valueCode": "wider"},
        {"name": "concept", "valueCoding": {"system": OTHER, "code": "H", "display": "Home"}},
        {"name": "source", "valueUri": MAP["url"]},
    ]
    back = concept_map_translate(terminology, {"url": MAP["url"], "system": OTHER, "code": "H", "reverse": True})
    assert _plain(back)["match"][:2] == [
        {"name": "equivalence", "valueCode": "narrower"},
        {"name": "concept", "valueCoding": {"system": SYSTEM, "code": "home"}},
    ]


def test_translate_without_counterpart(terminology: Terminology) -> None:
    unmatched = _plain(concept_map_translate(terminology, {"url": MAP["url"], "system": SYSTEM, "code": "school"}))
    assert (unmatched["result"], unmatched["match"][0]["valueCode"]) == (False, "unmatched")
    other = _plain(concept_map_translate(terminology, {"url": MAP["url"], "system": SNOMED, "code": "1"}, "sv"))
    assert (other["result"], "match" in other) == (False, False)
    assert "ingen motsvarighet" in other["message"]


def test_translate_what_is_not_mapped(terminology: Terminology) -> None:
    for url in (MAP["url"], SENT_ON["url"]):
        fixed = _plain(concept_map_translate(terminology, {"url": url, "system": SYSTEM, "code": "old"}))
        assert fixed["match"][1]["valueCoding"] == {"system": OTHER, "code": "X", "display": "Something else"}


def test_translate_by_dependency(terminology: Terminology) -> None:
    asked_for = {"url": MAP["url"], "system": SYSTEM, "code": "both"}
    assert _plain(concept_map_translate(terminology, asked_for))["result"] is False
    concept = {"coding": [{"code": "small"}]}
    dependency = [{"name": "element", "valueUri": "urn:age"}, {"name": "concept", "valueCodeableConcept": concept}]
    answer = _plain(concept_map_translate(terminology, asked_for | {"dependency": [dependency]}))
    assert answer["match"][2] == {
        "name": "product",
        "part": [
            {"name": "element", "valueUri": "urn:place"},
            {"name": "concept", "valueCoding": {"code": "P", "system": OTHER}},
        ],
    }


def test_translate_by_the_sides_of_the_map(terminology: Terminology) -> None:
    asked_for = {
        "source": ROOT + "ValueSet/support",
        "target": ROOT + "ValueSet/other",
        "system": SYSTEM,
        "code": "home",
    }
    assert _plain(concept_map_translate(terminology, asked_for))["result"] is True
    gender = {
        "source": VS + "administrative-gender",
        "system": "http://hl7.org/fhir/administrative-gender",
        "code": "male",
    }
    answer = concept_map_translate(
        terminology, gender | {"targetsystem": "http://terminology.hl7.org/CodeSystem/v2-0001"}
    )
    assert [one["name"] for one in answer["parameter"]] == ["result", "match"]


def test_parameters_are_read_by_name() -> None:
    coding = {"system": SYSTEM, "code": "home"}
    resource = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "coding", "valueCoding": coding},
            {"name": "property", "valueCode": "parent"},
            {"name": "property", "valueCode": "child"},
            {"name": "abstract", "valueBoolean": False},
            {"name": "valueSet", "resource": {"resourceType": "ValueSet"}},
        ],
    }
    assert from_parameters(resource) == {
        "coding": coding,
        "property": ["parent", "child"],
        "abstract": False,
        "valueSet": {"resourceType": "ValueSet"},
    }


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda t: value_set_validate_code(t, {"code": "a"}), "parameter-missing"),
        (lambda t: value_set_validate_code(t, {"url": VS + "administrative-gender"}), "parameter-missing"),
        (lambda t: value_set_validate_code(t, {"url": ROOT + "nowhere", "code": "a"}), "resource-unknown"),
        (lambda t: code_system_validate_code(t, {"code": "a"}), "parameter-missing"),
        (lambda t: code_system_lookup(t, {"code": "a"}), "parameter-missing"),
        (lambda t: code_system_lookup(t, {"system": SNOMED + "/x", "code": "a"}), "resource-unknown"),
        (lambda t: code_system_lookup(t, {"system": SYSTEM, "code": "nobody"}), "code-unknown"),
        (lambda t: code_system_lookup(t, {"system": SYSTEM, "code": "home", "version": "9"}), "resource-unknown"),
        (lambda t: value_set_expand(t, {}, NOW), "parameter-missing"),
        (lambda t: value_set_expand(t, {"url": ROOT + "nowhere"}, NOW), "resource-unknown"),
        (lambda t: value_set_expand(t, {"url": VS + "observation-codes"}, NOW), "not-expandable"),
        (lambda t: value_set_expand(t, {"url": VS + "administrative-gender", "count": -1}, NOW), "parameters-wrong"),
        (lambda t: concept_map_translate(t, {"url": ROOT + "nowhere", "code": "a"}), "resource-unknown"),
        (lambda t: concept_map_translate(t, {"code": "a"}), "parameter-missing"),
        (lambda t: concept_map_translate(t, {"url": MAP["url"]}), "parameter-missing"),
        (lambda t: value_set_expand(t, {"url": 1}, NOW), "parameters-wrong"),
        (lambda t: value_set_expand(t, {"valueSet": {"resourceType": "Patient"}}, NOW), "parameters-wrong"),
        (lambda t: value_set_expand(t, {"valueSet": MAP}, NOW), "parameters-wrong"),
        (lambda t: value_set_validate_code(t, {"url": VS, "codeableConcept": {"coding": ["a"]}}), "parameters-wrong"),
        (lambda t: from_parameters({"parameter": "a"}), "parameters-wrong"),
    ],
)
def test_questions_that_cannot_be_answered(terminology: Terminology, call: Any, key: str) -> None:
    with pytest.raises(TerminologyError) as error:
        call(terminology)
    assert error.value.issue.key == f"terminology.{key}"
    assert all(error.value.issue.text(language) for language in ("fi", "sv", "en"))


_KEYS = ("resourceType", "url", "system", "code", "compose", "include", "concept", "filter", "property", "op", "value")
_MORE = ("coding", "group", "element", "target", "source", "equivalence", "valueSet", "content", "name", "part")
_NAMES = ("url", "code", "system", "coding", "codeableConcept", "valueSet", "conceptMap", "codeSystem", "display")
_OTHERS = ("count", "offset", "filter", "property", "dependency", "reverse", "abstract", "version", "displayLanguage")
_texts = st.sampled_from(["", "a", "home", SYSTEM, SNOMED, VS + "languages"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS + _MORE), inner, max_size=4),
    max_leaves=12,
)
_names = st.sampled_from(_NAMES + _OTHERS)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.dictionaries(_names, _values, max_size=5))
def test_whatever_is_asked_there_is_an_answer_or_an_issue(question: dict[str, Any]) -> None:
    terminology = Terminology(_KNOWN, [MAP, SENT_ON])
    for operation in (value_set_validate_code, code_system_validate_code, code_system_lookup, concept_map_translate):
        try:
            assert operation(terminology, question)["resourceType"] == "Parameters"
        except TerminologyError as error:
            assert error.issue.text("sv")
    try:
        assert value_set_expand(terminology, question, NOW)["resourceType"] == "ValueSet"
    except TerminologyError as error:
        assert error.issue.text("fi")
