"""The record: intake of whole cases, reads, and searches in a small and in a large store, SQLite and PostgreSQL.

`python -m bench store`; with YHDESSA_BENCH_MILLION=1 searches also run on a million resources. Times of one run can be
compared with each other, not with those of another machine.
"""

import copy
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from service.accept import accept
from service.clock import HELSINKI
from service.config import TEST_KEY
from service.fhir.definitions import core
from service.fhir.json import encode, parse
from service.pipeline import Converted, default
from service.store import EVERYTHING, Author, Store, open_store, schema
from service.store.audit import Detail, Event
from service.store.engine import Database
from service.store.records import Change
from service.store.resources import apply, prepare
from tests.store import postgres

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "schemas" / "source" / "examples" / "tiimi-case-twins-services-and-responsible-pair.json"
AUTHOR = Author("bench", "2.999.10.10.1")
EVENT = Event("bench", "2.999.10.10.1", "C", "0", Detail("document"))
WORKERS, THREADS, CASES = 2, 8, int(os.environ.get("YHDESSA_BENCH_CASES", "400"))
BARS = {"intake": 250, "read": 1500}


class Ready:
    """A converter that has converted beforehand, to see the store's own part."""

    def __init__(self, converted: dict[bytes, Converted]) -> None:
        self.converted = converted

    def convert_text(self, given: bytes, **_: Any) -> Converted:
        return self.converted[given]


def case(number: int) -> bytes:
    """The example case as that of another family; organisations and professionals stay the same."""
    document = copy.deepcopy(parse(EXAMPLE.read_bytes()))
    document["id"] = f"case-{number}"
    document["family"]["id"] = f"family-{number}"
    for person in (*document["family"]["children"], *document["family"]["guardians"]):
        person.pop("hetu", None)
    for name in ("meetings", "careTeams", "plans"):
        for one in document.get(name, ()):
            one["id"] = f"{one['id']}-{number}"
    return encode(document)


def intake(url: str | None, folder: str, worker: int, whole: bool, results: Any) -> None:
    """One worker process: accept its share of the cases from several threads; `whole` converts them as well."""
    converter = default(TEST_KEY.encode())
    store = open_store(url, Path(folder), converter.definitions, pool=THREADS)
    cases = [case(number) for number in range(worker, CASES, WORKERS)]
    ready: Any = converter if whole else Ready({one: converter.convert_text(one) for one in cases})
    converter.convert_text(cases[0])

    def one(document: bytes) -> float:
        start = time.perf_counter()
        done = accept(ready, store, document, now=datetime.now(HELSINKI), author=AUTHOR, event=EVENT)
        if done.status != "created":
            raise RuntimeError(done.issues)
        return time.perf_counter() - start

    results.put("ready")
    results.get_go()
    with ThreadPoolExecutor(THREADS) as pool:
        times = list(pool.map(one, cases))
    results.put(times)
    store.close()


class Channel:
    """What a worker says, and the signal for all to begin."""

    def __init__(self, queue: Any, go: Any) -> None:
        self.queue, self.go = queue, go

    def put(self, what: Any) -> None:
        self.queue.put(what)

    def get_go(self) -> None:
        self.go.wait()


def run_intake(url: str | None, folder: str, whole: bool) -> tuple[float, float]:
    """Cases a second, and the 99th percentile in milliseconds."""
    start = multiprocessing.get_context("spawn")
    queue, go = start.Queue(), start.Event()
    arguments = [(url, folder, worker, whole, Channel(queue, go)) for worker in range(WORKERS)]
    workers = [start.Process(target=intake, args=one) for one in arguments]
    for one in workers:
        one.start()
    for _ in workers:
        queue.get()
    began = time.perf_counter()
    go.set()
    times = [value for _ in workers for value in queue.get()]
    took = time.perf_counter() - began
    for one in workers:
        one.join()
    return CASES / took, statistics.quantiles(times, n=100)[98] * 1000


def fill(store: Store, start: int, many: int) -> None:
    """Patients and plans up to `many` resources."""
    for first in range(start, many // 2, 1000):
        changes = []
        for number in range(first, min(first + 1000, many // 2)):
            patient = {
                "resourceType": "Patient",
                "id": f"p{number}",
                "active": True,
                "identifier": [{"system": "urn:s", "value": str(number)}],
                "name": [{"family": f"Family{number}"}],
                "birthDate": f"{1950 + number % 70}-03-{1 + number % 28:02d}",
            }
            subject = {"reference": f"Patient/p{number}"}
            plan = {"resourceType": "CarePlan", "id": f"c{number}", "status": "active", "subject": subject}
            changes += [Change(str(one["resourceType"]), str(one["id"]), "PUT", one) for one in (patient, plan)]
        prepared = [prepare(one, store.parameters) for one in changes]

        def work(connection: Connection, prepared: Any = prepared, at: int = first) -> None:
            apply(connection, prepared, {}, AUTHOR, at * 1000)

        store.database.write(work)
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


SEARCHES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "identifier": ("Patient", [("identifier", "urn:s|77")]),
    "family name": ("Patient", [("family", "family77")]),
    "chained": ("CarePlan", [("patient.identifier", "urn:s|77"), ("status", "active")]),
    "reference + include": ("CarePlan", [("subject", "Patient/p77"), ("_include", "CarePlan:subject")]),
    "_has": ("Patient", [("_has:CarePlan:patient:_id", "c77")]),
    "first page of all": ("CarePlan", [("status", "active"), ("_count", "20")]),
    "newest": ("Patient", [("_sort", "-_lastUpdated"), ("_count", "20")]),
}


def timed(call: Callable[[], object], seconds: float = 0.4) -> float:
    """Milliseconds of one call: the median."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def searches(store: Store) -> dict[str, float]:
    def search(type_name: str, pairs: list[tuple[str, str]]) -> Callable[[], object]:
        return lambda: store.search(store.query(type_name, pairs), EVERYTHING)

    found = {"read": timed(lambda: store.read("Patient", "p77", EVERYTHING))}
    return found | {name: timed(search(*one)) for name, one in SEARCHES.items()}


@contextmanager
def places() -> Iterator[list[tuple[str, Callable[[], str | None]]]]:
    """The databases there are, each with a way to make a new one."""
    found = postgres.binaries()
    if found is None:
        print("no PostgreSQL server on this machine: only SQLite is measured", file=sys.stderr)
        yield [("SQLite", lambda: None)]
        return
    with postgres.server(found, durable=True) as where:
        yield [("SQLite", lambda: None), ("PostgreSQL", lambda: _new(where))]


def _new(where: str) -> str:
    url = postgres.new_database(where)
    database = Database(url)
    schema.upgrade(database)
    database.close()
    return url


def main() -> int:
    """Prints the tables; 1 where a bar is missed on SQLite."""
    missed = False
    sizes = [1_000, 100_000, *([1_000_000] if os.environ.get("YHDESSA_BENCH_MILLION") else [])]
    with places() as databases, tempfile.TemporaryDirectory(dir=ROOT.parent) as name:
        print(f"intake of cases, {WORKERS} workers x {THREADS} threads, each case its own durable transaction\n")
        print(f"{'':<12}{'store alone':>22}{'with conversion':>22}")
        for title, make in databases:
            cells = []
            for whole in (False, True):
                folder = Path(name) / f"{title}-{whole}"
                rate, slow = run_intake(make(), str(folder), whole)
                cells.append(f"{rate:8.0f}/s p99 {slow:4.0f} ms")
                missed |= title == "SQLite" and whole and rate < BARS["intake"]
            print(f"{title:<12}{cells[0]:>22}{cells[1]:>22}", flush=True)
        for title, make in databases:
            store = open_store(make(), Path(name) / title, core())
            table: list[dict[str, float]] = []
            before = 0
            for size in sizes:
                fill(store, before, size)
                before = size // 2
                table.append(searches(store))
            store.close()
            print(f"\n{title}, ms (one client)".ljust(32) + "".join(f"{size:>12,}" for size in sizes) + f"{'ratio':>8}")
            for row in table[0]:
                times = "".join(f"{one[row]:>12.2f}" for one in table)
                print(f"{row:<31}{times}{table[-1][row] / table[0][row]:>8.1f}", flush=True)
            missed |= title == "SQLite" and 1000 / table[0]["read"] < BARS["read"]
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
