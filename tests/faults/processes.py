"""The processes that are killed: the service, workers, a PostgreSQL server; each is started again as an operator would.

The receivers live on: they stand for somebody else's machines.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.shared import ROOT
from tests.store import postgres

PATIENCE = 240.0
_YHDESSA = [sys.executable, "-m", "service.cli"]


def until(what: Callable[[], bool], shown: str) -> None:
    """Wait for a condition; `AssertionError` with `shown` where it does not come true."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, shown
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A command that is started, killed and started again; what it says goes to a file."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._command = command
        self._log = log
        self._environment = {**os.environ, **environment}
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("a+b") as out:
            self.running = subprocess.Popen(
                self._command, cwd=ROOT, stdout=out, stderr=out, env=self._environment, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL to it and to all that it has started."""
        if self.running is not None:
            with_all = os.getpgid(self.running.pid)
            os.killpg(with_all, signal.SIGKILL)
            self.running.wait()

    def stop(self) -> float:
        """SIGTERM; how many seconds it took to end."""
        if self.running is None:
            return 0.0
        began = time.monotonic()
        self.running.terminate()
        self.running.wait(60)
        return time.monotonic() - began

    @property
    def is_alive(self) -> bool:
        return self.running is not None and self.running.poll() is None


def service(data: Path, database: str | None, port: int) -> Process:
    """`yhdessa serve` on loopback."""
    named = ["--database", database] if database else []
    command = [*_YHDESSA, "serve", "--data", str(data), "--port", str(port), "--log-level", "error", *named]
    return Process(command, data / "serve.log", {"YHDESSA_EXPORT_RUNNERS": "0", "YHDESSA_RATE": "0"})


def worker(data: Path, database: str | None) -> Process:
    """`yhdessa deliver`, with a lease short enough for rows of a killed one to come back soon."""
    named = ["--database", database] if database else []
    command = [*_YHDESSA, "deliver", "--data", str(data), "--log-level", "warning", *named]
    return Process(command, data / "deliver.log", {"YHDESSA_DELIVERY_LEASE": "2"})


def receiver(folder: Path, name: str) -> tuple[Process, str]:
    """A receiver that remembers, and its address."""
    port = folder / f"{name}.port"
    command = [sys.executable, "-m", "tests.faults.receiver", str(port), str(folder / f"{name}.changes")]
    made = Process(command, folder / f"{name}.log", {})
    made.start()
    until(port.exists, f"the receiver {name} does not start")
    return made, f"http://127.0.0.1:{port.read_text()}"


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


class PostgreSQL:
    """A server in a folder that waits for the disk, as one that is killed must."""

    def __init__(self, folder: Path) -> None:
        found = postgres.binaries()
        assert found is not None
        self._bin, self._folder = found, folder
        self._how = postgres.unprivileged_in(folder)
        self._run("initdb", "-D", str(folder / "data"), "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start, and go on trying: what a killed server leaves behind takes a moment to go."""
        options = f"-k {self._folder} -c listen_addresses= -c max_connections=100"
        given = ["-D", str(self._folder / "data"), "-l", str(self._folder / "log"), "-w", "-o", options, "start"]
        until(lambda: self._run("pg_ctl", *given, check=False) == 0, "PostgreSQL does not start again")

    def kill(self) -> None:
        """SIGKILL to the postmaster: its children notice and end."""
        number = (self._folder / "data" / "postmaster.pid").read_text().splitlines()[0]
        os.kill(int(number), signal.SIGKILL)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop", check=False)

    def database(self) -> str:
        return postgres.new_database(f"host={self._folder} user=test")

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [self._bin / program, *arguments],
            check=check,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **self._how,  # type: ignore[call-overload]
        )
        return int(done.returncode)
