"""A store on each database, a receiver double, and what a worker needs beside them."""

from collections.abc import Iterator

import pytest

from service.pipeline import Converter, default
from service.store import Store
from tests.deliver.double import double
from tests.deliver.world import World
from tests.store.conftest import postgresql, store, url

__all__ = ["postgresql", "store", "url"]


@pytest.fixture(scope="session")
def converter() -> Converter:
    return default(b"yhdessa-test-key-for-synthetic-data-only")


@pytest.fixture
def world(store: Store, converter: Converter) -> Iterator[World]:
    """Everything of one test; the receiver does as it should until its script says otherwise."""
    with double() as receiver:
        made = World(store, converter, receiver)
        store.clock = made.clock
        yield made
