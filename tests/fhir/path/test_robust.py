"""Whatever the text and whatever the data: an answer or a `PathError`, and soon."""

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir.definitions import core
from service.fhir.path import PathError, compile_test, evaluate, parse
from service.fhir.path.functions import REGISTRY
from tests.fhir.path.suite import NOW, Env

ENV = Env(now=NOW, html_checks=lambda text: True, member_of=lambda url, value: None)
WORDS = [
    *("name", "given", "family", "birthDate", "active", "contact", "extension", "id", "Patient", "value", "text"),
    *("$this", "$index", "$total", "%resource", "%context", "%ucum", "%nothing", "{}", "true", "false", "`div`"),
    *("1", "0", "-7", "2.50", "1e5", "99999999999999999999", "'a'", "'2020-01-01'", "''", "'(a+)+$'", "'5 days'"),
    *("@2015", "@2015-02", "@2015-02-28", "@2015T", "@2015-02-28T10:30:00.123+02:00", "@T10:30", "@9999-12-31"),
    *("4 days", "1 'mg'", "10 '[lb_av]'", "3 months", "1 'Cel'", "2 '10*9/L'", "Quantity", "System.String", "code"),
    *("+", "-", "*", "/", "div", "mod", "&", "|", "=", "!=", "~", "!~", "<", "<=", ">", ">=", "in", "contains"),
    *("and", "or", "xor", "implies", "is", "as", ".", ".", ".", ",", "(", ")", "(", ")", "[", "]", "// x", "/* y */"),
    *(f"{name}(" for name in REGISTRY),
    *(f".{name}()" for name in REGISTRY),
]
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.just(Decimal("1e99999"))
KEYS = st.sampled_from(["name", "given", "family", "_family", "_given", "birthDate", "extension", "active", "contact"])
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def attempt(expression: str, value: Any, *, typed: bool, strict: bool) -> None:
    try:
        evaluate(expression, value, env=ENV, model=core().model if typed else None, strict=strict)
    except PathError as error:
        assert error.issue.key.startswith("fhirpath.")
        assert error.issue.text("fi") and "{" not in error.issue.text("sv").replace("`{`", "").replace("{}", "")


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(expression: str) -> None:
    try:
        parse(expression)
    except PathError as error:
        assert error.issue.line is not None or error.issue.key == "fhirpath.too-long"


PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1974-12-25",
    "name": [{"given": ["A", "B"], "family": "C", "_family": {"extension": [{"url": "u", "valueCode": "x"}]}}],
    "contact": [{"name": {"text": "D"}}],
}


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_words_give_an_answer_or_an_error(words: list[str], typed: bool, strict: bool) -> None:
    attempt(" ".join(words), PATIENT, typed=typed, strict=strict)


ARGUMENTS = [
    "",
    "1",
    "'a'",
    "$this",
    "{}",
    "true",
    "name",
    "4 days",
    "'a', 'b'",
    "1, 2",
    "@2015",
    "Patient",
    "$index > 0",
]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_function_bears_every_kind_of_input(name: str) -> None:
    inputs = ["", "name.", "name.given.", "birthDate.", "{}.", "1.5.", "(1|2).", "'x'.", "1 'mg'.", "@2015.", "true."]
    for before in inputs:
        for arguments in ARGUMENTS:
            attempt(f"{before}{name}({arguments})", PATIENT, typed=True, strict=False)
            attempt(f"{before}{name}({arguments})", PATIENT, typed=False, strict=True)


@given(
    JSON, st.sampled_from(["name.given", "name.family", "descendants()", "name.extension('u')", "birthDate > today()"])
)
@settings(max_examples=200, deadline=None)
def test_any_json_can_be_asked(value: Any, expression: str) -> None:
    attempt(expression, value, typed=False, strict=True)
    document = {**(value if isinstance(value, dict) else {"name": value}), "resourceType": "Patient"}
    attempt(expression, document, typed=True, strict=True)
    attempt(f"{expression} = {expression} or {expression} ~ {expression}", document, typed=True, strict=False)
    test = compile_test("name.exists() implies name.all(family.exists() or given.hasValue())", model=core().model)
    test(document, ENV)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "a" + ".a" * 5000,
        "-" * 5000 + "1",
        "1" + "-1" * 5000,
        "a" + "[0]" * 5000,
        "not(" * 5000 + ")" * 5000,
        "iif(true, " * 5000 + "1",
        "1 is " * 5000,
        "{" * 5000,
        "1" + " = 1" * 5000,
        "a(" * 90 + ")" * 90,
        "'" * 99_999,
        "@" * 10_000,
        "x" * 200_000,
    ],
    ids=lambda text: text[:8],
)
def test_depth_and_length_are_refused_not_suffered(expression: str) -> None:
    with pytest.raises(PathError):
        evaluate(expression, PATIENT)


def test_a_long_flat_list_is_no_depth() -> None:
    codes = " | ".join(f"'c{number}'" for number in range(3000))
    assert evaluate(f"'c2999' in ({codes})", {}) == [("boolean", True)]
    assert evaluate(" or ".join(["a = 'x'"] * 3000), {"a": "y"}) == [("boolean", False)]


@pytest.mark.parametrize(
    "expression",
    [
        "repeat($this & 'a')",
        "(1|2|3|4|5|6|7|8|9|10).aggregate($total | $this) .repeat($this + 1)",
        "('a'|'b').select(1 | 2).repeatAll($this.combine($this))",
        "'a'.repeatAll($this | 'b').count()",
    ],
)
def test_growth_without_end_is_stopped(expression: str) -> None:
    with pytest.raises(PathError):
        evaluate(expression, "a")


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "9" * 5000])
@pytest.mark.parametrize(
    "operation",
    [
        *("+ 1", "* 2.5", "/ 3", "div 2", "mod 7", "= 1.5", "~ 1.5", "> 2", ".round(2)", ".floor()", ".toString()"),
        *(".exp()", ".power(2.5)", ".toInteger()", ".sqrt()", ".lowBoundary()", ".toQuantity() + 1 's'", ".ln()"),
    ],
)
def test_numbers_of_any_size_are_cheap(number: str, operation: str) -> None:
    value = int(number) if number.isdigit() and len(number) < 4000 else Decimal(number)
    attempt(f"n {operation}" if operation[0] != "." else f"n{operation}", {"n": value}, typed=False, strict=True)


@pytest.mark.parametrize(
    "expression",
    [
        "a.where($this in %resource.a).count()",
        "a.where(%resource.a contains $this).count()",
        "a.intersect(a).distinct().count()",
        "iif(a ~ a.select($this), a.count(), 0)",
    ],
)
def test_long_collections_take_linear_time(expression: str) -> None:
    document = {"a": [f"text {number}" for number in range(5000)]}
    start = time.perf_counter()
    assert evaluate(expression, document) == [("integer", 5000)]
    assert time.perf_counter() - start < 2  # a quadratic way takes ten
