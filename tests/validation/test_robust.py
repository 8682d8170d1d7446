"""Whatever comes in, issues come out."""

import copy
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.validation import PROFILES, bundle, care_plan
from service.fhir.definitions import core
from service.issues import Issue, outcome
from service.validation import Validator
from tests.validation.kit import plain

_NAMES = """
    resourceType id meta text contained extension modifierExtension url value valueString valueCoding _valueString
    identifier system code coding display reference type name given _given family period start end div status entry
    resource fullUrl request link item linkId answer question questionnaire activity detail subject concept data
"""
NAMES = st.sampled_from(_NAMES.split())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(
        (
            "Patient",
            "CarePlan",
            "Bundle",
            "#a",
            "#",
            "Patient/1",
            "2020",
            "2020-01-01",
            "urn:uuid:x",
            "http://a/Patient/1",
        )
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)
TYPES = st.sampled_from(
    ("Patient", "CarePlan", "Bundle", "Questionnaire", "QuestionnaireResponse", "Parameters", "Observation", "Consent")
)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def profiled() -> Validator:
    return Validator(core().with_resources(PROFILES))


@given(JSON, TYPES)
@QUIET
def test_any_json_is_judged(value: Any, type_name: str) -> None:
    resource = {**value, "resourceType": type_name} if isinstance(value, dict) else value
    found = plain().validate(resource)
    assert all(isinstance(one, Issue) for one in found)
    assert outcome(found)["issue"]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value but the top."""
    if isinstance(node, dict):
        return [one for key, inner in node.items() for one in ((*path, key), *places(inner, (*path, key)))]
    if isinstance(node, list):
        return [one for index, inner in enumerate(node) for one in ((*path, index), *places(inner, (*path, index)))]
    return []


def response() -> dict[str, Any]:
    """A response with its questionnaire in it."""
    options = [{"valueCoding": {"system": "urn:x:y", "code": "a"}}]
    asks = [
        {"linkId": "1", "type": "choice", "answerOption": options, "required": True},
        {
            "linkId": "2",
            "type": "group",
            "item": [{"linkId": "3", "type": "quantity"}, {"linkId": "4", "type": "string"}],
        },
    ]
    asks[1]["item"][0]["extension"] = [{"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 1}]
    asks[1]["item"][1]["enableWhen"] = [{"question": "1", "operator": "exists", "answerBoolean": True}]
    inner = [
        {"linkId": "3", "answer": [{"valueQuantity": {"value": 2}}]},
        {"linkId": "4", "answer": [{"valueString": "A"}]},
    ]
    return {
        "resourceType": "QuestionnaireResponse",
        "contained": [{"resourceType": "Questionnaire", "id": "q", "status": "active", "item": asks}],
        "questionnaire": "#q",
        "status": "completed",
        "item": [{"linkId": "1", "answer": [options[0]]}, {"linkId": "2", "item": inner}],
    }


def document() -> dict[str, Any]:
    """A document, and a contained resource in it."""
    head = {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "A"},
        "subject": {"reference": "Patient/p"},
        "date": "2026",
        "author": [{"reference": "#o"}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "A"}],
        "title": "A",
        "section": [{"title": "A", "entry": [{"reference": "Patient/p"}]}],
    }
    rows = [
        {"fullUrl": f"http://a.example/{one['resourceType']}/{one['id']}", "resource": one} for one in (head, PATIENT)
    ]
    identifier = {"system": "urn:x:y", "value": "1"}
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": identifier,
        "timestamp": "2026-01-01T00:00:00Z",
        "entry": rows,
    }


PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p"}


@given(st.data())
@QUIET
def test_a_good_resource_with_anything_in_it_is_judged(profiled: Validator, data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from((care_plan(1), bundle(), response(), document())))
    resource = copy.deepcopy(resource)
    *path, last = data.draw(st.sampled_from(places(resource)))
    node = resource
    for step in path:
        node = node[step]
    node[last] = data.draw(JSON)
    for one in profiled.validate(resource):
        assert one.text("fi") and one.text("sv") and one.pointer is not None


@given(st.binary(max_size=60))
@QUIET
def test_any_bytes_are_judged(text: bytes) -> None:
    assert plain().validate_text(text)


def test_deep_nesting_is_refused() -> None:
    deep = b'{"resourceType": "Patient", "extension": ' + b'[{"extension": ' * 3000 + b"1" + b"}]" * 3000 + b"}"
    assert [one.key for one in plain().validate_text(deep)] == ["json.too-deep"]


def test_the_benchmarks_resources_are_valid(profiled: Validator) -> None:
    assert profiled.validate(care_plan()) == []
    assert profiled.validate(bundle()) == []


def test_a_huge_text_takes_no_time() -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "A" * 900_000}], "id": "-" * 500_000}
    start = time.process_time()
    plain().validate(patient)
    assert time.process_time() - start < 2


def test_validating_changes_nothing(profiled: Validator) -> None:
    resource = bundle()
    before = copy.deepcopy(resource)
    profiled.validate(resource)
    assert resource == before
