"""For the tests of bulk export: a store on SQLite and on PostgreSQL with a clock that is moved, and an application."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from service.api.engine import Engine
from service.fhir.definitions import core
from service.store import Store, open_store
from tests.api.conftest import application, closed, engine
from tests.export.backend import BASE, Clock
from tests.store.conftest import postgresql, url

__all__ = ["engine", "postgresql", "url"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(url: str, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """An empty store."""
    one = open_store(url, tmp_path, core(), clock=clock, base_urls=(BASE,), pool=20)
    yield one
    one.close()


@pytest.fixture
def face(engine: Engine, tmp_path: Path, url: str, clock: Clock) -> Iterator[Flask]:
    """An application over an empty store, which runs exports only when it is told to."""
    one = application(engine, tmp_path, clock, database=url)
    yield one
    closed(one)
