"""The worker as a process: it delivers, ends in time, and leaves what it had in hand to others."""

import json
import time
import urllib.request
from pathlib import Path

import pytest

from service.store import outbox
from service.store.values import micros
from tests.deliver.world import World, case
from tests.faults.processes import Process, free_port, until, worker

_FILE = """
name = "neuvola"
organisation = "2.999.10.10.2"
sector = "health"
kind = "fhir_transaction"
url = "{url}"
"""


def started(world: World, folder: Path, *more: str) -> Process:
    (folder / "receivers").mkdir(exist_ok=True)
    (folder / "receivers" / "neuvola.toml").write_text(_FILE.format(url=world.double.url))
    made = worker(folder, world.store.database.url.render_as_string(hide_password=False))
    made._command += more
    made.start()
    return made


@pytest.mark.slow
def test_a_slow_receiver_does_not_keep_a_worker_from_ending_in_time(world: World, tmp_path: Path) -> None:
    for number in range(4):
        world.accept(case(f"perhe{number}", plan=f"suunnitelma{number}"))
    world.double.script.set([{"do": "hang", "seconds": 60, "times": 99}])
    made = started(world, tmp_path)
    until(lambda: len(world.sent()) >= 2, "nothing is sent")
    # Both lanes are sending now; the rest is in hand or waits.
    assert made.stop() < 8
    rows = world.rows()
    assert [(one.state, one.lease_owner) for one in rows] == [(outbox.WAITING, None)] * 4, rows
    assert sorted(one.doubt for one in rows) == [0, 0, 1, 1]
    world.double.script.set([])
    world.clock.at = world.clock.at.now(world.clock.at.tzinfo)
    world.later(1)
    assert {one.state for one in world.rows()} == {outbox.DELIVERED}


@pytest.mark.slow
def test_a_worker_delivers_what_comes_and_shows_its_metrics(world: World, tmp_path: Path) -> None:
    port = free_port()
    made = started(world, tmp_path, "--metrics-port", str(port))
    world.accept(case())
    until(lambda: world.row().state == outbox.DELIVERED, "not delivered")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'yhdessa_deliveries_total{outcome="delivered",receiver="neuvola"} 1.0' in text
    assert 'yhdessa_outbox_delivered{receiver="2.999.10.10.2"} 1.0' in text
    assert made.stop() < 8
    lines = (tmp_path / "deliver.log").read_text().splitlines()
    assert all(json.loads(line)["level"] for line in lines)


@pytest.mark.slow
def test_a_killed_worker_leaves_its_rows_to_others(world: World, tmp_path: Path) -> None:
    world.accept(case())
    world.double.script.set([{"do": "hang", "seconds": 60}])
    made = started(world, tmp_path)
    until(lambda: len(world.sent()) == 1, "nothing is sent")
    made.kill()
    row = world.row()
    assert row.lease_until is not None and row.doubt == 1
    world.clock.at = world.clock.at.now(world.clock.at.tzinfo)
    world.deliver()
    assert world.row().state == outbox.WAITING or micros(world.clock()) >= row.lease_until
    time.sleep(max(0.0, (row.lease_until - micros(world.clock())) / 1_000_000))
    world.later(5)
    assert world.row().state == outbox.DELIVERED, world.row()
    assert len(world.log()) == 1 and world.double.effects().count("create CarePlan") == 1
