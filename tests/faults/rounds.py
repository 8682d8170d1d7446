"""Kill the service, its workers or its database at random points, many times, and see what the receivers then have.

    python -m tests.faults.rounds [--rounds 500] [--database sqlite|postgresql|both] [--seed N]

Each accepted plan is at the receiver that its family permits exactly once in effect, in order; nothing is at any other;
each disclosure and each withdrawal stands in the log once.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.fhir.definitions import core
from service.fhir.json import encode
from service.store import Store, audit, outbox, schema
from service.store.audit import Row
from service.store.engine import Database, database_url
from service.store.parameters import Parameters
from service.store.values import instant
from tests.deliver.world import NEUVOLA, case, revoked
from tests.faults.processes import PostgreSQL, Process, free_port, is_ready, receiver, service, until, worker

# An organisation that the example names and does not permit.
DAYCARE = "2.999.10.30.1"
_FILE = """
name = "{name}"
organisation = "{organisation}"
sector = "{sector}"
kind = "fhir_transaction"
url = "{url}"
lanes = 1
[retries]
first = 0.05
ceiling = 0.5
pause = 0.2
"""


@dataclass
class Client:
    """A source system: sends new plans, new versions and revocations, each again until it is accepted."""

    port: int
    dice: random.Random
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    permitted: dict[str, bool] = field(default_factory=dict)
    accepted: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    error: str = ""

    def run(self) -> None:
        while not self.stopping.is_set() and not self.error:
            name = f"plan{self.dice.randrange(8)}"
            before = self.plans.get(name)
            version = before["version"] + 1 if before else 1
            family = f"perhe{int(name[4:]) // 2}"
            document = case(family, plan=name, version=version, title=f"{name} v{version}")
            allowed = self.dice.random() < 0.8
            if not allowed:
                document = revoked(document) | {"version": version}
            self._send(document)
            self.plans[name], self.permitted[name] = document, allowed
            self.accepted += 1
            self.stopping.wait(self.dice.random() * 0.1)

    def _send(self, document: Any) -> None:
        body = encode(document)
        while True:
            status = self._once(body)
            if status in (200, 201):
                return
            if status is not None and 400 <= status < 500 and status != 429:
                self.error = f"a document was refused with {status}"
                return
            time.sleep(0.05)

    def _once(self, body: bytes) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/documents", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


@dataclass
class Scene:
    """Everything that runs."""

    folder: Path
    database: str | None
    server: PostgreSQL | None
    port: int
    service: Process
    workers: list[Process]
    receivers: list[Process]

    def kill(self, what: str, dice: random.Random) -> None:
        """Kill one of them and start it again."""
        if what == "database" and self.server is not None:
            self.server.kill()
            self.server.start()
        elif what == "service":
            self.service.kill()
            self.service.start()
        else:
            chosen = dice.choice(self.workers)
            chosen.kill()
            chosen.start()

    def revive(self) -> None:
        """A worker that gave up on a database that was away is started again, as an operator's supervisor would."""
        for one in (self.service, *self.workers):
            if not one.is_alive:
                one.start()

    def end(self) -> None:
        for one in (self.service, *self.workers, *self.receivers):
            one.kill()
        if self.server is not None:
            self.server.stop()


@contextlib.contextmanager
def scene(kind: str) -> Iterator[Scene]:
    """Two workers, a service and two receivers on a new database."""
    with tempfile.TemporaryDirectory(prefix="yhdessa-faults-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server, database = None, None
        if kind == "postgresql":
            (folder / "pg").mkdir()
            server = PostgreSQL(folder / "pg")
            server.start()
            database = server.database()
        data = folder / "data"
        (data / "receivers").mkdir(parents=True)
        made = []
        for name, organisation, sector in (("neuvola", NEUVOLA, "health"), ("daycare", DAYCARE, "early-education")):
            process, url = receiver(folder, name)
            made.append(process)
            text = _FILE.format(name=name, organisation=organisation, sector=sector, url=url)
            (data / "receivers" / f"{name}.toml").write_text(text)
        one = Database(database_url(database, data))
        schema.upgrade(one)
        one.close()
        port = free_port()
        built = Scene(
            folder,
            database,
            server,
            port,
            service(data, database, port),
            [worker(data, database) for _ in range(2)],
            made,
        )
        built.revive()
        try:
            until(lambda: is_ready(port), "the service does not start")
            yield built
        except AssertionError:
            for log in ("serve.log", "deliver.log"):
                print(f"{log}:", *(data / log).read_text("utf-8").splitlines()[-20:], sep="\n", file=sys.stderr)
            raise
        finally:
            built.end()


def play(kind: str, rounds: int, seed: int, *, show: bool = False) -> dict[str, int]:
    """Kill `rounds` times and check; gives what was counted. `AssertionError` where anything is not as it should be."""
    dice = random.Random(seed)
    with scene(kind) as running:
        client = Client(running.port, random.Random(seed + 1))
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        victims = ["worker", "worker", "worker", "service", *(["database"] if kind == "postgresql" else [])]
        until(lambda: client.accepted >= 3 or bool(client.error), "nothing is accepted")
        for number in range(rounds):
            # Something new is on its way whenever something is killed.
            before, patience = client.accepted, time.monotonic() + 20
            while client.accepted == before and not client.error and time.monotonic() < patience:
                time.sleep(0.02)
            time.sleep(dice.random() * 0.8)
            running.kill(dice.choice(victims), dice)
            running.revive()
            assert not client.error, client.error
            if show and number % 10 == 9:
                print(f"{kind}: {number + 1} of {rounds} rounds, {client.accepted} accepted", flush=True)
        client.stopping.set()
        until(lambda: not _revived(running, thread).is_alive(), "the client does not end")
        assert not client.error, client.error
        store = Store(Database(database_url(running.database, running.folder / "data")), Parameters(core()))
        try:
            until(lambda: _revived(running, thread) is thread and _drained(store), "the outbox is not emptied")
            return check(store, client, running.folder)
        finally:
            store.close()


def _revived(running: Scene, thread: threading.Thread) -> threading.Thread:
    running.revive()
    return thread


def _drained(store: Store) -> bool:
    with store.database.read() as connection:
        return not any(one.state == outbox.WAITING for one in outbox.listed(connection, count=1_000_000))


def check(store: Store, client: Client, folder: Path) -> dict[str, int]:
    """What the receivers have, the log and the outbox must tell the same."""
    changes = [json.loads(line) for line in (folder / "neuvola.changes").read_text().splitlines()]
    changes = [one for one in changes if one["type"] == "CarePlan"]
    assert (folder / "daycare.changes").read_text() == "", "something came to a receiver that nobody had permitted"
    with store.database.read() as connection:
        assert audit.verify(connection).issues == ()
        seen = audit.rows_after(connection, 0, 10_000_000)
        rows = outbox.listed(connection, count=1_000_000)
    assert not [one for one in rows if one.state == outbox.PARKED], "something was parked"
    logged: dict[tuple[str, str], int] = {}
    for one in (row.event() for row in seen):
        if one.detail.interaction in ("disclosure", "withdrawal"):
            plan = one.detail.request.partition("/_history")[0].partition("/")[2]
            # Never confirmed, and found there when it was taken back: after an earlier version nobody can tell which.
            kind = "found" if one.detail.confirmed.startswith("found") else one.detail.interaction
            logged[plan, kind] = logged.get((plan, kind), 0) + 1
    by_plan: dict[str, list[dict[str, str]]] = {}
    for change in changes:
        by_plan.setdefault(change["id"], []).append(change)
    for plan, found in by_plan.items():
        try:
            _check_plan(plan, found, logged)
        except AssertionError as error:
            told = [*found, *(one for one in rows if plan in one.reference), *_said(plan, seen)]
            raise AssertionError("\n".join([str(error), *map(str, told)])) from None
    last = {found[-1]["title"]: found[-1] for found in by_plan.values() if found[-1]["title"]}
    for name, document in client.plans.items():
        title = document["plans"][0]["title"]
        assert (title in last) == client.permitted[name], f"{name}: the receiver does not have what it should have"
    given = sum(count for (_, kind), count in logged.items() if kind == "disclosure")
    return {"accepted": client.accepted, "changes": len(changes), "disclosures": given, "rows": len(rows)}


def _said(plan: str, seen: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """What the log says of the plan, in short."""
    for row in seen:
        detail = row.event().detail
        if plan in detail.request:
            yield instant(row.recorded), detail.interaction, detail.request, detail.confirmed


def _check_plan(plan: str, found: list[dict[str, str]], logged: dict[tuple[str, str], int]) -> None:
    """One plan at the receiver: newer and newer, never the same twice, each change in the log once."""
    versions = [int(one["title"].rpartition("v")[2]) for one in found if one["title"]]
    given = [one for one in found if one["status"] != "entered-in-error"]
    assert versions == sorted(versions) and len(versions) == len(given), f"{plan}: out of order: {versions}"
    assert all(one["digest"] != two["digest"] for one, two in itertools.pairwise(found)), f"{plan}: twice"
    assert len(set(versions)) == len(versions), f"{plan}: the same version twice: {versions}"
    certain, perhaps = logged.get((plan, "disclosure"), 0), logged.get((plan, "found"), 0)
    assert certain <= len(given) <= certain + perhaps, f"{plan}: {len(given)} given, logged {logged}"
    assert logged.get((plan, "withdrawal"), 0) == len(found) - len(given), f"{plan}: withdrawals not logged once"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    for kind in kinds:
        print(f"{kind}: seed {given.seed}", flush=True)
        try:
            print(f"{kind}: {play(kind, given.rounds, given.seed, show=True)}", flush=True)
        except AssertionError as error:
            print(f"{kind}: {error}", file=sys.stderr)
            raise SystemExit(1) from None


if __name__ == "__main__":
    main()
