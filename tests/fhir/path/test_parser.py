"""The syntax tree, its places, and what is refused with which hint."""

from decimal import Decimal

import pytest

from service.fhir.path import PathError, compile_test, parse
from service.fhir.path.ast import Binary, Call, Index, Literal, Member, Special, TypeTest, Unary, Variable, walk
from service.fhir.path.quantities import Quantity

AT = (1, 1)


def test_the_tree_shows_precedence() -> None:
    tree = parse("a.b and 1 + 2 * 3 = 7")
    assert tree == Binary(
        AT,
        "and",
        Member(AT, Member(AT, None, "a"), "b"),
        Binary(
            AT,
            "=",
            Binary(AT, "+", Literal(AT, 1), Binary(AT, "*", Literal(AT, 2), Literal(AT, 3))),
            Literal(AT, 7),
        ),
    )


def test_every_form_has_its_node() -> None:
    assert parse("$this") == Special(AT, "this")
    assert parse("%`vs-a`") == Variable(AT, "vs-a")
    assert parse("a[0]") == Index(AT, Member(AT, None, "a"), Literal(AT, 0))
    assert parse("-a") == Unary(AT, "-", Member(AT, None, "a"))
    assert parse("a is FHIR.code") == TypeTest(AT, "is", Member(AT, None, "a"), "FHIR", "code")
    assert parse("contains(in, `x y`)") == Call(AT, None, "contains", (Member(AT, None, "in"), Member(AT, None, "x y")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.50", Decimal("1.50")),
        ("true", True),
        (r"'a\'b\u00e4\n'", "a'bä\n"),
        (r"'\ud83d\ude00'", "😀"),
        ("4 days", Quantity(Decimal(4), "day", True)),
        ("1.5 'mg'", Quantity(Decimal("1.5"), "mg")),
    ],
)
def test_literals(text: str, value: object) -> None:
    node = parse(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert type(node.value) is type(value)
    assert str(node.value) == str(value)


def test_places_count_lines_and_columns() -> None:
    tree = parse("a\n  .where(b = 1)\n  /* skipped\n */ .exists()")
    places = {type(node).__name__ + getattr(node, "name", ""): node.place for node in walk(tree)}
    assert places["Callexists"] == (4, 6)
    assert places["Callwhere"] == (2, 4)
    assert places["Binary"] == (2, 12)


@pytest.mark.parametrize(
    ("text", "key", "line", "column"),
    [
        ("", "ends-early", 1, 1),
        ("a.", "ends-early", 1, 3),
        ("a b", "syntax", 1, 3),
        ("a.\n 1", "syntax", 2, 2),
        ("a = = b", "syntax", 1, 5),
        ("(a", "ends-early", 1, 3),
        ("a)", "syntax", 1, 2),
        ("'a", "unclosed", 1, 1),
        ("a or `b", "unclosed", 1, 6),
        ("1 /* x", "unclosed", 1, 3),
        (r"'\q'", "escape", 1, 1),
        ("@2015-02-30", "no-such-moment", 1, 1),
        ("@T25:00", "no-such-moment", 1, 1),
        ("@T10:00Z", "syntax", 1, 8),
        ("a # b", "syntax", 1, 3),
        ("and", "syntax", 1, 1),
        ("$that", "syntax", 1, 1),
        ("a.$this", "syntax", 1, 3),
        ("{1}", "syntax", 1, 2),
        ("a is 1", "syntax", 1, 6),
    ],
)
def test_wrong_text_is_refused_with_its_place(text: str, key: str, line: int, column: int) -> None:
    with pytest.raises(PathError) as caught:
        parse(text)
    issue = caught.value.issue
    assert (issue.key, issue.line, issue.column) == (f"fhirpath.{key}", line, column)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("name.exist()", "unknown-function", "`exists()`"),
        ("name.Where(true)", "unknown-function", "`where()`"),
        ("name.startWith('a')", "unknown-function", "`startsWith()`"),
        ("name.where()", "arity", "1 arguments, not 0"),
        ("'a'.substring(1, 2, 3)", "arity", "1–2 arguments, not 3"),
        ("name.ofType(1)", "type-expected", "name of a type"),
    ],
)
def test_wrong_calls_are_refused_when_compiled(text: str, key: str, says: str) -> None:
    with pytest.raises(PathError) as caught:
        compile_test(text)
    assert caught.value.issue.key == f"fhirpath.{key}"
    assert says in str(caught.value)
    assert caught.value.issue.line == 1
