"""A server of our own in another process, and a plain HTTP client for it; for the demo."""

import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from types import TracebackType

from service.cli.failures import CouldNotRun
from service.issues import issue

# Never through a proxy: the server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, and the milliseconds from the request to the whole answer."""

    status: int
    body: bytes
    ms: float


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """POST a JSON body."""
    return _asked(urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})}))  # noqa: S310


def get(url: str) -> Answer:
    """GET."""
    return _asked(urllib.request.Request(url))  # noqa: S310


def _asked(request: urllib.request.Request) -> Answer:
    started = time.perf_counter()
    try:
        with _opener.open(request, timeout=60) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return Answer(status, text, (time.perf_counter() - started) * 1000)


def free_port() -> int:
    """A port of the loopback address that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """Runs a command that serves; inside `with` it is ready. `seconds` is how long that took."""

    def __init__(self, command: list[str], url: str, patience: float = 30.0) -> None:
        self.url = url
        self.seconds = 0.0
        self._command = command
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        # A file and not a pipe: nobody reads a pipe while the server stays.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> "Server":
        started = time.perf_counter()
        self._process = subprocess.Popen(self._command, stderr=self._said)  # noqa: S603
        while not self._ready():
            self.seconds = time.perf_counter() - started
            if self._process.poll() is not None or self.seconds > self._patience:
                self._process.kill()
                self._process.wait()
                self._said.seek(0)
                said = self._said.read()
                raise CouldNotRun(issue("cli.could-not-run", reason=said.decode("utf-8", "replace").strip()))
            time.sleep(0.01)
        self.seconds = time.perf_counter() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._said.close()

    @property
    def process(self) -> int:
        """The id of the process."""
        return self._process.pid if self._process else 0

    def wait(self) -> None:
        """Until the server ends, or Ctrl-C."""
        if self._process is not None:
            try:
                self._process.wait()
            except KeyboardInterrupt:
                return

    def _ready(self) -> bool:
        try:
            with _opener.open(f"{self.url}/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False
