"""Inputs that were found by fuzzing, or are made to hurt, again: nothing but the documented errors, and soon."""

from pathlib import Path

import pytest

from tests.fuzz.growing.base import MOST_PER_DOUBLING, ratio
from tests.fuzz.growth import ROWS
from tests.fuzz.hostile import INPUTS
from tests.fuzz.kit import CORPUS, TARGETS, target, timed

FILES = sorted(file for file in CORPUS.glob("*/*") if file.is_file())
MADE = [(name, case) for name, cases in INPUTS.items() for case in cases]
# These ways of growing were quadratic or worse once.
MENDED = (
    "json: an open quote with escapes",
    "json: pointers with a long key",
    "fml: constants of constants",
    "fml: an open quote with escapes",
    "fml: words on one line",
    "validate: options and answers",
    "validate: references in a Bundle",
    "package: slices",
)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What is compiled once is compiled before time is taken."""
    for name in TARGETS:
        one = target(name)
        for data in one.seeds()[:40]:
            one.once(data)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_found_before(file: Path) -> None:
    timed(target(file.parent.name).once, file.read_bytes())


@pytest.mark.parametrize(("name", "case"), MADE, ids=lambda part: str(part))
def test_made_to_hurt(name: str, case: str) -> None:
    timed(target(name).once, INPUTS[name][case])


def test_the_corpus_is_there() -> None:
    assert FILES
    assert {file.parent.name for file in FILES} | set(INPUTS) == set(TARGETS)


@pytest.mark.parametrize("name", MENDED)
def test_what_once_exploded_grows_with_its_size(name: str) -> None:
    (row,) = [one for one in ROWS if one.name == name]
    _, grew = ratio(row)
    # Quadratic is four; a busy machine may disturb a little.
    assert grew < MOST_PER_DOUBLING + 0.6
