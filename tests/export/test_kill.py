"""kill -9 of whoever runs an export, at any point: what comes out in the end is the same to the last byte.

YHDESSA_EXPORT_KILLS says how many kills; `make faults` has a hundred.
"""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from service.clock import now
from service.export import jobs
from service.export.jobs import DONE, Job
from service.export.manifest import manifest
from service.export.snapshot import take
from service.export.wanted import ANY, Wanted
from service.fhir.definitions import core
from service.store import Store, open_store
from service.store.values import micros
from tests.export.backend import BASE, contents, delete, goal, patient, provenance, put
from tests.shared import ROOT

KILLS = int(os.environ.get("YHDESSA_EXPORT_KILLS", "1"))
SIZE = 2_500
KINDS = {
    "plain": Wanted("system", "u", (ANY,), "everything", since=0),
    "patients": Wanted("patient", "u", (ANY,), "everything", filters=("Goal?lifecycle-status=active",)),
    "organised": Wanted("patient", "u", (ANY,), "everything", organized="Patient"),
    "group": Wanted("group", "u", (ANY,), "everything", group="organisation-2.999.10.10.1", elements=("id",)),
}


def filled(url: str, folder: Path) -> Store:
    store = open_store(url, folder, core(), clock=now, base_urls=(BASE,))
    for number in range(40):
        put(store, patient(f"p{number}"), goal(f"g{number}", f"Patient/p{number}"))
        put(store, provenance(f"v{number}", f"Goal/g{number}"))
    delete(store, "Goal/g7", "Patient/p9")
    return store


def begun(store: Store, wanted: Wanted, at: int) -> str:
    id_ = uuid.uuid4().hex
    job = Job(id_, "tests", "", jobs.WAITING, wanted, at, micros(store.clock()), 0, 0, 0, None, None)
    store.database.write(lambda connection: jobs.begin(connection, job))
    return id_


def run(url: str, folder: Path, at: int) -> int | None:
    """Run what waits, with a kill at the point `at`; gives how many points there were, or None where it was killed."""
    command = [sys.executable, "-m", "tests.export.killed", url, str(folder), str(SIZE), str(at)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def state(store: Store, id_: str) -> str:
    with store.database.read() as connection:
        job = jobs.find(connection, id_)
    assert job is not None
    return job.state


def said(store: Store, id_: str) -> object:
    """The manifest without what differs from job to job."""
    with store.database.read() as connection:
        job = jobs.find(connection, id_)
        assert job is not None
        return manifest(job, jobs.parts(connection, id_), jobs.files(connection, id_), str)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_and_gone_on_with(url: str, tmp_path: Path, kind: str) -> None:
    chance = random.Random(f"{kind} {KILLS}")
    store = filled(url, tmp_path)
    folder = tmp_path / "exports"
    at = take(store)
    whole = begun(store, KINDS[kind], at)
    points = run(url, folder, 0)
    assert points is not None
    expected = contents(folder / whole)
    assert len(expected) > 5
    kills = 0
    while kills < KILLS:
        id_ = begun(store, KINDS[kind], at)
        # Whatever is written meanwhile came after the cut.
        put(store, goal(f"g{chance.randrange(40)}", f"Patient/p{chance.randrange(40)}"), patient(f"new{kills}"))
        deadline = time.monotonic() + 120
        while state(store, id_) != DONE:
            assert time.monotonic() < deadline
            if run(url, folder, chance.randrange(1, points) if kills < KILLS else 0) is None:
                kills += 1
        assert contents(folder / id_) == expected
        assert said(store, id_) == said(store, whole)
        store.database.write(lambda connection, gone=id_: jobs.remove(connection, gone))  # type: ignore[misc]
    store.close()


@pytest.mark.slow
@pytest.mark.skipif(KILLS < 10, reason="a lease of half a minute is waited for: only with many kills")
def test_the_serving_process_is_killed(tmp_path: Path) -> None:
    from service.cli.client import Server, free_port
    from tests.export.serving import Bulk

    command = [sys.executable, "-m", "service.cli", "serve", "--data", str(tmp_path), "--export-bytes", "10000"]
    with Server([*command, "--port", str(port := free_port())], f"http://127.0.0.1:{port}") as one:
        bulk = Bulk(one.url)
        bulk.fill(400)
        whole = bulk.download(bulk.wait(bulk.begin("/fhir/$export")))
        place = bulk.begin("/fhir/$export").rpartition("/")[2]
        assert one._process is not None
        one._process.kill()
    with Server([*command, "--port", str(port := free_port())], f"http://127.0.0.1:{port}") as one:
        bulk = Bulk(one.url)
        assert bulk.download(bulk.wait(f"{one.url}/export/{place}")) == whole
