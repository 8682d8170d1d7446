"""What the comparison with the official Java validator taught: one small resource a rule, with its verdict."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.fhir.definitions import ours
from service.validation import Options, Validator

CASES = [json.loads(line) for line in Path(__file__).with_name("cases_interop.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(ours())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_verdict_is_that_of_the_java_validator(case: dict[str, Any], validator: Validator) -> None:
    found = validator.validate(case["resource"], case["profiles"], options=Options(best_practice="ignore"))
    errors = [one.key for one in found if one.is_error]
    assert (not errors) == case["valid"], errors
    if case["rule"]:
        assert [one for one in errors if one.startswith(case["rule"])]
