"""Invariants of the definitions, native ones beside their FHIRPath. https://hl7.org/fhir/R4/fhirpath.html"""

from typing import Any

import pytest

from service.fhir.definitions import core
from service.fhir.path import Env, PathError, compile_test
from service.validation.entries import Index
from service.validation.keys import by_keys
from service.validation.natives import NATIVES
from service.validation.run import Options, Run
from tests.validation.kit import ROOT, TEXT, judge, kinds, profile

PLAN = {
    "resourceType": "CarePlan",
    "text": TEXT,
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/1"},
}
GOAL = {"resourceType": "Goal", "id": "g"}
SAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("Period", {"start": "2026-01-01", "end": "2026-01-02"}),
    ("Period", {"start": "2026-01-02", "end": "2026-01-01"}),
    ("Period", {"start": "2026-01-01"}),
    ("Period", {"start": "2026-01-01T10:00:00+02:00", "end": "2026-01-01T09:00:00+02:00"}),
    ("Period", {"start": "2026-01-01T10:00:00+02:00", "end": "2026-01-01T09:00:00Z"}),
    ("Period", {"start": "2026-01-01T10:00:00.5Z", "end": "2026-01-01T10:00:00.25Z"}),
    ("Period", {"start": "2026", "end": "2026-05"}),
    ("Quantity", {"value": 1, "code": "mg"}),
    ("Quantity", {"value": 1, "code": "mg", "system": "http://unitsofmeasure.org"}),
    ("Quantity", {"value": 1, "comparator": "<"}),
    ("ContactPoint", {"value": "1"}),
    ("ContactPoint", {"value": "1", "system": "phone"}),
    ("ContactPoint", {"_value": {"id": "a"}}),
    ("Attachment", {"data": "AAAA"}),
    ("Attachment", {"data": "AAAA", "contentType": "text/plain"}),
    ("Extension", {"url": "a", "valueString": "b"}),
    ("Extension", {"url": "a"}),
    ("Extension", {"url": "a", "valueString": "b", "extension": [{"url": "c", "valueString": "d"}]}),
    ("Extension", {"url": "a", "_valueString": {"id": "b"}}),
    ("CarePlan.activity", {"detail": {"status": "unknown"}, "reference": {"reference": "Task/1"}}),
    ("CarePlan.activity", {"detail": {"status": "unknown"}}),
    ("CarePlan", PLAN),
    ("CarePlan", {**PLAN, "contained": [GOAL]}),
    ("CarePlan", {**PLAN, "contained": [GOAL], "goal": [{"reference": "#g"}]}),
    ("CarePlan", {**PLAN, "contained": [{**GOAL, "subject": {"reference": "#"}}]}),
    ("CarePlan", {**PLAN, "contained": [{**GOAL, "contained": [GOAL]}], "goal": [{"reference": "#g"}]}),
    ("CarePlan", {**PLAN, "contained": [{**GOAL, "meta": {"versionId": "1"}}], "goal": [{"reference": "#g"}]}),
    ("CarePlan", {**PLAN, "contained": [{**GOAL, "meta": {"security": [{"code": "R"}]}}]}),
    ("CarePlan", {key: value for key, value in PLAN.items() if key != "text"}),
    ("Bundle", {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:a:1", "resource": PLAN}]}),
    (
        "Bundle",
        {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:a:1", "resource": PLAN}] * 2},
    ),
    ("Bundle", {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": PLAN}]}),
    (
        "Bundle",
        {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Patient"}}]},
    ),
    ("Bundle", {"resourceType": "Bundle", "type": "batch-response", "entry": [{"response": {"status": "200"}}]}),
    ("Bundle", {"resourceType": "Bundle", "type": "collection", "entry": [{"response": {"status": "200"}}]}),
]


def constraints(type_name: str) -> list[str]:
    """The expressions of a type that have a native form."""
    structure = core().structure(type_name.partition(".")[0])
    assert structure is not None
    element = next(one for one in structure["snapshot"]["element"] if one["path"] == type_name)
    return [one["expression"] for one in element.get("constraint", ()) if one.get("expression") in NATIVES]


@pytest.mark.parametrize(("type_name", "value"), SAMPLES)
def test_a_native_invariant_says_what_its_fhirpath_says(type_name: str, value: dict[str, Any]) -> None:
    run = Run(Options(), value)
    run.resource = run.root = value
    if type_name == "Bundle":
        run.bundle = Index(value)
    expressions = constraints(type_name)
    assert expressions
    for expression in expressions:
        answer = NATIVES[expression](value, run)
        test = compile_test(expression, model=core().model, context=type_name)
        if answer is not None and "fullUrl.contains" not in expression:
            assert answer == test(value, Env(resource=value)), expression


EXISTENCE = [
    "patient.exists() or status = 'x'",
    "Consent.patient.empty() or status = 'active'",
    "patient.exists() implies status = 'x'",
    "patient.empty() implies status = 'x' or status = 'y'",
    "source.exists() implies status = 'x'",
    "source.empty() or status = 'active'",
]


@pytest.mark.parametrize("expression", EXISTENCE)
@pytest.mark.parametrize("more", [{}, {"patient": {"reference": "Patient/1"}}, {"sourceReference": {"display": "A"}}])
def test_what_keys_tell_is_what_the_fhirpath_says(expression: str, more: dict[str, Any]) -> None:
    told = by_keys(expression, "Consent", core().model)
    assert told is not None
    for status in ("x", "active"):
        value = {"resourceType": "Consent", "status": status, **more}
        answer = told(frozenset(value))
        assert answer in (
            None,
            compile_test(expression, model=core().model, context="Consent")(value, Env(resource=value)),
        )
    assert {told(frozenset()), told(frozenset(("patient", "sourceReference")))} == {None, True}


@pytest.mark.parametrize(
    "expression",
    [
        "patient.exists() and status = 'x'",
        "patient.exists() or status = 'x' implies source.exists()",
        "patient.reference.exists() or status = 'x'",
        "nothing.exists() or status = 'x'",
        "status = 'x'",
    ],
)
def test_of_other_invariants_keys_tell_nothing(expression: str) -> None:
    assert by_keys(expression, "Consent", core().model) is None


def test_every_native_invariant_is_one_of_r4() -> None:
    known = {
        one.get("expression")
        for row in core().rows("StructureDefinition")
        for element in (core().structure(row.url) or {"snapshot": {"element": []}})["snapshot"]["element"]
        for one in element.get("constraint", ())
    }
    assert set(NATIVES) <= known


def test_a_constraint_of_a_profile() -> None:
    rule = {"key": "y-1", "severity": "error", "human": "A plan has a title.", "expression": "title.exists()"}
    mine = profile("titled", "CarePlan", {"id": "CarePlan", "constraint": [rule]})
    found = judge(PLAN, mine)
    assert [(one.constraint, one.profile, one.pointer) for one in found] == [("y-1", ROOT + "titled", "")]
    assert "A plan has a title." in found[0].text()
    assert judge({**PLAN, "title": "A"}, mine) == []


def test_a_warning_stays_a_warning() -> None:
    rule = {"key": "y-2", "severity": "warning", "human": "A note helps.", "expression": "note.exists()"}
    found = judge(PLAN, profile("noted", "CarePlan", {"id": "CarePlan", "constraint": [rule]}))
    assert [(one.constraint, one.severity) for one in found] == [("y-2", "warning")]


def test_an_expression_that_cannot_be_compiled_is_no_fault_of_the_data() -> None:
    rule = {"key": "y-3", "severity": "error", "human": "Broken.", "expression": "title.nosuch("}
    with pytest.raises(PathError):
        compile_test(rule["expression"])
    assert judge(PLAN, profile("broken", "CarePlan", {"id": "CarePlan", "constraint": [rule]})) == []


def test_resolve_and_member_of_reach_the_document() -> None:
    rules = [
        {"key": "y-4", "severity": "error", "human": "A", "expression": "goal.resolve().description.exists()"},
        {
            "key": "y-5",
            "severity": "error",
            "human": "B",
            "expression": "status.memberOf('http://hl7.org/fhir/ValueSet/request-status')",
        },
        {"key": "y-6", "severity": "error", "human": "C", "expression": f"conformsTo('{ROOT}other')"},
    ]
    mine = profile("reaching", "CarePlan", {"id": "CarePlan", "constraint": rules})
    other = profile("other", "CarePlan", {"id": "CarePlan.title", "min": 1})
    plan = {
        **PLAN,
        "title": "A",
        "contained": [{**GOAL, "lifecycleStatus": "active", "subject": {"reference": "Patient/1"}}],
    }
    plan["contained"][0]["description"] = {"text": "A"}
    plan["goal"] = [{"reference": "#g"}]
    assert judge(plan, mine, other) == []
    del plan["contained"][0]["description"], plan["title"]
    assert {"y-4", "y-6"} <= set(kinds(judge(plan, mine, other)))
