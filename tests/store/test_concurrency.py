"""Many clients at once, and processes that are killed: nothing lost, nothing half, no gaps, one winner."""

import contextlib
import multiprocessing
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, QueuePool, insert, select

from service.fhir.definitions import core
from service.fhir.json import parse
from service.store import EVERYTHING, Store, StoreError, open_store, tables
from service.store.engine import Database
from service.store.raw import Statement
from service.store.records import Change
from service.store.resources import Prepared, apply, current_beside, prepare
from tests.store.conftest import BASE, OURS

CRITERIA = [("identifier", "urn:oid:1.2.246.21|150318A9125")]
PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2.246.21", "value": "150318A9125"}]}


def test_of_32_identical_conditional_creates_one_creates(store: Store) -> None:
    with ThreadPoolExecutor(32) as pool:
        done = list(pool.map(lambda _: store.create(PATIENT, OURS, EVERYTHING, CRITERIA), range(32)))
    assert sorted(one.status for one in done) == ["created"] + ["unchanged"] * 31
    assert len({one.stored.id for one in done if one.stored}) == 1
    with store.database.read() as connection:
        assert connection.execute(select(tables.guard)).all() == []


def test_of_many_conditional_updates_only_the_first_creates(store: Store) -> None:
    def one(number: int) -> str:
        content = {**PATIENT, "multipleBirthInteger": number}
        return store.update_where("Patient", CRITERIA, content, OURS, EVERYTHING).status

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(one, range(16)))
    assert done.count("created") == 1 and done.count("updated") == 15


@pytest.mark.parametrize("fails", ["first", "second"])
def test_what_fails_undoes_only_what_it_has_written(store: Store, fails: str) -> None:
    """Two that may share a commit: the one writes while the other comes."""
    begun, coming = threading.Event(), threading.Event()

    def first(connection: Connection) -> None:
        begun.set()
        connection.execute(insert(tables.guard).values(key=b"first"))
        coming.wait(60)
        if fails == "first":
            raise LookupError

    def come() -> None:
        coming.set()
        store.database.write(second)

    def second(connection: Connection) -> None:
        connection.execute(insert(tables.guard).values(key=b"second"))
        if fails == "second":
            raise LookupError

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(store.database.write, first)
        begun.wait(60)
        other = pool.submit(come)
        failed, done = (one, other) if fails == "first" else (other, one)
        assert isinstance(failed.exception(), LookupError) and done.exception() is None
    with store.database.read() as connection:
        kept = connection.execute(select(tables.guard.c.key)).scalars().all()
    assert kept == [b"second" if fails == "first" else b"first"]


def test_nobody_gets_ready_in_this_process_while_somebody_writes(tmp_path: Path) -> None:
    database = open_store(None, tmp_path, core()).database
    about, order = threading.Event(), list[str]()

    def get_ready() -> None:
        about.set()
        with database.coming():
            order.append("ready")

    def write(_: Connection) -> None:
        other.start()
        about.wait(60)
        other.join(0.2)
        order.append("written")

    other = threading.Thread(target=get_ready)
    database.write(write)
    other.join(60)
    database.close()
    assert order == ["written", "ready"]


def test_who_fails_to_get_ready_keeps_nobody_waiting(tmp_path: Path) -> None:
    database = open_store(None, tmp_path, core()).database
    with pytest.raises(LookupError), database.coming():
        raise LookupError
    with database.coming():
        pass

    def fail(_: Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fail)
    assert database.write(lambda _: "written") == "written"
    database.close()


def test_looks_have_their_own_connection_and_leave_none_open(store: Store) -> None:
    made = store.create(PATIENT, OURS, EVERYTHING).stored
    assert made is not None
    ask = Statement(select(tables.resource.c.id))
    with store.database.look() as one, store.database.look() as other:
        assert one.connection is not other.connection
        assert ask(one) == ask(other) == [(made.id,)]
        # What one sees ends with its statement: the next sees what was written meanwhile.
        store.create(PATIENT, OURS, EVERYTHING)
        assert len(ask(one)) == len(ask(other)) == 2
    pool = store.database.engine.pool
    store.database.let_go()
    assert isinstance(pool, QueuePool) and pool.checkedout() == 0
    with store.database.look() as again:
        assert len(ask(again)) == 2


def test_looks_leave_the_pool_to_reads_and_writes(url: str) -> None:
    pool = 2
    database = Database(url, pool=pool)
    with ExitStack() as looks, ExitStack() as reads:
        # The pool has room for twice its size.
        for _ in range(2 * pool):
            looks.enter_context(database.look())
        every = [reads.enter_context(database.read()) for _ in range(2 * pool)]
        assert len({id(one.connection.driver_connection) for one in every}) == 2 * pool
    with ThreadPoolExecutor(2 * pool) as threads:
        assert list(threads.map(lambda at: database.write(lambda _: at), range(2 * pool))) == list(range(2 * pool))
    database.close()


def test_who_fails_while_looking_leaves_no_connection_behind(store: Store) -> None:
    # The others may be as broken as the one that failed.
    with store.database.look() as one, store.database.look() as two:
        before = [one.connection, two.connection]
    with pytest.raises(LookupError), store.database.look():
        raise LookupError
    with store.database.look() as one, store.database.look() as two:
        assert not [new for new in (one.connection, two.connection) if any(new is old for old in before)]


# SQLite has one writer at a time.
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_only_who_changes_a_resource_waits_for_those_who_leave_it_as_it_is(store: Store) -> None:
    same, other = (
        prepare(Change("Patient", "shared", "PUT", {"resourceType": "Patient", "active": active}), store.parameters)
        for active in (True, False)
    )
    store.database.write(lambda connection: apply(connection, [same], {}, OURS, 0))
    order = list[str]()

    def bring(prepared: Prepared, name: str) -> threading.Thread:
        def work(connection: Connection) -> None:
            assert current_beside(connection, [prepared.change.key], [prepared])
            order.append(name)

        return threading.Thread(target=store.database.write, args=(work,), daemon=True)

    leaving, changing = bring(same, "left"), bring(other, "changed")

    def first(connection: Connection) -> None:
        assert current_beside(connection, [same.change.key], [same])
        leaving.start()
        leaving.join(60)
        changing.start()
        changing.join(0.3)
        order.append("first")

    store.database.write(first)
    changing.join(60)
    assert order == ["left", "first", "changed"]


def test_of_writers_with_one_etag_one_wins(store: Store) -> None:
    made = store.create(PATIENT, OURS, EVERYTHING).stored
    assert made is not None

    def one(number: int) -> str:
        content = {**PATIENT, "id": made.id, "multipleBirthInteger": number}
        try:
            return store.update("Patient", made.id, content, OURS, EVERYTHING, if_match=made.etag).status
        except StoreError as error:
            return error.issues[0].key

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(one, range(16)))
    assert sorted(done) == ["store.version-conflict"] * 15 + ["updated"]


def test_new_ids_at_once_and_transactions_crossing_each_other(store: Store) -> None:
    """Every writer updates the same two resources, half of them the other way round."""

    def one(number: int) -> None:
        entries = [
            {
                "request": {"method": "PUT", "url": f"Patient/{id_}"},
                "resource": {"resourceType": "Patient", "id": id_, "multipleBirthInteger": number},
            }
            for id_ in (("a", "b") if number % 2 else ("b", "a"))
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        store.transaction(bundle, OURS, EVERYTHING)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(32)))
    both = [store.history(EVERYTHING, type_name="Patient", id_=id_, count=100).entries for id_ in ("a", "b")]
    numbers = [[one.resource()["multipleBirthInteger"] for one in entries] for entries in both]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 32


def clients(store: Store, threads: int, steps: int) -> None:
    """Clients that read, change, delete and create a few resources; then the history must explain every answer."""
    ids = [f"r{number}" for number in range(4)]
    wins: list[tuple[str, int, int | None]] = []
    seen: list[tuple[str, int, int | None]] = []
    lock = threading.Lock()

    def client(number: int) -> None:
        dice = random.Random(number)
        for step in range(steps):
            id_ = dice.choice(ids)
            before = store.read("Patient", id_, EVERYTHING)
            if before is not None:
                value = None if before.deleted else before.resource()["multipleBirthInteger"]
                with lock:
                    seen.append((id_, before.version, value))
            etag = before.etag if before is not None and not before.deleted else None
            with contextlib.suppress(StoreError):
                if dice.random() < 0.2 and etag:
                    written = store.delete("Patient", id_, OURS, EVERYTHING, if_match=etag)
                    value = None
                else:
                    value = number * 100_000 + step
                    content = {"resourceType": "Patient", "id": id_, "multipleBirthInteger": value}
                    written = store.update("Patient", id_, content, OURS, EVERYTHING, if_match=etag)
                if written.stored is not None:
                    assert etag is None or written.stored.version == before.version + 1  # type: ignore[union-attr]
                    with lock:
                        wins.append((id_, written.stored.version, value))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(client, range(threads)))
    assert len({(id_, version) for id_, version, _ in wins}) == len(wins)
    for id_ in ids:
        entries = store.history(EVERYTHING, type_name="Patient", id_=id_, count=100_000).entries
        assert [one.version for one in entries] == list(range(len(entries), 0, -1))
        kept = {one.version: None if one.deleted else one.resource()["multipleBirthInteger"] for one in entries}
        assert kept == {version: value for own, version, value in wins if own == id_}
        assert all(kept[version] == value for own, version, value in seen if own == id_)
        assert [one.updated for one in entries] == sorted((one.updated for one in entries), reverse=True)
    consistent(store)


def test_every_answer_fits_one_order_of_events(store: Store) -> None:
    clients(store, 16, 12)


@pytest.mark.slow
def test_every_answer_fits_one_order_of_events_for_long(store: Store) -> None:
    clients(store, 16, 120)


def consistent(store: Store) -> None:
    """Current rows, versions and index agree with each other."""
    with store.database.read() as connection:
        current = {row.rid: row for row in connection.execute(select(tables.resource))}
        versions: dict[int, list[Any]] = {}
        for row in connection.execute(select(tables.version).order_by(tables.version.c.rid, tables.version.c.version)):
            versions.setdefault(row.rid, []).append(row)
        assert current.keys() == versions.keys()
        for rid, row in current.items():
            assert [one.version for one in versions[rid]] == list(range(1, row.version + 1))
            assert bool(row.deleted) == (versions[rid][-1].body is None)
        for name, table in tables.INDEXES.items():
            have = {tuple(one) for one in connection.execute(select(table))}
            want = {
                found
                for rid, row in current.items()
                if not row.deleted
                for found in getattr(store.parameters.extract(parse(bytes(versions[rid][-1].body)), rid), name)
            }
            assert have == want, name


def write_forever(url: str, folder: str, number: int) -> None:
    """A process that writes transactions of two resources that belong together, until it is killed."""
    store = open_store(url, Path(folder), core(), base_urls=(BASE,))
    for step in range(1_000_000):
        entries = [
            {
                "request": {"method": "PUT", "url": f"{kind}/w{number}-{step % 5}"},
                "resource": {
                    "resourceType": kind,
                    "id": f"w{number}-{step % 5}",
                    "identifier": [{"value": f"{number}-{step}"}],
                },
            }
            for kind in ("Patient", "Practitioner")
        ]
        store.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries}, OURS, EVERYTHING)


def test_killed_writers_leave_whole_transactions(store: Store, url: str, tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    grown = 0
    for turn in range(3):
        writers = [
            start.Process(target=write_forever, args=(url, str(tmp_path), number), daemon=True) for number in range(2)
        ]
        for one in writers:
            one.start()
        until = time.monotonic() + 60
        while _versions(store) < grown + 20 + turn and time.monotonic() < until:
            time.sleep(0.02)
        for one in writers:
            assert one.pid is not None
            os.kill(one.pid, signal.SIGKILL)
            one.join()
        assert _versions(store) > grown
        grown = _versions(store)
        # The store that was open all along goes on, too.
        store.create(PATIENT, OURS, EVERYTHING)
        consistent(store)
        for number in range(2):
            for slot in range(5):
                pair = [store.read(kind, f"w{number}-{slot}", EVERYTHING) for kind in ("Patient", "Practitioner")]
                values = [None if one is None else one.resource()["identifier"] for one in pair]
                assert values[0] == values[1]


def _versions(store: Store) -> int:
    return len(store.history(EVERYTHING, count=1_000_000).entries)
