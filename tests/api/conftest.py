"""One application for all tests of this folder: everything is compiled once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.app import create_app
from service.api.engine import Engine, load
from service.clock import HELSINKI, Clock
from service.config import load as settings
from tests.shared import ROOT
from tests.store.conftest import postgresql, url

__all__ = ["postgresql", "url"]

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=HELSINKI)
EXAMPLES = sorted((ROOT / "schemas" / "source" / "examples").glob("*.json"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return load(settings(max_body=2_000_000, data=tmp_path_factory.mktemp("data")))


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[Flask]:
    """An application with an empty store of its own."""
    one = application(engine, tmp_path)
    yield one
    closed(one)


@pytest.fixture
def record(engine: Engine, tmp_path: Path, url: str) -> Iterator[FlaskClient]:
    """A caller of an application with an empty store, on SQLite and on PostgreSQL."""
    one = application(engine, tmp_path, database=url)
    with one.test_client() as made:
        yield made
    closed(one)


def application(engine: Engine, data: Path, clock: Clock = lambda: NOON, **changed: Any) -> Flask:
    """An application with its data in the folder `data` and these settings."""
    chosen = replace(engine.settings, data=data, **changed)
    return create_app(engine=replace(engine, settings=chosen), clock=clock)


def closed(app: Flask) -> None:
    for database in app.extensions["yhdessa-databases"]:
        database.close()


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as one:
        yield one


@pytest.fixture(scope="session")
def example() -> bytes:
    return next(file for file in EXAMPLES if "shared-plan" in file.name).read_bytes()
