"""A few rounds of `make faults`: processes are killed, and every plan is where it should be, once."""

import os

import pytest

from tests.faults.rounds import play
from tests.store import postgres


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_killed_loses_nothing_and_doubles_nothing(kind: str) -> None:
    if kind == "postgresql" and postgres.binaries() is None:
        reason = "no PostgreSQL server on this machine (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = play(kind, 4, seed=7)
    assert done["accepted"] >= 3 and done["disclosures"] >= 1
