"""The official FHIRPath suite for R4: 900 tests of values and 35 expressions that must be refused."""

import tomllib
from pathlib import Path

import pytest

from tests.fhir.path import suite
from tests.shared import shared

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcome() -> dict[str, tuple[bool, str | None]]:
    """Of each test: whether it must be refused, and our disagreement if there is one."""
    folder = shared("suites", "fhirpath")
    return {name: (bool(test["invalid"]), suite.disagreement(test, folder)) for name, test in suite.load(folder)}


def test_only_the_listed_tests_disagree(outcome: dict[str, tuple[bool, str | None]]) -> None:
    listed = tomllib.loads((HERE / "expected_differences.toml").read_text("utf-8"))
    assert all(row["reason"] for row in listed.values())
    found = {name: why for name, (_, why) in outcome.items() if why is not None}
    assert {name: why for name, why in found.items() if name not in listed} == {}, "new failures"
    assert [name for name in listed if name not in found] == [], "these pass now: take them off the list"


def test_the_bar_is_met(outcome: dict[str, tuple[bool, str | None]]) -> None:
    values = [why for refused, why in outcome.values() if not refused]
    refusals = [why for refused, why in outcome.values() if refused]
    assert (len(values), len(refusals)) == (900, 35)
    assert values.count(None) >= 863
    assert refusals.count(None) >= 30
