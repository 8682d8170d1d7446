"""One application for all tests of this folder: everything is compiled once."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.app import create_app
from service.api.engine import Engine, load
from service.clock import HELSINKI
from service.config import load as settings
from tests.shared import ROOT

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=HELSINKI)
EXAMPLES = sorted((ROOT / "schemas" / "source" / "examples").glob("*.json"))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load(settings(max_body=2_000_000))


@pytest.fixture
def app(engine: Engine) -> Flask:
    return create_app(engine=engine, clock=lambda: NOON)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as one:
        yield one


@pytest.fixture(scope="session")
def example() -> bytes:
    return next(file for file in EXAMPLES if "shared-plan" in file.name).read_bytes()
