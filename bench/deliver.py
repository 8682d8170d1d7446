"""Deliveries a second: 1, 2 and 4 workers against a receiver on this machine, beside a bare POST of the same bytes.

`python -m bench.deliver`; `--quick` measures less, `--full` empties the whole backlog of 100,000. A delivery is all of
it: claimed, permission asked for, minimised, guarded, sent, confirmed, logged. "Floor" is `requests` sending the same
bytes to the same receiver without any outbox, so what is above it is what once, in order and logged cost. Rate and
processor time are those between two looks at the outbox, with all workers started. The receiver shares the machine:
what it takes is a column of its own. Figures of one run can be compared with each other, not with those of another
machine.
"""

import itertools
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Connection

from bench._load import cpu
from service.clock import now
from service.config import TEST_KEY
from service.deliver.receivers import make
from service.deliver.receivers.base import ReceiverSettings
from service.deliver.shipments import Bodies, Kit, Ready, prepared
from service.fhir.definitions import core
from service.fhir.json import parse
from service.pipeline import default
from service.policy import Policy
from service.print.face import narrative
from service.store import Author, Store, circuits, claims, open_store, outbox
from service.store.belonging import _BACK_PARAMS
from service.store.bulk import insert_rows
from service.store.outbox import Delivery
from service.store.parameters import Parameters
from service.store.records import Change
from service.store.resources import _VERSION_COLUMNS, apply, prepare, stamped
from service.store.tables import reference
from service.store.tables import resource as resources
from service.store.tables import version as versions
from service.store.values import micros

ROOT = Path(__file__).resolve().parent.parent
CASE = ROOT / "schemas" / "source" / "examples" / "aika-shared-plan-measures-abc.json"
RECEIVER, SECTOR, SOURCE = "2.999.13.30.7", "early-education", "2.999.13.10.1"
BAR, SLOWER = 200.0, 0.9
TURNS = 3
_OWN = ("CarePlan", "Goal", "Consent", "Appointment", "QuestionnaireResponse", "Task", "ServiceRequest", "Provenance")
_RESOURCE = ("rid", "type", "id", "version", "updated", "deleted", "digest", "organisation")
_FILE = """
name = "loopback"
organisation = "{organisation}"
sector = "{sector}"
kind = "fhir_transaction"
url = "{url}"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """So many deliveries in so many seconds; milliseconds of the workers' and of the receiver's processor for each."""

    deliveries: int
    seconds: float
    cpu: float
    receiver: float

    @property
    def rate(self) -> float:
        return self.deliveries / self.seconds


def fill(store: Store, many: int) -> None:
    """So many plans of as many families, all due. People and organisations are shared: one register, many plans."""
    bundle = default(TEST_KEY.encode()).convert_text(CASE.read_bytes()).bundle
    assert bundle is not None
    every = [entry["resource"] for entry in bundle["entry"]]
    at = micros(now()) // 1000 * 1000 - 60_000_000
    author = Author("bench", SOURCE)

    def shared(connection: Connection) -> None:
        changes = [prepare(Change(one["resourceType"], one["id"], "PUT", one), store.parameters) for one in every]
        apply(connection, changes, {}, author, at)

    store.database.write(shared)
    own = [one for one in every if one["resourceType"] in _OWN]
    for start in range(0, many, 1000):
        numbers = range(start, min(start + 1000, many))
        store.database.write(lambda connection, numbers=numbers: _copies(connection, own, numbers, at))


def _copies(connection: Connection, own: list[dict[str, Any]], numbers: range, at: int) -> None:
    """Copies of what belongs to one plan alone, with the index rows that lead to it."""
    parameters = Parameters(core())
    bodies = {(one["resourceType"], one["id"]): stamped(one, one["id"], 1, at) for one in own}
    pointing = {key: _pointing(parameters, one) for key, one in zip(bodies, own, strict=True)}
    kept, shown, found, due = [], [], [], []
    for number in numbers:
        names = {key[1]: f"{key[1][:-8]}{number:08x}" for key in bodies}
        for place, (key, body) in enumerate(bodies.items()):
            for old, new in names.items():
                body = body.replace(old.encode(), new.encode())
            rid = 10_000 + number * len(bodies) + place
            kept.append((rid, key[0], names[key[1]], 1, at, 0, b"", SOURCE))
            shown.append((rid, 1, key[0], "PUT", at, body, "bench", SOURCE, None, None))
            for param, target in pointing[key]:
                kind, _, id_ = target.partition("/")
                found.append((rid, param, f"{kind}/{names.get(id_, id_)}", 0))
            if key[0] == "CarePlan":
                plan = f"CarePlan/{names[key[1]]}"
                due.append(Delivery(RECEIVER, f"family{number}", plan, 1, outbox.PLAN, at))
    insert_rows(connection, resources, _RESOURCE, kept)
    insert_rows(connection, versions, _VERSION_COLUMNS, shown)
    insert_rows(connection, reference, ("rid", "param", "target", "part"), found)
    outbox.enqueue(connection, due, at)


def _pointing(parameters: Parameters, one: dict[str, Any]) -> list[tuple[int, str]]:
    rows = parameters.extract(one).reference
    return [(param, target) for _, param, target, _ in rows if param in _BACK_PARAMS]


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process of a receiver that does what it is told and keeps no content."""
    port = folder / "port"
    port.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "tests.faults.receiver", str(port), "-"], cwd=ROOT)
    try:
        while not port.exists():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port.read_text()}", process.pid
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far it has come: deliveries, seconds on the clock and of the processor, of the workers and the receiver."""

    done: int
    at: float
    cpu: float
    receiver: float


def delivered(folder: Path, workers: int, many: int, warm: int = 150) -> Run:
    """Start the workers, and measure `many` deliveries once `warm` for each worker are done."""
    store = open_store(None, folder, core())
    with receiver(folder) as (url, served_by):
        (folder / "receivers").mkdir(exist_ok=True)
        text = _FILE.format(organisation=RECEIVER, sector=SECTOR, url=url)
        (folder / "receivers" / "loopback.toml").write_text(text)
        command = [sys.executable, "-m", "service.cli", "deliver", "--data", str(folder), "--log-level", "error"]
        wanted = _done(store) + warm * workers
        process = subprocess.Popen([*command, "--workers", str(workers)], cwd=ROOT)
        first = _reached(store, wanted, process.pid, served_by)
        last = _reached(store, first.done + many, process.pid, served_by)
        process.send_signal(signal.SIGTERM)
        process.wait()
    store.close()
    done = last.done - first.done
    each = 1000 / done
    return Run(done, last.at - first.at, (last.cpu - first.cpu) * each, (last.receiver - first.receiver) * each)


def _done(store: Store) -> int:
    with store.database.read() as connection:
        return circuits.get(connection, RECEIVER).delivered


def _reached(store: Store, wanted: int, workers: int, served_by: int) -> _Mark:
    while (done := _done(store)) < wanted:
        time.sleep(0.05)
    return _Mark(done, time.monotonic(), cpu(workers), cpu(served_by))


def floor(folder: Path, many: int) -> Run:
    """The bytes of real deliveries, sent by `requests` alone."""
    store = open_store(None, folder, core())
    with receiver(folder) as (url, served_by):
        made = make(ReceiverSettings("loopback", RECEIVER, SECTOR, "fhir_transaction", url))
        session = made.connect()
        made.prepare(session)
        at = micros(now())
        some = store.database.write(lambda one: claims.claim(one, RECEIVER, "bench", at, at + 600_000_000, 200))
        with store.database.read() as connection:
            ready = prepared(connection, some, made, Kit(Policy.load(), narrative), Bodies(), now())
        store.database.write(lambda one: claims.release(one, some, at))
        bodies = [one.parts[0].body for one in ready if isinstance(one, Ready)]
        assert bodies, [one for one in ready if not isinstance(one, Ready)][:1]
        plain = requests.Session()
        headers = {"Content-Type": "application/fhir+json"}
        began, spent, served = time.monotonic(), time.process_time(), cpu(served_by)
        for body in itertools.islice(itertools.cycle(bodies), many):
            assert parse(plain.post(url, body, headers=headers).content)["type"] == "transaction-response"
        seconds, spent, served = time.monotonic() - began, time.process_time() - spent, cpu(served_by) - served
        size = sum(map(len, bodies)) / len(bodies)
        print(f"one delivery: {size / 1000:.1f} kB, {len(parse(bodies[0])['entry'])} resources\n")
    store.close()
    return Run(many, seconds, spent / many * 1000, served / many * 1000)


def _row(name: str, run: Run, bare: Run) -> str:
    return f"| {name} | {run.rate:.0f} | {run.rate / bare.rate:.2f} | {run.cpu:.1f} | {run.receiver:.1f} |"


def _middle(runs: Iterable[Run]) -> Run:
    return sorted(runs, key=lambda run: run.rate)[TURNS // 2]


def main(arguments: list[str] | None = None) -> bool:
    given = arguments if arguments is not None else sys.argv[2:]
    quick = "--quick" in given
    many, deep = (1_000, 10_000) if quick else (2_000, 100_000)
    with tempfile.TemporaryDirectory(prefix="yhdessa-bench-") as name:
        shallow, full = Path(name) / "shallow", Path(name) / "deep"
        rows = (2 + TURNS) * many + 3_000
        for folder, count in ((shallow, rows), (full, max(deep, rows))):
            store = open_store(None, folder, core())
            fill(store, count)
            store.close()
        bare = floor(shallow, many)
        print("| | deliveries/s | × floor | CPU ms each | of the receiver |\n|---|---|---|---|---|")
        print(_row("floor: `requests` alone", bare, bare))
        for number in (1, 4):
            print(_row(f"{number} workers", delivered(shallow, number, many), bare))
        # In turn, and the middle of each: what else the machine does comes and goes.
        pairs = [(delivered(shallow, 2, many), delivered(full, 2, many)) for _ in range(TURNS)]
        light, heavy = _middle(one for one, _ in pairs), _middle(one for _, one in pairs)
        print(_row("2 workers", light, bare))
        print(_row(f"2 workers, backlog of {max(deep, rows)}", heavy, bare))
        if "--full" in given:
            print(_row("the same, emptied", delivered(full, 2, deep - TURNS * many - 4_000), bare))
    slower = heavy.rate / light.rate
    print(f"\nwith a deep backlog {slower:.2f} of the rate with a shallow one (bar: {SLOWER}); bar: {BAR:.0f}/s with 2")
    return light.rate < BAR or slower < SLOWER


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
