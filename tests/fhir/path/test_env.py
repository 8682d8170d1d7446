"""What the caller gives: callbacks, variables, the clock, the trace."""

import datetime
from typing import Any

import pytest

from service.fhir.definitions import core
from service.fhir.path import Env, PathError, compile_test, compile_values, evaluate

MODEL = core().model
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "text": {"div": "<div>x</div>"},
    "code": {"coding": [{"system": "s", "code": "a"}]},
    "subject": {"reference": "Patient/1"},
    "extension": [{"url": "e", "valueCode": "c"}],
    "modifierExtension": [{"url": "m", "valueBoolean": True}],
}


def test_callbacks_are_asked_with_plain_json() -> None:
    asked: list[Any] = []

    def note(answer: Any) -> Any:
        def hook(*arguments: Any) -> Any:
            asked.append(arguments)
            return answer

        return hook

    env = Env(
        resolve=note({"resourceType": "Patient", "gender": "female"}),
        member_of=note(True),
        conforms_to=note(False),
        html_checks=note(True),
        subsumes=note(None),
        element_definition=note({"path": "Observation.code"}),
        slice=note(True),
    )
    table = {
        "subject.resolve().gender": [("code", "female")],
        "code.memberOf('vs')": [("boolean", True)],
        "conformsTo('p')": [("boolean", False)],
        "text.div.htmlChecks()": [("boolean", True)],
        "code.coding.subsumes(%resource.code.coding)": [],
        "code.elementDefinition().path": [("string", "Observation.code")],
        "extension.slice('p', 'n').url": [("uri", "e")],
    }
    for expression, answer in table.items():
        assert evaluate(expression, OBSERVATION, env=env, model=MODEL) == answer, expression
    coding = OBSERVATION["code"]["coding"][0]
    assert asked == [
        ("Patient/1",),
        ("vs", OBSERVATION["code"]),
        ("p", OBSERVATION),
        ("<div>x</div>",),
        (coding, coding),
        (OBSERVATION["code"],),
        ("p", "n", OBSERVATION["extension"][0]),
    ]


def test_a_profile_nobody_knows_is_an_error() -> None:
    with pytest.raises(PathError) as caught:
        evaluate("conformsTo('http://trash')", OBSERVATION, env=Env(conforms_to=lambda url, value: None), model=MODEL)
    assert caught.value.issue.key == "fhirpath.unknown-profile"


def test_an_unknown_modifier_stops_the_evaluation() -> None:
    assert evaluate("Observation.checkModifiers('m').status", OBSERVATION, model=MODEL) == []
    with pytest.raises(PathError, match="`m`"):
        evaluate("Observation.checkModifiers('other')", OBSERVATION, model=MODEL)


def test_resources_around_the_focus() -> None:
    patient = {"resourceType": "Patient", "id": "1", "active": True}
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": patient}]}
    env = Env(resource=OBSERVATION, root_resource=bundle)
    focus = OBSERVATION["subject"]
    values = compile_values(
        "%resource.code.coding.code | %rootResource.entry.fullUrl | %context.reference", model=MODEL
    )
    assert values(focus, env) == ["a", "urn:uuid:1", "Patient/1"]
    resolves = compile_test("resolve().active and resolve() is Patient", model=MODEL, context="Reference")
    assert resolves(focus, env)
    assert resolves({"reference": "urn:uuid:1"}, env)
    assert not resolves({"reference": "Patient/2"}, env)


def test_variables_given_win_and_may_be_lists_or_resources() -> None:
    env = Env(variables={"ucum": "other", "list": [1, 2], "who": {"resourceType": "Patient", "deceasedBoolean": True}})
    assert evaluate("%ucum", {}, env=env) == [("string", "other")]
    assert evaluate("%list.count()", {}, env=env) == [("integer", 2)]
    assert evaluate("%who.deceased", {}, env=env, model=MODEL) == [("boolean", True)]
    assert evaluate("%sct & %`ext-x`", {}) == [
        ("string", "http://snomed.info/scthttp://hl7.org/fhir/StructureDefinition/x")
    ]


def test_the_clock_is_the_callers() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    env = Env(now=datetime.datetime(2026, 10, 25, 0, 30, tzinfo=zone))
    assert evaluate("now() = @2026-10-24T22:30:00.000Z", {}, env=env) == [("boolean", True)]
    assert evaluate("today()", {}, env=env) == [("date", "2026-10-25")]
    with pytest.raises(PathError, match="present time"):
        evaluate("today()", {})


def test_trace_sees_and_changes_nothing() -> None:
    seen: list[Any] = []
    env = Env(trace=lambda name, values: seen.append((name, values)))
    assert evaluate("a.trace('all').trace('one', b).count()", {"a": [{"b": 1}, {"b": 2}]}, env=env) == [("integer", 2)]
    assert seen == [("all", [{"b": 1}, {"b": 2}]), ("one", [1, 2])]
    assert evaluate("a.trace('x')", {"a": 1}) == [("integer", 1)]


def test_what_no_turn_of_a_loop_changes_is_evaluated_once() -> None:
    seen: list[str] = []
    env = Env(resource={"a": [1, 2, 3]}, trace=lambda name, values: seen.append(name))
    values = compile_values("(1 | 2 | 4).where($this in %resource.a.trace('once')).select($this + %resource.a.count())")
    assert values({}, env) == [4, 5]
    assert values({}, env) == [4, 5]
    assert seen == ["once", "once"]
    assert evaluate("(1 | 2).select(%resource.a.trace('own').count() + $this)", {}, env=env)[1] == ("integer", 5)
    assert evaluate("a.select(b.trace('each'))", {"a": [{"b": 1}, {"b": 2}]}, env=env) == [
        ("integer", 1),
        ("integer", 2),
    ]
    assert seen[2:] == ["own", "each", "each"]
