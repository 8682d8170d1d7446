"""Without a model: JSON of any shape, keys are names, strings are strings."""

from decimal import Decimal
from typing import Any

import pytest

from service.fhir.path import Env, PathError, compile_test, compile_values, evaluate
from tests.fhir.path.suite import NOW

MEETING = {
    "kind": "meeting",
    "start": "2026-03-02T14:00:00+02:00",
    "participants": [
        {"name": "A", "roles": ["near-worker", "chair"], "present": True},
        {"name": "B", "roles": ["guardian"], "present": False, "_name": {"extension": [{"url": "u", "v": 1}]}},
        {"roles": [], "present": None},
    ],
    "cost": Decimal("1.50"),
    "matrix": [[1, 2], [3]],
    "resourceType": "Thing",
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("participants.name", ["A", "B"]),
        ("participants.roles", ["near-worker", "chair", "guardian"]),
        ("participants.where(present).name", ["A"]),
        ("participants.where(present = false).name", ["B"]),
        ("participants[1].roles", ["guardian"]),
        ("participants.where($index = 1).name", ["B"]),
        ("participants.select(name & '/' & roles.first())", ["A/near-worker", "B/guardian", "/"]),
        ("participants.name.extension('u').v", [1]),
        ("matrix", [1, 2, 3]),
        ("cost + 1", [Decimal("2.50")]),
        ("cost.toString()", ["1.50"]),
        ("nothing.at.all", []),
        ("Thing.kind", ["meeting"]),
        ("`kind`", ["meeting"]),
        ("start > @2026-03-02T11:59:00Z", [True]),
        ("start.toDateTime() + 1 hour", ["2026-03-02T15:00:00+02:00"]),
        ("start.substring(0, 10)", ["2026-03-02"]),
        ("(1 | 2).select($this + %extra)", [11, 12]),
        ("%many.count()", [2]),
        ("iif(kind = 'meeting', 'x', 1 / 'a')", ["x"]),
        ("now()", ["2026-11-21T22:30:15.250+02:00"]),
        ("today()", ["2026-11-21"]),
        ("timeOfDay()", ["22:30:15.250"]),
        ("kind.is(String) and cost is Decimal and matrix.first() is integer", [True]),
        ("$this is Thing", [True]),
    ],
)
def test_values(expression: str, values: list[Any]) -> None:
    env = Env(now=NOW, variables={"extra": 10, "many": ["a", "b"]})
    found = compile_values(expression)(MEETING, env)
    assert found == values
    assert [str(one) for one in found] == [str(one) for one in values]


def test_an_element_comes_out_as_it_stands() -> None:
    (found,) = compile_values("participants.first()")(MEETING)
    assert found is MEETING["participants"][0]  # type: ignore[index]


def test_a_list_can_be_the_focus() -> None:
    assert compile_values("name")([{"name": "a"}, {"name": "b"}]) == ["a", "b"]
    assert compile_values("$this.count()")([]) == [0]
    assert compile_values("$this")("text") == ["text"]


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("kind = 'meeting'", True),
        ("kind = 'other'", False),
        ("nothing = 'other'", False),
        ("nothing", False),
        ("kind", True),
        ("participants", True),
        ("participants.first().present", True),
        ("participants[1].present", False),
        ("{}", False),
        ("nothing and true", False),
        ("nothing or true", True),
        ("nothing.exists() implies nothing", True),
        ("(nothing = 1).empty()", True),
    ],
)
def test_a_condition_is_true_only_when_it_is(expression: str, answer: bool) -> None:
    assert compile_test(expression)(MEETING) is answer


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("participants.name = 'a' or participants", "singleton"),
        ("kind + 1", "operands"),
        ("kind > 1", "no-order"),
        ("1.startsWith('a')", "operand"),
        ("'a' & 1", "operand"),
        ("%unset", "unknown-variable"),
        ("now()", "no-clock"),
        ("kind.memberOf('x')", "no-hook"),
        ("kind.matches('(')", "pattern"),
        ("@2020-01-01 + 1 'a'", "no-duration"),
        ("iif('text', 1, 2)", "operand"),
        ("participants.single()", "singleton"),
        ("children().first()", "unordered"),
        ("(1 | 2).not()", "singleton"),
    ],
)
def test_what_cannot_be_evaluated_says_where(expression: str, key: str) -> None:
    with pytest.raises(PathError) as caught:
        evaluate(expression, MEETING)
    assert caught.value.issue.key == f"fhirpath.{key}"
    assert caught.value.issue.line == 1
    for language in ("fi", "sv", "en"):
        assert "…" not in caught.value.issue.text(language).replace("`years` … `milliseconds`", "").replace(
            "where(…)", ""
        )


def test_compiling_twice_gives_the_same_answer_and_changes_nothing() -> None:
    before = repr(MEETING)
    for _ in range(2):
        assert compile_values("participants.combine(participants).count()")(MEETING) == [6]
        assert compile_values("{} | 1 | 2")(MEETING) == [1, 2]
    assert repr(MEETING) == before
