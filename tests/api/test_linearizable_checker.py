"""The check of histories finds what it is there to find."""

import math
from dataclasses import replace

import pytest

from tests.api.linearizable import Call, problems

# Written "a", then over it "b"; deleted; made anew as "c" by a call that got no answer.
HISTORY = {"r": [(1, "a"), (2, "b"), (3, None), (4, "c")]}
A = Call(1, "write", "r", 1.0, 2.0, 201, "a", 1, fresh=True)
READ = Call(2, "read", "r", 2.5, 3.5, 200, "a", 1)
B = Call(2, "write", "r", 3.0, 4.0, 200, "b", 2, match=1)
STALE = Call(3, "write", "r", 5.0, 6.0, 412, "x", match=1)
GONE = Call(1, "delete", "r", 6.0, 7.0, 204, version=3)
MISSING = Call(3, "read", "r", 7.5, 7.6, 410, version=3)
AGAIN = Call(1, "delete", "r", 7.7, 7.8, 204)
C = Call(4, "write", "r", 8.0, math.inf, 0, "c")
LATE = Call(3, "read", "r", 9.0, 9.5, 200, "c", 4)
GOOD = [A, READ, B, STALE, GONE, MISSING, AGAIN, C, LATE]


def test_what_can_have_been() -> None:
    assert problems(GOOD, HISTORY) == []
    assert problems([replace(READ, start=0.0, end=0.5, status=404, value=None, version=None), *GOOD], HISTORY) == []
    assert problems([replace(READ, start=8.1, end=9.4), *GOOD][1:], HISTORY) == []
    assert problems([], {"r": []}) == []


@pytest.mark.parametrize(
    ("changed", "history", "said"),
    [
        ({}, [(1, "a"), (3, "b")], "gaps"),
        ({}, [(1, "a"), (2, "b"), (3, None)], "no such version"),
        ({}, [(1, "a"), (2, "x"), (3, None), (4, "c")], "acknowledged write is lost"),
        ({}, [(1, "a"), (2, "b"), (3, None), (4, "y")], "written by nobody"),
        ({}, [(1, "a"), (2, "b"), (3, None), (4, "a")], "written 2 times"),
        ({C: replace(C, kind="delete", value=None)}, None, "written by nobody"),
        ({C: replace(C, match=1)}, None, "written by nobody"),
        ({GONE: replace(GONE, match=1)}, None, "update is lost"),
        ({B: replace(B, match=None, fresh=True)}, None, "went over"),
        ({READ: replace(READ, value="b")}, None, "never there"),
        ({READ: replace(READ, start=4.5, end=4.6)}, None, "out of order"),
        ({READ: replace(READ, start=0.1, end=0.2)}, None, "out of order"),
        ({B: replace(B, start=0.1, end=0.9)}, None, "out of order"),
        ({STALE: replace(STALE, start=2.1, end=2.2)}, None, "cannot be"),
        ({STALE: replace(STALE, fresh=True, match=None, start=7.5, end=7.9)}, None, "cannot be"),
        ({MISSING: replace(MISSING, status=404, version=None)}, None, "cannot be"),
        ({AGAIN: replace(AGAIN, start=5.1, end=5.2)}, None, "cannot be"),
    ],
)
def test_what_cannot(changed: dict[Call, Call], history: list[tuple[int, str | None]] | None, said: str) -> None:
    found = problems([changed.get(one, one) for one in GOOD], {"r": history or HISTORY["r"]})
    assert any(said in one for one in found), found


def test_half_a_transaction() -> None:
    parts = [Call(1, "write", key, 1.0, math.inf, 0, "v", whole="t") for key in ("p", "q")]
    assert problems(parts, {"p": [(1, "v")], "q": [(1, "v")]}) == []
    assert problems(parts, {"p": [], "q": []}) == []
    assert problems(parts, {"p": [(1, "v")], "q": []}) == ["the transaction t was done in part"]
