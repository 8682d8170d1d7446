"""schemathesis: whatever is sent, within the description and a little outside of it, the answer is as described."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.api.engine import Engine
from service.api.openapi import description
from tests.api.conftest import NOON, application, closed


def _quick() -> dict[str, Any]:
    """The description with any object for a document: to make one up from its schema takes seconds, and the intake's
    own tests do it."""
    found = copy.deepcopy(description())
    content = found["paths"]["/documents"]["post"]["requestBody"]["content"]
    del content["application/x-ndjson"]  # schemathesis cannot write it.
    kinds = {"enum": ["meeting", "care-team", "shared-plan", "case", "nothing"]}
    content["application/json"]["schema"] = {"type": "object", "required": ["kind"], "properties": {"kind": kinds}}
    used = ("Resource", "Bundle", "Parameters", "OperationOutcome", "Readiness", "Summary", "Manifest", "ManifestFile")
    found["components"]["schemas"] = {name: found["components"]["schemas"][name] for name in used}
    return found


schema = schemathesis.openapi.from_dict(_quick())


@pytest.fixture(scope="module")
def wsgi(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    one = application(engine, tmp_path_factory.mktemp("described"), lambda: NOON)
    yield one
    closed(one)


@schema.parametrize()
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_face_is_as_described(case: schemathesis.Case, wsgi: Flask) -> None:
    # What fits the description may still name a code or a map that is not there: a 4xx is no failure of ours.
    case.call_and_validate(app=wsgi, excluded_checks=[positive_data_acceptance])
