"""Load on an HTTP server: ready-made requests over kept connections, from one thread that costs as little as it can."""

import os
import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: answers a second, milliseconds, answers that were no success, CPU milliseconds an answer."""

    rate: float
    p50: float
    p99: float
    failed: int
    server: float
    client: float


@dataclass(slots=True)
class _Client:
    """One connection: what has been read of the answer, and when its request was due."""

    connection: socket.socket
    read: bytearray = field(default_factory=bytearray)
    due: float = 0.0


def request(method: str, path: str, body: bytes = b"", kind: str = "application/fhir+json") -> bytes:
    """The bytes of one request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/fhir+json, application/json\r\n"
    sent = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{head}{sent}\r\n".encode() + body


def drive(
    port: int, requests: Iterator[bytes], clients: int, seconds: float, process: int, rate: float | None = None
) -> Result:
    """Send `requests` until they or the `seconds` are over: each client its next one when it has its answer.

    With `rate` they are due at so many a second, and an answer's time counts from when its request was due. `process`
    is the server's, whose CPU is counted with that of its children.
    """
    poll = selectors.DefaultSelector()
    idle = [_Client(socket.create_connection(("127.0.0.1", port))) for _ in range(clients)]
    for one in idle:
        one.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(one.connection, selectors.EVENT_READ, one)
    times: list[float] = []
    failed = sent = 0
    over = False
    used, own = cpu(process), time.process_time()
    start = time.perf_counter()
    while True:
        now = time.perf_counter()
        while idle and not over:
            due = now if rate is None else start + sent / rate
            if due - start >= seconds:
                over = True
            elif due > now:
                break
            elif (text := next(requests, None)) is None:
                over = True
            else:
                one = idle.pop()
                one.due, sent = due, sent + 1
                one.connection.sendall(text)
        if over and len(idle) == clients:
            break
        wait = None if rate is None or over or not idle else max(0.0, start + sent / rate - now)
        for key, _ in poll.select(wait):
            one = key.data
            one.read += one.connection.recv(1 << 18)
            if _is_whole(one.read):
                times.append(time.perf_counter() - one.due)
                failed += one.read[9:10] != b"2"
                one.read.clear()
                idle.append(one)
    took = time.perf_counter() - start
    count = max(len(times), 1)
    server, client = (cpu(process) - used) / count * 1000, (time.process_time() - own) / count * 1000
    for one in idle:
        one.connection.close()
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return Result(len(times) / took, cuts[49] * 1000, cuts[98] * 1000, failed, server, client)


def _is_whole(read: bytearray) -> bool:
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = read[:end].lower()
    at = head.find(b"content-length:")
    if at >= 0:
        return len(read) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
    return read.endswith(b"0\r\n\r\n") if b"chunked" in head else True


def cpu(process: int) -> float:
    """CPU seconds of a process and its children so far."""
    found = 0.0
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        found += (int(fields[11]) + int(fields[12])) / _TICK
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return found
    return found + sum(cpu(int(one)) for one in children)
