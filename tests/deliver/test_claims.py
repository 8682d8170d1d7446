"""Rows in hand: one worker each, given back, taken over when a worker is gone; circuits that all workers share."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection

from service.deliver.receivers.base import Receipt
from service.deliver.receivers.fhir_transaction import FhirTransaction
from service.store import claims, outbox, raw
from service.store.claims import Claim
from service.store.outbox import Delivery
from service.store.values import micros
from tests.deliver.world import NEUVOLA, World, case, retries

LEASE = 60_000_000


def enqueue(world: World, many: int, families: int = 0) -> None:
    """Rows that nothing else stands behind."""
    now = micros(world.clock())
    rows = [
        Delivery(NEUVOLA, f"f{number % (families or many)}", f"CarePlan/p{number}", 1, outbox.PLAN, now)
        for number in range(many)
    ]
    world.store.database.write(lambda connection: outbox.enqueue(connection, rows, now))


def take(world: World, owner: str, count: int = 10) -> list[Claim]:
    now = micros(world.clock())

    def work(connection: Connection) -> list[Claim]:
        return claims.claim(connection, NEUVOLA, owner, now, now + LEASE, count)

    return world.store.database.write(work)


def test_each_row_is_in_one_hand(world: World) -> None:
    enqueue(world, 200)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: take(world, f"w{number}", 30), range(8)))
    ids = [one.id for some in taken for one in some]
    assert len(ids) == len(set(ids))
    rest = [one.id for number in range(20) for one in take(world, f"x{number}", 30)]
    assert sorted(ids + rest) == sorted(one.id or 0 for one in world.rows())


def test_only_the_oldest_open_row_of_a_family_is_taken(world: World) -> None:
    enqueue(world, 12, families=3)
    first = take(world, "a")
    assert len(first) == 3 and take(world, "b") == []
    now = micros(world.clock())
    world.store.database.write(lambda connection: claims.finish(connection, first[0], {"state": "delivered"}))
    world.store.database.write(lambda connection: claims.finish(connection, first[1], {"not_before": now + 5_000_000}))
    # The second of the family whose first was delivered; the others wait for theirs.
    assert [one.row.family for one in take(world, "c")] == [first[0].row.family]


def test_a_lease_that_has_run_out_is_taken_over_and_only_one_can_finish(world: World) -> None:
    enqueue(world, 1)
    (lost,) = take(world, "gone")
    assert take(world, "early") == []
    world.clock.forward(61)
    (taken,) = take(world, "next")
    assert (taken.id, taken.doubted, taken.row.attempts) == (lost.id, True, 2)
    assert taken.row.as_of == lost.row.as_of
    write = world.store.database.write
    assert not write(lambda connection: claims.finish(connection, lost, {"state": "delivered"}))
    assert write(lambda connection: claims.finish(connection, taken, {"state": "delivered"}))


def test_a_renewed_lease_is_not_taken_over(world: World) -> None:
    enqueue(world, 2)
    mine = take(world, "slow")
    world.clock.forward(50)
    until = micros(world.clock()) + LEASE
    kept = world.store.database.write(
        lambda connection: claims.renew(connection, "slow", [one.id for one in mine], until)
    )
    assert kept == {one.id for one in mine}
    world.clock.forward(50)
    assert take(world, "other") == []


def test_who_was_stalled_for_longer_than_the_lease_sends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        world.accept(case(f"perhe{number}", plan=f"suunnitelma{number}"))
    send, others = FhirTransaction.send, list[Claim]()

    def stalled(*given: Any) -> Receipt:
        receipt = send(*given)
        world.clock.forward(61)
        others.extend(take(world, "other"))
        return receipt

    monkeypatch.setattr(FhirTransaction, "send", stalled)
    world.deliver()
    assert len(others) == 2 and len(world.sent()) == 1
    assert {one.lease_owner for one in world.rows()} == {"other"}


def test_what_is_given_back_is_as_if_it_had_not_been_taken(world: World) -> None:
    enqueue(world, 2)
    mine = take(world, "a")
    world.store.database.write(lambda connection: claims.release(connection, mine, micros(world.clock())))
    again = take(world, "b")
    assert [(one.row.attempts, one.doubted) for one in again] == [(1, False), (1, False)]


def test_a_row_that_has_been_tried_often_goes_alone(world: World) -> None:
    enqueue(world, 5)
    for turn in range(4):
        for one in take(world, f"w{turn}", 1):
            world.store.database.write(
                lambda connection, one=one: claims.finish(connection, one, {"not_before": one.row.created - 1})
            )
    assert [one.row.attempts for one in take(world, "x")] == [5]
    assert [one.row.attempts for one in take(world, "y")] == [1, 1, 1, 1]


def test_an_open_circuit_is_probed_by_one_worker_with_one_row(world: World) -> None:
    for number in range(6):
        world.accept(case(f"perhe{number}", plan=f"suunnitelma{number}"))
    world.double.script.set([{"do": "answer", "status": 503, "times": 99}])
    chosen = retries()
    for _ in range(4):
        world.deliver(retries=chosen)
        world.clock.forward(0.001)
    tried = len(world.sent())
    assert tried == chosen.failures
    world.deliver(retries=chosen)
    assert len(world.sent()) == tried
    world.clock.forward(chosen.pause + 60)
    workers = [world.worker(retries=chosen) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.run(once=True), workers))
    assert len(world.sent()) == tried + 1
    world.double.script.set([])
    world.later(retries=chosen)
    assert {one.state for one in world.rows()} == {"delivered"} and len(world.log()) == 6


def test_two_workers_share_and_nothing_goes_twice(world: World) -> None:
    for number in range(12):
        world.accept(case(f"perhe{number}", plan=f"suunnitelma{number}"))
    workers = [world.worker(lanes=2) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: one.run(once=True), workers))
    assert {one.state for one in world.rows()} == {"delivered"}
    assert world.double.effects().count("create CarePlan") == 12 == len(world.sent()) == len(world.log())


def test_looking_for_work_does_not_read_what_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of the query that workers send all the time."""
    enqueue(world, 20)
    sent: list[tuple[str, Sequence[Any]]] = []
    run = raw.run

    def noting(connection: Connection, text: str, values: Sequence[Any]) -> list[raw.Row]:
        if "outbox" in text and text.startswith("SELECT"):
            sent.append((text, values))
        return run(connection, text, values)

    with monkeypatch.context() as noted:
        noted.setattr(raw, "run", noting)
        take(world, "a", 1)
        with world.store.database.read() as connection:
            claims.ready(connection, NEUVOLA, micros(world.clock()))
    assert len(sent) == 2
    if world.store.database.is_sqlite:
        with world.store.database.read() as connection:
            for text, values in sent:
                plan = [str(row[-1]) for row in run(connection, "EXPLAIN QUERY PLAN " + text, values)]
                assert not [line for line in plan if line.startswith("SCAN")], plan
                assert any("ix_outbox_ready" in line for line in plan), plan
