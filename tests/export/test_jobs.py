"""Jobs: claimed by one runner at a time, gone on with by another, let go of, never doubled."""

import threading
import uuid
from pathlib import Path

import pytest

from service.export import jobs
from service.export.jobs import DONE, LEASE, RUNNING, WAITING, Job, Lost, Part
from service.export.run import Limits
from service.export.runner import Runner
from service.export.snapshot import take
from service.export.sparing import sparing
from service.export.wanted import ANY, Wanted
from service.export.worker import Worker
from service.store import Store
from service.store.values import micros
from tests.export.backend import Clock, contents, goal, patient, put, references, runner

EVERYTHING = Wanted("system", "u", (ANY,), "everything")


def begun(store: Store, wanted: Wanted = EVERYTHING, client: str = "tests") -> str:
    id_ = uuid.uuid4().hex
    job = Job(id_, client, "", WAITING, wanted, take(store), micros(store.clock()), 0, 0, 0, None, None)
    store.database.write(lambda connection: jobs.begin(connection, job))
    return id_


def found(store: Store, id_: str) -> Job:
    with store.database.read() as connection:
        job = jobs.find(connection, id_)
    assert job is not None
    return job


def claim(store: Store, owner: str, most: int = 2) -> Job | None:
    now = micros(store.clock())
    return store.database.write(lambda connection: jobs.claim(connection, owner, now, most))


def test_a_claim_is_for_one(kept: Store, clock: Clock) -> None:
    first = begun(kept)
    clock.move(1)
    second = begun(kept)
    one = claim(kept, "a")
    assert one is not None
    assert one.id == first, "the oldest first"
    assert claim(kept, "b", most=1) is None, "no more at once than may be"
    two = claim(kept, "b")
    assert two is not None
    assert two.id == second
    assert claim(kept, "c", most=9) is None
    clock.move(LEASE / 1_000_000 + 1)
    taken = claim(kept, "c")
    assert taken is not None
    assert (taken.id, found(kept, first).attempts) == (first, 2)


def test_who_has_lost_its_job_notes_nothing(kept: Store, clock: Clock) -> None:
    id_ = begun(kept)
    claim(kept, "slow")
    clock.move(LEASE / 1_000_000 + 1)
    claim(kept, "next")
    part = Part(1, "output", "Patient")
    with pytest.raises(Lost):
        kept.database.write(lambda connection: jobs.advance(connection, id_, "slow", 0, part, [], 5))
    assert found(kept, id_).done == 0


def test_several_runners_share_the_work(kept: Store, tmp_path: Path) -> None:
    put(kept, *(patient(f"p{number}") for number in range(20)))
    ids = [begun(kept) for _ in range(6)]
    runners = [Runner(kept, tmp_path / "exports", Limits(600, 24, 3)) for _ in range(3)]

    def work(one: Runner) -> None:
        while one.once():
            pass

    threads = [threading.Thread(target=work, args=(one,)) for one in runners]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    results = [contents(tmp_path / "exports" / one) for one in ids]
    assert all(found(kept, one).state == DONE for one in ids)
    assert all(one == results[0] for one in results)
    assert len(references(results[0])) == 20
    assert max(map(len, results[0].values())) < 600 + 200


def test_one_that_is_told_to_stop_lets_go(kept: Store, tmp_path: Path) -> None:
    put(kept, *(patient(f"p{number}") for number in range(20)))
    id_ = begun(kept)
    calls = iter([False, False, True])
    stopping = Runner(kept, tmp_path, Limits(600), stop=lambda: next(calls, True))
    assert stopping.once()
    assert found(kept, id_).state == WAITING
    with kept.database.read() as connection:
        before = jobs.files(connection, id_)
    assert before
    assert runner(kept, tmp_path, 600).once()
    assert found(kept, id_).state == DONE
    assert references(contents(tmp_path / id_)) == sorted(f"Patient/p{number}/1" for number in range(20))
    with kept.database.read() as connection:
        assert jobs.files(connection, id_)[: len(before)] == before


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing(kept: Store, tmp_path: Path) -> None:
    put(kept, *(patient(f"p{number}") for number in range(20)))
    id_ = begun(kept)

    def told(job: Job) -> None:
        kept.database.write(lambda connection: jobs.remove(connection, job.id))

    one = Runner(kept, tmp_path / "exports", Limits(600), told=told)
    assert one.once()
    assert not (tmp_path / "exports" / id_).exists()


def test_a_full_disk_is_waited_for(kept: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.export import files

    put(kept, patient("a"), goal("g", "Patient/a"))
    id_ = begun(kept)
    real, left = files._write, [1]

    def full(descriptor: int, data: bytes) -> None:
        if left and left.pop():
            raise OSError(28, "No space left on device")
        real(descriptor, data)

    monkeypatch.setattr(files, "_write", full)
    one = runner(kept, tmp_path)
    assert one.once()
    assert found(kept, id_).state == WAITING
    assert not contents(tmp_path / id_)
    assert not one.once(), "not at once again"
    clock.move(60)
    assert one.once()
    assert references(contents(tmp_path / id_)) == ["Goal/g/1", "Patient/a/1"]


def test_the_worker_of_a_serving_process(kept: Store, tmp_path: Path) -> None:
    put(kept, patient("a"))
    done = threading.Event()
    worker = Worker(lambda: kept, tmp_path / "exports", Limits())
    worker.start()
    try:
        id_ = begun(kept)
        for _ in range(600):
            worker.wake()
            if found(kept, id_).state == DONE or done.wait(0.1):
                break
    finally:
        worker.stop()
    assert found(kept, id_).state == DONE
    assert references(contents(tmp_path / "exports" / id_)) == ["Patient/a/1"]


def test_connections_of_its_own(kept: Store) -> None:
    put(kept, patient("a"))
    other = sparing(kept)
    try:
        assert other.database is not kept.database
        assert found(other, begun(other)).state in (WAITING, RUNNING)
    finally:
        other.close()
