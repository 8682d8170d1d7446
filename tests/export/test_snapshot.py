"""A cut: what was committed before it is in, what comes after is not, and the next one begins just there."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from service.export.snapshot import Cut, chunks, snapshot, take
from service.store import Store, recipient, source
from service.store.disclosures import Given, disclose
from service.store.records import Change
from service.store.resources import apply, prepare
from service.store.values import instant, micros
from tests.export.backend import OURS, THEIRS, Clock, delete, goal, patient, put


def found(kept: Store, at: int, since: int | None = None, **more: object) -> list[str]:
    return [f"{one.type}/{one.id}/{one.version}" for one in snapshot(kept, at, None, since, **more)]  # type: ignore[arg-type]


def test_what_is_committed_is_in_and_nothing_later(kept: Store, clock: Clock) -> None:
    put(kept, patient("a"), patient("b"), goal("g", "Patient/a"))
    put(kept, patient("a", active=True))
    delete(kept, "Patient/b")
    at = take(kept)
    before = found(kept, at)
    assert before == ["Goal/g/1", "Patient/a/2"]
    put(kept, patient("a", active=False), patient("c"), patient("b"))
    delete(kept, "Goal/g")
    assert found(kept, at) == before, "the clock has not moved, and still all that is after the cut"
    clock.move(60)
    put(kept, patient("a", gender="female"))
    assert found(kept, at) == before
    assert found(kept, take(kept)) == ["Patient/a/4", "Patient/b/3", "Patient/c/1"]


def test_the_bytes_are_those_that_are_kept(kept: Store) -> None:
    put(kept, patient("a", birthDate="2019-05-30"))
    (row,) = snapshot(kept, take(kept))
    stored = kept.read("Patient", "a", source(OURS.organisation))
    assert stored is not None
    assert (row.body, row.version, row.updated, row.organisation) == (
        stored.body,
        1,
        stored.updated,
        OURS.organisation,
    )
    assert f'"lastUpdated":"{instant(row.updated)}"'.encode() in (row.body or b"")


def test_the_next_begins_where_the_last_one_ended(kept: Store, clock: Clock) -> None:
    put(kept, patient("a"), patient("b"))
    first = take(kept)
    put(kept, patient("b", active=True), patient("c"))
    delete(kept, "Patient/a")
    second = take(kept)
    assert first < second
    assert found(kept, second, first) == ["Patient/b/2", "Patient/c/1"]
    gone = [one.id for one in snapshot(kept, second, None, first, deleted=True)]
    assert gone == ["a"]
    assert found(kept, second, second) == []


def test_a_clock_that_is_set_back_hides_nothing(kept: Store, clock: Clock) -> None:
    put(kept, patient("a"))
    first = take(kept)
    clock.move(-3600)
    put(kept, patient("b"), patient("a", active=True))
    second = take(kept)
    assert found(kept, second, first) == ["Patient/a/2", "Patient/b/1"]
    assert found(kept, first) == ["Patient/a/1"]


def test_a_write_that_took_its_time_before_the_cut_comes_after_it(kept: Store, clock: Clock) -> None:
    """Its moment was read, its transaction came late: what a document that converts slowly does."""
    early = micros(clock())
    clock.move(10)
    at = take(kept)
    late = prepare(Change("Patient", "late", "PUT", patient("late")), kept.parameters)
    kept.database.write(lambda connection: apply(connection, [late], {}, OURS, early))
    assert found(kept, at) == []
    assert found(kept, take(kept), at) == ["Patient/late/1"]


def test_a_cut_waits_for_the_write_that_is_under_way(kept: Store, clock: Clock) -> None:
    begun, may_end, cuts = threading.Event(), threading.Event(), list[int]()
    change = prepare(Change("Patient", "slow", "PUT", patient("slow")), kept.parameters)

    def write(connection: Connection) -> None:
        apply(connection, [change], {}, OURS, micros(clock()))
        begun.set()
        may_end.wait(30)

    writer = threading.Thread(target=kept.database.write, args=(write,))
    cutter = threading.Thread(target=lambda: cuts.append(take(kept)))
    writer.start()
    assert begun.wait(30)
    cutter.start()
    cutter.join(0.3)
    assert not cuts
    may_end.set()
    for one in (writer, cutter):
        one.join(30)
    assert found(kept, cuts[0]) == ["Patient/slow/1"]


def test_visibility(kept: Store, clock: Clock) -> None:
    put(kept, patient("ours"), goal("given", "Patient/ours"), goal("newer", "Patient/ours"))
    put(kept, patient("theirs"), author=THEIRS)
    given = [Given("Goal", "given", 1, None), Given("Goal", "newer", 1, None), Given("Patient", "ours", 1, b"{}")]
    kept.database.write(lambda connection: disclose(connection, "2.999.31", given, 0))
    put(kept, goal("newer", "Patient/ours", lifecycleStatus="completed"))
    at = take(kept)
    assert found(kept, at, who=source(THEIRS.organisation)) == ["Patient/theirs/1"]
    assert found(kept, at, who=recipient("2.999.31")) == ["Goal/given/1"]


@pytest.mark.parametrize("most", [1, 2, 7])
def test_chunks_are_of_one_piece(kept: Store, most: int) -> None:
    put(kept, *(patient(f"p{number}") for number in range(7)))
    at = take(kept)
    some = list(chunks(kept.database, "Patient", Cut(at), most=most))
    assert all(len(one) <= most for one in some)
    whole = [row[1] for one in some for row in one]
    assert whole == [f"p{number}" for number in range(7)]
    third = some[0][-1][0]
    rest = [row[1] for one in chunks(kept.database, "Patient", Cut(at), after=third) for row in one]
    assert rest == whole[most:]


@contextmanager
def writing(kept: Store, many: int) -> Iterator[None]:
    """Threads that write until the block ends, each with a clock of its own."""
    stop = threading.Event()

    def work(number: int) -> None:
        chance = random.Random(number)
        step = 0
        while not stop.is_set():
            step += 1
            id_ = f"r{number}-{chance.randrange(5)}"
            if chance.random() < 0.2:
                delete(kept, f"Patient/{id_}")
            else:
                put(kept, patient(id_, birthDate=f"20{step % 100:02d}-01-01"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(many)]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in threads:
            one.join(60)


def test_increments_add_up_while_others_write(kept: Store, clock: Clock) -> None:
    """Whoever follows by increments has, after each of them, just what a whole export of that moment holds."""
    chance = random.Random(7)
    kept.clock = lambda: clock.at
    copy: dict[str, int] = {}
    last: int | None = None
    with writing(kept, 4):
        for _ in range(12):
            clock.move(chance.uniform(-0.002, 0.005))
            at = take(kept)
            for one in snapshot(kept, at, ["Patient"], last):
                copy[one.id] = one.version
            if last is not None:
                for one in snapshot(kept, at, ["Patient"], last, deleted=True):
                    copy.pop(one.id, None)
            whole = {one.id: one.version for one in snapshot(kept, at, ["Patient"])}
            assert copy == whole
            last = at
