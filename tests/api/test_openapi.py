"""schemathesis: whatever is sent within the description, and a little outside of it, the answer is as described."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.api.openapi import description
from tests.api.conftest import NOON

schema = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def wsgi(engine: object) -> Flask:
    from service.api.app import create_app

    return create_app(engine=engine, clock=lambda: NOON)  # type: ignore[arg-type]


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_face_is_as_described(case: schemathesis.Case, wsgi: Flask) -> None:
    # What fits the description may still name a code or a map that is not there: a 4xx is no failure of ours.
    case.call_and_validate(app=wsgi, excluded_checks=[positive_data_acceptance])
