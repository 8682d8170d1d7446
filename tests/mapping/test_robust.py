"""No text makes the parser or the compiler fail or hang: whatever comes, there is a map or an issue with a place."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir.definitions import core
from service.mapping import Shapes, compile_maps, parse_map
from tests.mapping.test_cases import CASES

TEXTS = [file.read_text("utf-8") for file in sorted(Path(CASES).glob("*/*.map"))]
WORDS = re.findall(
    r"\S+|\n",
    "group map uses alias as source target imports conceptmap prefix let for where check log default then share first "
    "extends types type a b src tgt { } ( ) << >> -> = == - . , ; : ' \" ` // /// /* */ %x $this 1 0..1 @2020 'x' \n",
)
MODEL = Shapes(core().structure)


def survives(text: str) -> None:
    found, issues = parse_map(text, "x.map")
    assert found is not None or issues
    for one in issues:
        assert one.where and one.text()
    if found is not None:
        compiled, more = compile_maps([found], [MODEL])
        assert compiled is not None or more
        if compiled is not None:
            result = compiled.run({"a": [1, {"b": "x"}], "name": [{"family": "F"}]})
            assert result.target is not None or result.issues


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
def test_random_words(text: str) -> None:
    survives(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    survives(text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_damaged_maps(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    survives(text[:start] + data.draw(st.sampled_from(["", "}", "{", "'", '"', ";", "(", " as ", "/*"])) + text[end:])


@pytest.mark.parametrize(
    "text",
    [
        "group A(source s, target t) {" + "s then {" * 5000 + "};" * 5000 + "}",
        "group A(source s, target t) { s -> t.a = " + "(" * 20000 + "1" + ")" * 20000 + "; }",
        "group A(source s, target t) { s -> t.a = (" + "-" * 50000 + "1); }",
        "group A(source s, target t) { s." + ".".join("a" * 20000) + " as x -> t.y = x; }",
        "group A(source s, target t) {" + "s -> t.a = 'x';" * 3000 + "}",
        "'" * 100_000,
        "/*" * 100_000,
        "{" * 100_000,
        "group A(source s, target t) { s as x where (" + "a and " * 5000 + "a) -> t.y = x; }",
        "\x00\ud800",
        "x" * 2_500_000,
        "group A(source s, target t) {" + "".join(f"s.a{i} as v{i}, " for i in range(2000)) + "s.b as c -> t.d = c; }",
    ],
    ids=range(12),
)
def test_hostile_maps_end_soon(text: str) -> None:
    start = time.perf_counter()
    survives(text)
    assert time.perf_counter() - start < 20
