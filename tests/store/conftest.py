"""One store for each test, on SQLite and on PostgreSQL."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.clock import HELSINKI
from service.fhir.definitions import core
from service.store import Author, Store, open_store, schema
from service.store.engine import Database, database_url
from tests.store import postgres

BASE = "https://yhdessa.example/fhir/"
OURS = Author("tests", "2.999.10.10.1")
THEIRS = Author("others", "2.999.10.10.2")


class Ticking:
    """A clock in Helsinki that moves a second on each time it is read."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 28, 12, 0, tzinfo=HELSINKI)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The server of this run; skips where none is installed, and fails in CI."""
    found = postgres.binaries()
    if found is None:
        reason = "no PostgreSQL server on this machine (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with postgres.server(found) as where:
        yield where


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database with all tables."""
    if request.param == "sqlite":
        yield _upgraded(database_url(None, tmp_path).render_as_string(hide_password=False))
        return
    where = request.getfixturevalue("postgresql")
    made = postgres.new_database(where)
    yield _upgraded(made)
    postgres.drop_database(where, made)


def _upgraded(made: str) -> str:
    database = Database(made)
    schema.upgrade(database)
    database.close()
    return made


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    one = open_store(url, tmp_path, core(), clock=Ticking(), base_urls=(BASE,), pool=20)
    yield one
    one.close()
