"""Reading JSON: nothing is lost silently, whatever quotes and brackets stand in the texts."""

import json as plain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.json import JsonError, canonical, encode, parse, parse_canonical

TEXTS = st.text(alphabet='"\\{}[]:,u0a ä\n😀', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_every_value_comes_back(value: Any, ascii_only: bool) -> None:
    assert parse(plain.dumps(value, ensure_ascii=ascii_only)) == value
    assert parse(encode(value)) == value
    assert parse_canonical(encode(value)) == (value, canonical(value))


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), st.data())
def test_a_key_given_twice_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(value)))
    members = [f"{plain.dumps(key)}: {plain.dumps(inner)}" for key, inner in value.items()]
    members.insert(data.draw(st.integers(0, len(members))), f"{plain.dumps(name)}: {plain.dumps(data.draw(VALUES))}")
    text = '[{"before": 1}, {' + ", ".join(members) + "}]"
    for reads in (parse, parse_canonical):
        with pytest.raises(JsonError) as refused:
            reads(text)
        assert refused.value.issue.key == "json.duplicate-key"


@pytest.mark.parametrize("text", ['{"a": 1, "\\u0061": 2}', '{"\\"": 1, "\\u0022": 2}', '{"a": {"b": 1, "b": 1}}'])
def test_keys_are_compared_by_what_they_mean(text: str) -> None:
    with pytest.raises(JsonError) as refused:
        parse(text)
    assert refused.value.issue.key == "json.duplicate-key"


@pytest.mark.parametrize(("depth", "refused"), [(100, False), (101, True), (5_000, True), (200_000, True)])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_depth(depth: int, refused: bool, left: str, right: str) -> None:
    text = left * depth + "1" + right * depth
    if not refused:
        assert parse(text) is not None
        return
    with pytest.raises(JsonError) as error:
        parse(text)
    assert error.value.issue.key == "json.too-deep"


def test_brackets_in_texts_are_not_depth() -> None:
    value = {"a": "[{" * 200, "b": ["]" * 200]}
    assert parse(encode(value)) == value
    assert parse_canonical(encode(value)) == (value, canonical(value))
