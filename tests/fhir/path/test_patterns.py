"""Regular expressions: the right answer, whatever the pattern, and no pattern hangs."""

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.fhir.path import PathError
from service.fhir.path.patterns import covers, found_in, replaced
from service.fhir.path.regex import Automaton

HOSTILE = "a" * 40 + "!"


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "^(a|a)*$",
        "(.*a){20}$",
        "(a|aa)+$",
        "([a-zA-Z]+)*$",
        "(a*)*b",
        "(x+x+)+y",
        "(a?){40}a{40}$",
        "a*a*a*a*a*b",
    ],
)
def test_explosive_patterns_are_answered_at_once(pattern: str) -> None:
    start = time.perf_counter()
    assert found_in(HOSTILE * 20, pattern) is (pattern == "([a-zA-Z]+)*$")
    assert covers(HOSTILE * 20, pattern) is False
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("pattern", ["(?=(a+)+$)b", r"(a+)+\1b", "((a{0,500}){0,500}){0,500}b", "(a{1,3000}){1,3000}$"])
def test_what_no_automaton_can_do_is_refused(pattern: str) -> None:
    with pytest.raises(PathError) as caught:
        found_in(HOSTILE * 20, pattern)
    assert caught.value.issue.key == "fhirpath.pattern-costly"


def test_replacing_with_an_explosive_pattern_is_refused() -> None:
    assert replaced("a-b", "(a)-(b)", r"$2\$$1") == "b$a"
    for pattern, substitution in (("(a+)+$", "x"), ("a", "$1"), ("a", "${name}"), ("(", "x")):
        with pytest.raises(PathError):
            replaced(HOSTILE, pattern, substitution)


def test_flavour() -> None:
    assert found_in("A\nB", "A.B")
    assert not found_in("ä٣", r"[\w\d]")
    assert covers("2026-01", r"(?<year>\d{4})-\d\d")
    assert covers("abab", r"(?<a>ab)\k<a>")
    assert found_in("ABC", "(?i)b") and not found_in("ABC", "b")
    assert found_in("A" * 30, "(?i)^(a+)+$")
    assert found_in("http://x", "^(?!urn:).*$") and not found_in("urn:x", "^(?!urn:).*$")
    assert covers("[&&--", r"[[&&\--]+") and not covers("b", "[a-z&&[^b]]")
    assert not covers("aa", "a*+a")


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "c"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}", "*?", "{0,}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
        st.tuples(st.sampled_from(["^", r"\b", r"\B", ""]), inner, st.sampled_from(["$", ""])).map("".join),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("abc1 \n", min_size=1, max_size=7))
@settings(max_examples=300, deadline=None)
def test_the_automaton_agrees_with_re(pattern: str, text: str) -> None:
    flags = re.DOTALL | re.ASCII
    try:
        ready = re.compile(pattern, flags)
    except re.error:
        assume(False)
    automaton = Automaton(pattern, flags)
    assert automaton.matches(text, False) is (ready.search(text) is not None)
    assert automaton.matches(text, True) is (ready.fullmatch(text) is not None)


@given(st.text("ab[](){}|*+?^$\\.-1,&~<>=!:Pikw", max_size=25), st.text("ab1 ", max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_pattern_is_answered_or_refused(pattern: str, text: str) -> None:
    for ask in (found_in, covers, lambda one, other: replaced(one, other, "$0")):
        try:
            assert ask(text, pattern) is not None
        except PathError as error:
            assert error.issue.key in ("fhirpath.pattern", "fhirpath.pattern-costly")
