"""The cost of a search does not grow with the store: what the database says it will do, and how long it then takes."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from service.store import EVERYTHING, Store, Visibility, raw, shapes, source
from service.store.records import Change
from service.store.resources import apply, current, prepare
from tests.store.conftest import OURS

MANY = 5000
# A total is counted up to a thousand, which of so few rows is a good part: then reading all of them is the best plan.
PAGE = [("_count", "10"), ("_total", "none")]
QUERIES: list[tuple[str, list[tuple[str, str]], Visibility]] = [
    ("Patient", [("identifier", "urn:s|7")], EVERYTHING),
    ("Patient", [("family", "family7x")], EVERYTHING),
    ("Patient", [("_id", "p7")], EVERYTHING),
    ("Patient", [("active", "true"), *PAGE], EVERYTHING),
    ("Patient", [("active", "true"), *PAGE], source(OURS.organisation)),
    ("Patient", [("birthdate", "2018-03-15"), ("active", "true"), *PAGE], EVERYTHING),
    ("CarePlan", [("subject", "Patient/p7")], EVERYTHING),
    ("CarePlan", [("patient.identifier", "urn:s|7"), ("status", "active")], EVERYTHING),
    ("CarePlan", [("status", "active"), ("_include", "CarePlan:subject"), *PAGE], EVERYTHING),
    ("Patient", [("_has:CarePlan:patient:_id", "c7")], EVERYTHING),
    ("Patient", [*PAGE, ("_sort", "-_lastUpdated")], EVERYTHING),
]


def fill(store: Store, many: int) -> None:
    changes = []
    for number in range(many):
        patient = {
            "resourceType": "Patient",
            "id": f"p{number}",
            "active": True,
            "identifier": [{"system": "urn:s", "value": str(number)}],
            "name": [{"family": f"Family{number}x"}],
            "birthDate": f"{1950 + number % 70}-03-{1 + number % 28:02d}",
        }
        plan = {
            "resourceType": "CarePlan",
            "id": f"c{number}",
            "status": "active",
            "subject": {"reference": f"Patient/p{number}"},
        }
        changes += [Change(one["resourceType"], one["id"], "PUT", one) for one in (patient, plan)]  # type: ignore[arg-type]
    prepared = [prepare(one, store.parameters) for one in changes]

    def work(connection: Connection) -> None:
        for start in range(0, len(prepared), 500):
            some = prepared[start : start + 500]
            apply(connection, some, current(connection, [one.change.key for one in some]), OURS, start * 1000)

    store.database.write(work)
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def statements(store: Store, type_name: str, query: list[tuple[str, str]], who: Visibility) -> list[tuple[str, Any]]:
    """Every SELECT that the search sends, with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(statement: str, parameters: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    def through_the_library(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: Any) -> None:
        note(statement, parameters)

    def past_it(connection: Connection, statement: str, values: Sequence[Any], **options: Any) -> list[raw.Row]:
        note(statement, tuple(values))
        return run(connection, statement, values, **options)

    run = raw.run
    event.listen(store.database.engine, "before_cursor_execute", through_the_library)
    try:
        with pytest.MonkeyPatch.context() as patched:
            for module in (raw, shapes):
                patched.setattr(module, "run", past_it)
            store.search(store.query(type_name, query), who)
    finally:
        event.remove(store.database.engine, "before_cursor_execute", through_the_library)
    return sent


def explained(store: Store, statement: str, parameters: Any) -> list[str]:
    explain = "EXPLAIN QUERY PLAN " if store.database.is_sqlite else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "
    with store.database.read() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters)]


@pytest.fixture
def full(store: Store) -> Store:
    fill(store, MANY)
    return store


def test_no_typical_search_reads_a_whole_table(full: Store) -> None:
    for type_name, query, who in QUERIES:
        sent = statements(full, type_name, query, who)
        assert sent
        for statement, parameters in sent:
            plan = explained(full, statement, parameters)
            if full.database.is_sqlite:
                scans = [line for line in plan if re.match(r"SCAN (?!\(subquery|anon|found_?anon|CONSTANT)\w*", line)]
                scans = [line for line in scans if "USING" not in line and "VALUES" not in line]
                assert not scans, (query, statement, plan)
                sorts = [line for line in plan if "TEMP B-TREE FOR ORDER BY" in line]
                assert not (sorts and ("_sort", "-_lastUpdated") in query), (statement, plan)
            # How many rows it went through to answer, whichever way it took.
            read = [int(found) for line in plan for found in re.findall(r"rows=(\d+)", line)]
            removed = [int(found) for line in plan for found in re.findall(r"Rows Removed by Filter: (\d+)", line)]
            assert max(read, default=0) <= 1100 and max(removed, default=0) <= 1100, (query, statement, plan)
