"""Bodies that are too deep, too long, too wrong or no documents at all give an issue, never an exception."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir import json
from service.intake import check, recognise

from . import examples

PLAN = examples.valid()["aika-shared-plan-measures-abc"]


def _deep(levels: int) -> dict[str, Any]:
    document = copy.deepcopy(PLAN)
    item = document["plan"]["assessments"][0]["items"][0]
    for _ in range(levels):
        item["items"] = [{"linkId": "1"}]
        item = item["items"][0]
    return document


@pytest.mark.parametrize("levels", [100, 200, 5000])
def test_deep_nesting_is_refused_by_the_reader(levels: int) -> None:
    text = b'{"kind":"meeting","x":' + b"[" * levels + b"]" * levels + b"}"
    with pytest.raises(json.JsonError) as error:
        json.parse(text)
    assert error.value.issue.key == "json.too-deep"


def test_what_the_reader_lets_through_is_not_too_deep() -> None:
    document = json.parse(json.encode(_deep(45)))
    assert not [one for one in check(document) if one.is_error]


def test_deeper_than_the_reader_allows() -> None:
    assert [one.key for one in check(_deep(2000)) if one.is_error] == ["intake.too-deep"]


def test_fifty_megabytes_are_refused() -> None:
    with pytest.raises(json.JsonError) as error:
        json.parse(b'{"kind":"' + b"x" * json.MAX_BYTES + b'"}')
    assert error.value.issue.key == "json.too-long"


@pytest.mark.parametrize("value", [None, 1, "x", [], [{}], True])
def test_no_object(value: Any) -> None:
    assert recognise(value) is None
    assert [one.key for one in check(value)] == ["intake.not-an-object"]


@pytest.mark.parametrize("kind", [1, None, [], {}, "Meeting"])
def test_no_kind(kind: Any) -> None:
    assert [one.key for one in check({"kind": kind})] == ["intake.kind-unknown"]


def test_many_problems_are_cut() -> None:
    document = copy.deepcopy(PLAN)
    document["plan"]["measures"] = [{"id": f"m{number}", "wrong": number} for number in range(500)]
    found = check(document)
    assert len(found) == 101
    assert found[-1].key == "intake.more-problems"
    assert found[0].pointer == "/plan/measures/0/environment"


def test_too_many_and_odd_forms() -> None:
    document = copy.deepcopy(PLAN)
    document["plan"]["assessments"][0]["items"][0]["answers"][0] = {"valueDecimal": 10**13}
    document["source"]["system"] = "x:" + "y" * 500
    assert [(one.key, one.pointer) for one in check(document)] == [
        ("intake.too-big", "/plan/assessments/0/items/0/answers/0/valueDecimal"),
        ("intake.too-long", "/source/system"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["300619B9358", "2025-10-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.data(), JSON)
def test_anything_anywhere_is_an_issue_and_no_exception(data: st.DataObject, wrong: Any) -> None:
    name = data.draw(st.sampled_from(sorted(examples.valid())))
    document = copy.deepcopy(examples.valid()[name])
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.integers(0, 5)) == 0:
            break
        place = place[key]
    if data.draw(st.booleans()):
        place[key] = wrong
    else:
        del place[key]
    for one in check(document):
        for language in ("fi", "sv", "en"):
            assert "300619B9358" not in one.text(language)
