"""Sixteen clients at random on a server that is killed again and again: nothing lost, nothing twice, all in order.

`YHDESSA_TEST_KILLS` sets how often it is killed (3); the longer, the more can be found.
"""

import contextlib
import http.client
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from service.cli.client import free_port
from service.store import audit
from service.store.engine import Database
from tests.api.linearizable import Call, problems

KILLS = int(os.environ.get("YHDESSA_TEST_KILLS", "3"))
CLIENTS, KEYS, BETWEEN, SYSTEM = 16, 6, 100, "urn:oid:2.999.13.10.1"
PATIENCE = 120.0
Json = dict[str, Any]


@dataclass
class World:
    """The server, when it is up, and what the clients have seen."""

    port: int
    command: list[str]
    up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    calls: list[Call] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        self.process = subprocess.Popen(self.command, start_new_session=True, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while not _ready(self.port):
            assert time.monotonic() < until and self.process.poll() is None, "the server does not start"
            time.sleep(0.02)
        self.up.set()

    def kill(self) -> None:
        """The server and its workers, wherever they are."""
        self.up.clear()
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _ready(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/ready")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


@pytest.fixture
def world(tmp_path: Path, url: str) -> Iterator[World]:
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--data", str(tmp_path)]
    one = World(port, [*command, "--database", url, "--workers", "2"])
    yield one
    one.over.set()
    with contextlib.suppress(ProcessLookupError):
        one.kill()


class Client:
    """One client: makes calls at random, remembers the versions it has seen, and writes down what came of each."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.chance = random.Random(number)
        self.seen: dict[str, int] = {}
        self.count = 0
        self.line: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            while not self.world.over.is_set():
                if self.world.up.wait(0.1):
                    self.step()
        finally:
            self.let_go()

    def let_go(self) -> None:
        if self.line is not None:
            self.line.close()
        self.line = None

    def step(self) -> None:
        key = f"r{self.chance.randrange(KEYS)}"
        match = self.seen.get(key) if self.chance.random() < 0.6 else None
        call = Call(self.number, "read", key, 0.0, math.inf, 0, match=match)
        turn = self.chance.random()
        if turn < 0.4:
            self._one(replace(call, match=None), "GET")
        elif turn < 0.8:
            self._one(replace(call, kind="write", value=self._value()), "PUT")
        elif turn < 0.85:
            self._one(replace(call, kind="write", value=self._value(), match=None, fresh=True), "PUT")
        elif turn < 0.93:
            self._one(replace(call, kind="delete"), "DELETE")
        else:
            self._two(call)

    def _value(self) -> str:
        self.count += 1
        return f"{self.number}-{self.count}"

    def _one(self, call: Call, method: str) -> None:
        headers = {"If-Match": f'W/"{call.match}"'} if call.match else {"If-None-Match": "*"} if call.fresh else {}
        body = _patient(call.key, call.value) if call.kind == "write" else None
        start, end, status, etag, found = self._ask(method, f"/fhir/Patient/{call.key}", body, headers)
        version = _version(etag) if status < 400 or status == 410 else None
        value = _value_of(found) if call.kind == "read" and status == 200 else call.value
        self._saw(replace(call, start=start, end=end, status=status, version=version, value=value))

    def _two(self, call: Call) -> None:
        """A transaction over two resources: both or neither."""
        keys = [f"r{one}" for one in self.chance.sample(range(KEYS), 2)]
        value, whole = self._value(), uuid.uuid4().hex
        entries = [
            {"resource": _patient(one, value), "request": {"method": "PUT", "url": f"Patient/{one}"}} for one in keys
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        start, end, status, _, found = self._ask("POST", "/fhir", body, {})
        for number, key in enumerate(keys):
            version = _version(found["entry"][number]["response"]["etag"]) if status == 200 else None
            self._saw(
                replace(
                    call,
                    kind="write",
                    key=key,
                    start=start,
                    end=end,
                    status=status,
                    value=value,
                    version=version,
                    match=None,
                    whole=whole,
                )
            )

    def _saw(self, call: Call) -> None:
        if call.start:
            self.world.calls.append(call)
        if call.version:
            self.seen[call.key] = call.version

    def _ask(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> tuple[float, float, int, str, Json]:
        """Start, end, status, ETag and body. Where no answer came the status is 0, where nothing was sent the start."""
        id_ = uuid.uuid4().hex
        text = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/fhir+json", "X-Request-Id": id_, **headers}
        start = 0.0
        try:
            if self.line is None:
                self.line = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=PATIENCE)
                self.line.connect()
            start = time.monotonic()
            self.line.request(method, path, text, sent)
            answer = self.line.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException):
            self.let_go()
            return start, math.inf, 0, "", {}
        end = time.monotonic()
        assert answer.status in (200, 201, 204, 404, 410, 412), (answer.status, found[:500])
        self.world.requests.append(id_)
        return start, end, answer.status, answer.headers.get("ETag", ""), json.loads(found) if found else {}


def _patient(key: str, value: str | None) -> Json:
    return {"resourceType": "Patient", "id": key, "identifier": [{"system": SYSTEM, "value": value}]}


def _value_of(found: Json) -> str:
    return str(found["identifier"][0]["value"])


def _version(etag: str) -> int | None:
    return int(etag[3:-1]) if etag else None


def _history(world: World, path: str) -> list[tuple[str, int, str | None]]:
    """(id, version, value) of every version, oldest first."""
    line = http.client.HTTPConnection("127.0.0.1", world.port, timeout=PATIENCE)
    found: list[tuple[str, int, str | None]] = []
    following: str | None = f"{path}/_history?_count=200"
    while following:
        line.request("GET", following)
        bundle = json.loads(line.getresponse().read())
        for one in bundle.get("entry", ()):
            value = _value_of(one["resource"]) if "resource" in one else None
            found.append((one["fullUrl"].rpartition("/")[2], _version(one["response"]["etag"]) or 0, value))
        following = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
        following = following and following[following.index("/fhir") :]
    line.close()
    return found[::-1]


@pytest.mark.slow
def test_one_thing_after_the_other(world: World, url: str) -> None:
    world.start()
    clients = [Client(world, number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(one.run) for one in clients]
        try:
            for turn in range(KILLS + 1):
                _let_them(world, len(world.requests) + BETWEEN, running)
                if turn < KILLS:
                    world.kill()
                    world.start()
        finally:
            world.over.set()
    for one in running:
        one.result()
    histories = {f"r{number}": _history(world, f"/fhir/Patient/r{number}") for number in range(KEYS)}
    assert problems(world.calls, {key: [row[1:] for row in rows] for key, rows in histories.items()}) == []
    assert sorted(_history(world, "/fhir/Patient")) == sorted(row for rows in histories.values() for row in rows)
    assert {one.status for one in world.calls} >= {0, 200, 201, 204, 412}, "nothing much has happened"
    world.kill()
    _check_use_log(url, world.requests)


def _let_them(world: World, count: int, running: list[Any]) -> None:
    """Wait until that many calls were answered."""
    until = time.monotonic() + PATIENCE
    while len(world.requests) < count:
        for one in running:
            if one.done():
                one.result()
        assert time.monotonic() < until, "the clients do not get on"
        time.sleep(0.005)


def _check_use_log(url: str, answered: list[str]) -> None:
    """Whatever was answered stands in the use log, once, and the log is whole."""
    database = Database(url)
    try:
        with database.read() as connection:
            assert audit.verify(connection).issues == ()
            rows, last = [], 0
            while some := audit.rows_after(connection, last, 1000):
                rows += [one.event().detail.request for one in some]
                last = some[-1].seq
    finally:
        database.close()
    assert len(rows) == len(set(rows))
    assert set(answered) <= set(rows)
