"""The record over HTTP: intake of cases, transactions, reads, searches; beside other servers, and as it grows.

`python -m bench.store`; `--quick` leaves out the other servers, PostgreSQL and the million. Every server runs in
processes of its own and gets the same requests over 1 and 16 kept connections. Figures of one run can be compared with
each other, not with those of another machine; "CPU" is what an answer costs all processes of the server.
fhirstarter runs where it can be imported or YHDESSA_BENCH_FHIRSTARTER names a Python that has it. With
YHDESSA_BENCH_MILLION=1 PostgreSQL grows to a million resources as well, which takes some minutes more.
"""

import contextlib
import http.client
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from bench._cases import LARGE, Cases
from bench._figures import machine, pace
from bench._load import Result, drive, request
from service.config import TEST_KEY
from service.fhir.definitions import core
from service.fhir.json import encode
from service.pipeline import default
from service.store import EVERYTHING, Author, Store, open_store, schema
from service.store.engine import Database
from service.store.records import Change
from service.store.resources import apply, prepare
from tests.store import postgres

ROOT = Path(__file__).resolve().parent.parent
# A meeting, a plan and permissions of a family with one child: the size of case that the bar is about.
CASE = "aika-case-without-client-relationship.json"
AUTHOR = Author("bench", "2.999.10.10.1")
WORKERS, CLIENTS = 2, 16
BARS = {"intake": 250.0, "p99": 60.0, "read": 1500.0}
PATIENTS = 200


def patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "active": True,
        "identifier": [{"system": "urn:s", "value": str(number)}],
        "name": [{"family": f"Family{number}"}],
        "birthDate": f"{1950 + number % 70}-03-{1 + number % 28:02d}",
    }


def bundles(many: int) -> list[bytes]:
    """The transactions that so many new cases become."""
    converter = default(TEST_KEY.encode())
    cases = Cases(CASE)
    return [encode(converter.convert_text(one).bundle) for one in itertools.islice(cases, many)]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: its name, where, and which process it is. `known` are ids that it gave its Patients."""

    name: str
    port: int
    base: str
    process: int
    ids: tuple[str, ...]


Measured = dict[str, dict[int, Result]]


def measure(server: Server, seconds: float, transactions: Sequence[bytes], *, is_ours: bool) -> Measured:
    """Every kind of request with 1 and with 16 clients."""
    base, found = server.base, Measured()
    kinds: dict[str, Iterator[bytes]] = {}
    if is_ours:
        kinds["intake"] = (request("POST", "/documents", one, "application/json") for one in Cases(CASE))
        kinds["intake, large"] = (request("POST", "/documents", one, "application/json") for one in Cases(LARGE))
    if transactions:
        kinds["transaction"] = (request("POST", base, one) for one in transactions)
    new = (
        {name: value for name, value in patient(number).items() if name != "id"} for number in itertools.count(10**6)
    )
    kinds["create"] = (request("POST", f"{base}/Patient", encode(one)) for one in new)
    kinds["read"] = itertools.cycle([request("GET", f"{base}/Patient/{one}") for one in server.ids])
    wanted = [f"{base}/Patient?identifier=urn:s%7C{number}" for number in range(PATIENTS)]
    kinds["search"] = itertools.cycle([request("GET", one) for one in wanted])
    for name, requests in kinds.items():
        # Not measured: what is compiled or filled when it is first used.
        drive(server.port, itertools.islice(requests, 40), 4, seconds, server.process)
        found[name] = {
            clients: drive(server.port, requests, clients, seconds, server.process) for clients in (1, CLIENTS)
        }
    if is_ours:
        steady = (request("POST", "/documents", one, "application/json") for one in Cases(CASE))
        steady = itertools.islice(steady, 100_000, None)
        found["intake, 250 a second"] = {
            CLIENTS: drive(server.port, steady, CLIENTS, seconds, server.process, BARS["intake"])
        }
    return found


@contextmanager
def running(command: Sequence[str], port: int, path: str, patience: float = 300) -> Iterator[int]:
    """The server's process, once `path` is answered with success."""
    none = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=none, stderr=none, cwd=ROOT, start_new_session=True) as process:
        until = time.monotonic() + patience
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"bench: did not start: {' '.join(command[:4])}")
                time.sleep(0.2)
            yield process.pid
        finally:
            # Whatever it has started ends with it.
            os.killpg(process.pid, signal.SIGTERM)


def _answers(port: int, path: str) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(_connection(port)) as one:
        one.request("GET", path)
        return one.getresponse().status < 300
    return False


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def ours(name: str, url: str | None, folder: Path) -> Iterator[Server]:
    port = _port()
    options = ["--port", str(port), "--data", str(folder), "--workers", str(WORKERS), "--rate", "0"]
    options += ["--database", url] if url else []
    with running([sys.executable, "-m", "service.cli", "serve", *options], port, "/ready") as process:
        yield Server(name, port, "/fhir", process, _patients(port, "/fhir"))


def _patients(port: int, base: str) -> tuple[str, ...]:
    """Patients under ids of our choice."""
    connection = _connection(port)
    for number in range(PATIENTS):
        head = {"Content-Type": "application/fhir+json"}
        connection.request("PUT", f"{base}/Patient/p{number}", encode(patient(number)), head)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"bench: {base} refused a Patient with {answer.status}")
    connection.close()
    return tuple(f"p{number}" for number in range(PATIENTS))


@contextmanager
def fhirstarter(folder: Path) -> Iterator[Server | None]:
    """The framework from PyPI, with dictionaries for a database and two processes."""
    python = os.environ.get("YHDESSA_BENCH_FHIRSTARTER")
    if python is None and importlib.util.find_spec("fhirstarter") is not None:
        python = sys.executable
    if python is None:
        print("fhirstarter is not installed here: left out", file=sys.stderr)
        yield None
        return
    port, file = _port(), folder / "patients.ndjson"
    file.write_bytes(b"\n".join(encode(patient(number)) for number in range(PATIENTS)))
    command = [python, "-W", "ignore", str(ROOT / "bench" / "_fhirstarter.py"), str(port), str(file)]
    with running(command, port, "/Patient/p1") as process:
        yield Server("fhirstarter, in memory", port, "", process, tuple(f"p{number}" for number in range(PATIENTS)))


@contextmanager
def hapi() -> Iterator[Server | None]:
    """HAPI FHIR's JPA server with H2 in memory, as `make interop` builds it."""
    if not shutil.which("java") or not shutil.which("mvn"):
        print("no Java or Maven on this machine: HAPI FHIR is left out", file=sys.stderr)
        yield None
        return
    from tests.interop.hapi import server

    with server() as url:
        port = int(url.split(":")[2].split("/")[0])
        own = Path("/proc/self/task", str(os.getpid()), "children").read_text().split()
        yield Server("HAPI JPA, H2 in memory", port, "/fhir", int(own[-1]), _patients(port, "/fhir"))


def fill(store: Store, start: int, many: int) -> None:
    """Patients and plans up to `many` resources."""
    for first in range(start, many // 2, 1000):
        changes = []
        for number in range(first, min(first + 1000, many // 2)):
            subject = {"reference": f"Patient/p{number}"}
            plan = {"resourceType": "CarePlan", "id": f"c{number}", "status": "active", "subject": subject}
            changes += [Change(str(one["resourceType"]), str(one["id"]), "PUT", one) for one in (patient(number), plan)]
        prepared = [prepare(one, store.parameters) for one in changes]

        def work(connection: Connection, prepared: Any = prepared, at: int = first) -> None:
            apply(connection, prepared, {}, AUTHOR, at * 1000)

        store.database.write(work)
    # What a server that runs for long has done by itself by now.
    tidy = "ANALYZE" if store.database.is_sqlite else "VACUUM ANALYZE"
    with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(tidy))


SEARCHES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "identifier": ("Patient", [("identifier", "urn:s|77")]),
    "family name": ("Patient", [("family:exact", "Family77")]),
    "newest of one patient": ("CarePlan", [("subject", "Patient/p77"), ("_sort", "-_lastUpdated")]),
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
def databases(quick: bool) -> Iterator[list[tuple[str, Callable[[], str | None]]]]:
    """The databases there are, each with a way to make a new one."""
    found = None if quick else postgres.binaries()
    if found is None:
        print("only SQLite is measured" + ("" if quick else ": no PostgreSQL server on this machine"), file=sys.stderr)
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


def show(found: dict[str, Measured]) -> None:
    """The table, with how many times as fast ours on SQLite is."""
    first = next(iter(found.values()))
    print("\n| request | clients | server | a second | p50 ms | p99 ms | CPU ms | ours is |\n|" + "---|" * 8)
    for kind, by_clients in first.items():
        for clients, own in by_clients.items():
            for name, measured in found.items():
                one = measured.get(kind, {}).get(clients)
                if one is None:
                    continue
                ratio = "" if one is own else f"{own.rate / max(one.rate, 1e-9):.1f} ×"
                wrong = f" ({one.failed} failed)" if one.failed else ""
                figures = f"{one.rate:,.0f}{wrong} | {one.p50:.1f} | {one.p99:.1f} | {one.server:.2f} | {ratio}"
                print(f"| {kind} | {clients} | {name} | {figures} |", flush=True)
    load = max(one.client for measured in found.values() for row in measured.values() for one in row.values())
    print(f"\nThe load itself cost at most {load:.2f} ms CPU an answer.", flush=True)


def missed(found: Measured) -> list[str]:
    """The bars that ours on SQLite misses."""
    busy, steady, read = found["intake"][CLIENTS], found["intake, 250 a second"][CLIENTS], found["read"][CLIENTS]
    bars = {
        f"intake {busy.rate:.0f} a second, bar {BARS['intake']:.0f}": busy.rate < BARS["intake"],
        f"intake p99 {steady.p99:.0f} ms at 250 a second, bar {BARS['p99']:.0f}": steady.p99 > BARS["p99"],
        f"read {read.rate:.0f} a second, bar {BARS['read']:.0f}": read.rate < BARS["read"],
        "some requests failed": any(one.failed for row in found.values() for one in row.values()),
    }
    return [name for name, is_missed in bars.items() if is_missed]


def growing(title: str, url: str | None, folder: Path, sizes: Sequence[int]) -> None:
    """Reads and searches of one client as the store grows, straight at the store."""
    store = open_store(url, folder, core())
    table: list[dict[str, float]] = []
    before = 0
    for size in sizes:
        fill(store, before, size)
        before = size // 2
        table.append(searches(store))
    store.close()
    print(
        f"\n| {title}, ms | "
        + " | ".join(f"{size:,}" for size in sizes)
        + " | ratio |\n|---|"
        + "---|" * (len(sizes) + 1)
    )
    for row in table[0]:
        times = " | ".join(f"{one[row]:.2f}" for one in table)
        print(f"| {row} | {times} | {table[-1][row] / table[0][row]:.1f} |", flush=True)


def main(quick: bool = False) -> int:
    """Print the tables; 1 where a bar is missed on SQLite."""
    seconds = 2.0 if quick else 4.0
    transactions = bundles(600 if quick else 1200)
    found: dict[str, Measured] = {}
    alone, together = pace()
    print(f"{machine()}; an empty call takes {alone:.0f} ns, {together:.0f} ns with all cores busy", flush=True)
    with databases(quick) as kinds, tempfile.TemporaryDirectory(dir=ROOT.parent) as name:
        folder = Path(name)
        for title, make in kinds:
            with ours(f"ours, {title}", make(), folder / title) as server:
                found[server.name] = measure(server, seconds, transactions, is_ours=True)
        if not quick:
            for other in (fhirstarter(folder), hapi()):
                with other as one:
                    if one is not None:
                        posted = transactions if one.base else ()
                        found[one.name] = measure(one, seconds, posted, is_ours=False)
        show(found)
        lines = missed(next(iter(found.values())))
        print("\n".join(f"MISSED: {one}" for one in lines), flush=True)
        for title, make in kinds:
            whole = os.environ.get("YHDESSA_BENCH_MILLION") or (title == "SQLite" and not quick)
            sizes = (1_000, 100_000, *((1_000_000,) if whole else ()))
            growing(title, make(), folder / f"{title}-growing", sizes)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv[1:]))
