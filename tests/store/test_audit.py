"""The use log: a chain that can only grow, and AuditEvents made from it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.clock import HELSINKI
from service.fhir.definitions import core
from service.store import Store, audit
from service.store.audit import Detail, Event, Recorder
from service.store.audit_event import audit_event
from service.validation import Validator

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=HELSINKI)
FULL = Detail(
    "read",
    ("CarePlan/1", "Patient/2"),
    ("Patient/2",),
    "u1",
    "A Worker",
    "127.0.0.1",
    "r1",
    "the plan",
    "2.999.1",
    "2.999.2",
    "care",
    "703/2023 53 §",
    ("store.not-found",),
)


def one(number: int) -> Event:
    return Event(f"client{number}", "2.999.1", "R", "0", FULL)


def verified(store: Store) -> audit.Verified:
    with store.database.read() as connection:
        return audit.verify(connection)


def test_the_chain_holds_with_many_writers(store: Store) -> None:
    recorder = Recorder(store.database, store.clock)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(recorder.record, map(one, range(40))))
        made += pool.map(
            lambda number: store.database.write(lambda connection: audit.record(connection, [one(number)], NOW))[0],
            range(40),
        )
    assert len(set(made)) == 80
    found = verified(store)
    assert (found.rows, found.issues) == (80, ())
    assert len(found.head) == 64


def test_whoever_cannot_be_written_hears_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(store.database, store.clock)

    def full(_work: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken, ThreadPoolExecutor(8) as pool:
        broken.setattr(store.database, "write", full)
        asked = [pool.submit(recorder.record, one(number)) for number in range(20)]
        assert [type(each.exception()) for each in asked] == [OSError] * 20
    assert recorder.record(one(20))
    assert verified(store).rows == 1


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit SET client = 'x' WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 5",
        "UPDATE audit SET detail = hash WHERE seq = 3",
    ],
)
def test_the_chain_cannot_be_changed_and_shows_it_when_it_was(store: Store, harm: str) -> None:
    store.database.write(lambda connection: audit.record(connection, [one(number) for number in range(5)], NOW))
    with pytest.raises(DBAPIError, match="append-only"), store.database.engine.begin() as connection:
        connection.execute(text(harm))
    assert verified(store).issues == ()
    with store.database.engine.begin() as connection:
        # Whoever owns the database can take the guards away; the chain still tells.
        if store.database.is_sqlite:
            for name in ("audit_no_update", "audit_no_delete"):
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("DROP TABLE audit_entity"))
        else:
            connection.execute(text("DROP TRIGGER audit_append_only ON audit"))
            connection.execute(text("DROP TABLE audit_entity"))
        connection.execute(text(harm))
    broken = verified(store)
    assert [found.key for found in broken.issues] == ["store.audit-broken"]
    assert broken.rows == (4 if "5" in harm else 2)


def test_a_failed_write_leaves_no_row_and_no_gap(store: Store) -> None:
    def work(connection: object) -> None:
        audit.record(connection, [one(1)], NOW)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.database.write(work)
    store.database.write(lambda connection: audit.record(connection, [one(2)], NOW))
    assert verified(store).rows == 1 and verified(store).issues == ()


def test_a_row_is_a_valid_audit_event_and_can_be_found(store: Store) -> None:
    events = [
        one(1),
        Event("", "", "E", "8", Detail("POST /documents")),
        Event("c", "2.999.7", "R", "4", Detail("read")),
    ]
    made = store.database.write(lambda connection: audit.record(connection, events, NOW))
    with store.database.read() as connection:
        rows = audit.find(connection)
        assert [row.id for row in rows] == made[::-1]
        assert [row.id for row in audit.find(connection, reference="Patient/2")] == [made[0]]
        assert [row.id for row in audit.find(connection, organisation="2.999.7", since=0, until=2**60)] == [made[2]]
        assert [row.id for row in audit.find(connection, id_=made[1])] == [made[1]]
        assert [row.id for row in audit.find(connection, before=2)] == [made[0]]
    validator = Validator(core())
    for row in rows:
        issues = [found for found in validator.validate(audit_event(row)) if found.is_error]
        assert issues == []
    shown = audit_event(rows[-1])
    assert {"reference": "Patient/2"} in [entity.get("what") for entity in shown["entity"]]
    assert shown["recorded"] == "2026-03-29T09:00:00.000Z"
