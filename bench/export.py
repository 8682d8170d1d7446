"""Bulk export: resources a second and the most memory, from 10,000 to a million, beside two other ways.

`python -m bench export`; YHDESSA_BENCH_EXPORT says how many at most (1000000), and with YHDESSA_BENCH_POSTGRESQL=1 it
is done on PostgreSQL as well. The other ways, in the same run: `SELECT body` straight into one file (what the disk and
the driver leave no way to beat), and search pages of 1,000 over the store (what a client without `$export` would do).
Each runs in a process of its own, so that the memory is its own.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from bench._figures import peak
from service.clock import now
from service.export import jobs
from service.export.jobs import Job
from service.export.run import Limits
from service.export.runner import Runner
from service.export.snapshot import take
from service.export.sparing import sparing
from service.export.wanted import ANY, Wanted
from service.fhir.definitions import core
from service.store import EVERYTHING, Store, open_store, schema, tables
from service.store.bulk import insert_rows
from service.store.engine import Database
from service.store.values import instant, micros
from tests.store import postgres

MOST = int(os.environ.get("YHDESSA_BENCH_EXPORT", "1000000"))
BAR = 50_000
# Memory may grow by this much from the smallest to the largest store.
FLAT = 1.3
# About as long as ours are.
BODIES = {
    "Patient": b'{"resourceType":"Patient","id":"P%d","meta":{"versionId":"1","lastUpdated":"%s"},"active":true,'
    b'"identifier":[{"system":"urn:oid:1.2.246.21","value":"%d"}],"name":[{"text":"' + b"x" * 500 + b'"}]}',
    "CarePlan": b'{"resourceType":"CarePlan","id":"C%d","meta":{"versionId":"1","lastUpdated":"%s"},"status":"active",'
    b'"intent":"plan","subject":{"reference":"Patient/P%d"},"description":"' + b"x" * 1500 + b'"}',
}
Measured = tuple[float, float, float, int]


def export(store: Store, folder: Path) -> int:
    """The export as a client gets it: job, files, synced to the disk."""
    wanted = Wanted("system", "bench", (ANY,), "everything")
    job = Job("bench", "bench", "", jobs.WAITING, wanted, take(store), micros(now()), 0, 0, 0, None, None)
    store.database.write(lambda connection: jobs.begin(connection, job))
    Runner(store, folder, Limits()).once()
    with store.database.read() as connection:
        return sum(one.count for one in jobs.files(connection, job.id))


def dump(store: Store, folder: Path) -> int:
    """Every body there is, in no order and of no moment."""
    count = 0
    with store.database.read() as connection, (folder / "dump").open("wb") as stream:
        found = connection.exec_driver_sql("SELECT body FROM version").yield_per(1000)
        for some in found.partitions():
            stream.write(b"\n".join(row[0] for row in some) + b"\n")
            count += len(some)
        stream.flush()
        os.fsync(stream.fileno())
    return count


def pages(store: Store, folder: Path) -> int:
    """Search pages, one after the other; at most a tenth of all, for the time it takes."""
    count, most = 0, 100_000
    with (folder / "pages").open("wb") as stream:
        for name in ("CarePlan", "Patient"):
            query = store.query(name, [("_count", "1000"), ("_total", "none")])
            page: str | None = None
            while count < most:
                found = store.search(query, EVERYTHING, page)
                stream.writelines((one.body or b"") + b"\n" for one in found.entries)
                count += len(found.entries)
                page = found.next
                if page is None:
                    break
    return count


def stored(store: Store, start: int, many: int) -> None:
    """Patients and plans up to `many` resources, as rows: what is searched for in them is not what is measured."""
    for first in range(start, many // 2, 10_000):
        numbers = range(first, min(first + 10_000, many // 2))
        both = [one for number in numbers for one in (("Patient", number), ("CarePlan", number))]
        rids = [2 * number + (type_name == "CarePlan") + 1 for type_name, number in both]
        rows = [
            (rid, name, f"{name[0]}{n}", 1, n * 1000, 0, b"", "1") for rid, (name, n) in zip(rids, both, strict=True)
        ]
        bodies = [
            (rid, 1, name, "PUT", n * 1000, BODIES[name] % (n, instant(n * 1000).encode(), n), "bench", "1", None, None)
            for rid, (name, n) in zip(rids, both, strict=True)
        ]
        store.database.write(lambda connection, rows=rows, bodies=bodies: _insert(connection, rows, bodies))  # type: ignore[misc]
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _insert(connection: Connection, rows: list[Any], bodies: list[Any]) -> None:
    names = ("rid", "type", "id", "version", "updated", "deleted", "digest", "organisation")
    insert_rows(connection, tables.resource, names, rows)
    names = ("rid", "version", "type", "method", "updated", "body", "client", "organisation", "did", "document_version")
    insert_rows(connection, tables.version, names, bodies)


WAYS: dict[str, Callable[[Store, Path], int]] = {"$export": export, "SELECT body": dump, "search pages": pages}


def measure(way: str, url: str | None, data: str, results: Any) -> None:
    """One way in this process: seconds by the clock, seconds of work, the most memory in MB, resources."""
    with tempfile.TemporaryDirectory(dir=data) as folder:
        store = sparing(open_store(url, Path(data), core()))
        store.parameters.of("CarePlan")
        began, worked = time.perf_counter(), time.process_time()
        count = WAYS[way](store, Path(folder))
        took, work = time.perf_counter() - began, time.process_time() - worked
        store.close()
    results.put((took, work, peak(), count))


def alone(way: str, url: str | None, data: str) -> Measured:
    start = multiprocessing.get_context("spawn")
    results = start.Queue()
    worker = start.Process(target=measure, args=(way, url, data, results))
    worker.start()
    found: Measured = results.get()
    worker.join()
    return found


def table(url: str | None, data: str, backend: str) -> bool:
    """Fill, measure, fill more; True where a bar was missed."""
    print(f"| {backend}: stored | way | resources/s | of one core | peak memory |\n|---|---|---|---|---|")
    memory: list[float] = []
    missed, start = False, 0
    for many in (10_000, 100_000, 1_000_000):
        if many > MOST:
            break
        store = open_store(url, Path(data), core())
        stored(store, start, many)
        store.close()
        start = many // 2
        for way in WAYS:
            took, work, most, count = alone(way, url, data)
            print(f"| {many:,} | {way} | {count / took:,.0f} | {count / work:,.0f} | {most:.0f} MB |", flush=True)
            if way == "$export":
                memory.append(most)
                missed |= many >= 100_000 and backend == "SQLite" and count / took < BAR
                database = open_store(url, Path(data), core())
                database.database.write(lambda connection: jobs.remove(connection, "bench"))
                database.close()
    growth = memory[-1] / memory[0]
    print(f"\nmemory of the largest beside the smallest: {growth:.2f} (bar {FLAT})\n", flush=True)
    return missed or growth > FLAT


def main() -> bool:
    """Print the tables; True where a bar was missed."""
    with tempfile.TemporaryDirectory() as folder:
        missed = table(None, folder, "SQLite")
    found = postgres.binaries() if os.environ.get("YHDESSA_BENCH_POSTGRESQL") else None
    if found is not None:
        with postgres.server(found) as where, tempfile.TemporaryDirectory() as folder:
            url = postgres.new_database(where)
            database = Database(url)
            schema.upgrade(database)
            database.close()
            missed |= table(url, folder, "PostgreSQL")
    return missed


if __name__ == "__main__":
    sys.exit(main())
