"""What the HTTP face costs: start to ready, memory of a worker, and a document over HTTP; bars 1 s and 150 MB."""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from service import assets
from service.cli.client import Server, free_port, post

BAR_SECONDS = 1.0
BAR_MEGABYTES = 150.0
ROUNDS = 5


def _server(folder: str) -> Server:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "serve",
        "--port",
        str(port),
        "--data",
        folder,
        "--log-level",
        "error",
    ]
    return Server(command, f"http://127.0.0.1:{port}")


def _processes(server: Server) -> list[Path]:
    children = Path(f"/proc/{server.process}/task/{server.process}/children").read_text("utf-8").split()
    return [Path("/proc") / one for one in (str(server.process), *children)]


def _megabytes(server: Server) -> float:
    """Resident memory of the largest process of the server."""
    pages = [int((one / "statm").read_text("utf-8").split()[1]) for one in _processes(server)]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _worked(server: Server) -> float:
    """Seconds that the processes of the server have computed: what the start takes where nothing else runs."""
    stats = [(one / "stat").read_text("utf-8").rpartition(")")[2].split() for one in _processes(server)]
    return sum(int(one[11]) + int(one[12]) for one in stats) / os.sysconf("SC_CLK_TCK")


def main() -> bool:
    """Prints the table; true where a bar is missed."""
    examples = sorted((assets.schemas() / "source" / "examples").glob("*.json"))
    seconds: list[float] = []
    worked: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            with _server(folder) as server:
                worked.append(_worked(server))
                seconds.append(server.seconds)
        with _server(folder) as server:
            fresh = _megabytes(server)
            first = [post(f"{server.url}/documents", file.read_bytes()).ms for file in examples]
            rounds = [post(f"{server.url}/documents", file.read_bytes()).ms for _ in range(10) for file in examples]
            warm = _megabytes(server)
    middle = statistics.median
    rows = [
        ("start to ready", f"best {min(seconds):.2f} s, median {middle(seconds):.2f} s", f"{BAR_SECONDS} s"),
        ("  computing", f"best {min(worked):.2f} s, median {middle(worked):.2f} s", "–"),
        (
            "largest process",
            f"fresh {fresh:.0f} MB, after {len(rounds)} documents {warm:.0f} MB",
            f"{BAR_MEGABYTES} MB",
        ),
        (
            "POST /documents",
            f"first {max(first):.0f} ms, first round {middle(first):.1f}, then {middle(rounds):.1f} ms (median)",
            "–",
        ),
    ]
    for what, found, bar in rows:
        print(f"{what:<16} {found:<58} bar {bar}")
    return min(seconds) > BAR_SECONDS or warm > BAR_MEGABYTES


if __name__ == "__main__":
    sys.exit(main())
