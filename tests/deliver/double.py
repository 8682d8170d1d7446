"""A FHIR receiver on loopback that answers as it is told: `python -m tests.deliver.double --port 9000 --log log.jsonl`.

In a test: `with double([{"do": "lose-reply"}]) as receiver: receiver.url`. Over HTTP, for a double in another process:
`PUT /_script` with a list of steps (see `tests.deliver.script`), `GET /_changes` for the log, `GET /_requests`.
"""

import argparse
import contextlib
import email.utils
import http.server
import json
import ssl
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.deliver.certificates import Pair
from tests.deliver.records import TYPES, Json, Made, Records, Refusal
from tests.deliver.script import Script, Step
from tests.deliver.smart_server import SmartServer

FHIR = "application/fhir+json"


@dataclass
class Double:
    """A running receiver. `requests` has every request: method, path, headers in lower case, body, what was done."""

    records: Records
    script: Script
    url: str = ""
    bearer: str | None = None
    smart: SmartServer | None = None
    abilities: Json = field(default_factory=dict)
    """Laid over what the CapabilityStatement says of each resource type."""
    requests: list[Json] = field(default_factory=list)
    keep_requests: bool = True
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def changes(self) -> list[Json]:
        return list(self.records.changes)

    def effects(self) -> list[str]:
        """The log in short: `create CarePlan`, `update CarePlan`, …"""
        return [f"{one['change']} {one['type']}" for one in self.records.changes]

    def capabilities(self) -> Json:
        each = {
            "interaction": [{"code": code} for code in ("read", "create", "update", "delete", "search-type")],
            "versioning": "versioned",
            "readHistory": False,
            "updateCreate": True,
            "conditionalCreate": True,
            "conditionalUpdate": True,
            "conditionalDelete": "single",
            "searchParam": [{"name": "identifier", "type": "token"}, {"name": "_id", "type": "token"}],
        } | self.abilities.get("*", {})
        rest: Json = {
            "mode": "server",
            "resource": [{"type": name} | each | self.abilities.get(name, {}) for name in TYPES],
            "interaction": [{"code": code} for code in self.abilities.get("system", ("transaction", "batch"))],
        }
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-21",
            "kind": "instance",
            "software": {"name": "Receiver double", "version": "1"},
            "implementation": {"description": "Receiver double", "url": self.url},
            "fhirVersion": "4.0.1",
            "format": [FHIR, "json"],
            "rest": [rest],
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    double: Double

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        if parts.path.startswith("/_"):
            self._control(parts.path, body)
            return
        step = self.double.script.next(f"{self.command} {parts.path}")
        if self.double.keep_requests:
            headers = {name.lower(): value for name, value in self.headers.items()}
            row = {"method": self.command, "path": self.path, "headers": headers, "body": body, "step": step["do"]}
            self.double.requests.append(row)
        if step["do"] == "answer":
            self._answer(step["status"], _scripted_headers(step), _scripted_body(step))
        elif step["do"] == "drop":
            self._leave()
        elif step["do"] == "hang":
            self.double.stopping.wait(step.get("seconds", 600))
            self._leave()
        else:
            status, headers, answer = self._carried_out(parts.path.strip("/"), parts.query, body)
            self._told(step, status, headers, answer)

    def _told(self, step: Step, status: int, headers: Json, body: bytes) -> None:
        """The answer to what was carried out, as the step wants it."""
        kind = step["do"]
        if kind == "slow":
            self.double.stopping.wait(step.get("seconds", 1))
        elif kind == "wrong-json":
            body = b"<html>Good morning</html>"
        elif kind == "wrong-type":
            body = b'{"resourceType": "Basic", "id": "1"}'
        elif kind == "long":
            body = b'{"resourceType": "Bundle", "id": "' + b"x" * step["size"] + b'"}'
        if kind == "lose-reply":
            self._leave()
        elif kind in ("close-mid", "trickle"):
            self._begin(status, headers, max(len(body), 2))
            self._dribble(body, kind == "close-mid", step.get("seconds", 0.2))
            self._leave()
        else:
            self._answer(status, headers, body)

    def _dribble(self, body: bytes, cut: bool, seconds: float) -> None:
        with contextlib.suppress(OSError):
            if cut:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                return
            for one in body:
                self.wfile.write(bytes([one]))
                self.wfile.flush()
                if self.double.stopping.wait(seconds):
                    return

    def _carried_out(self, path: str, query: str, body: bytes) -> tuple[int, Json, bytes]:
        double = self.double
        if double.smart is not None and path in (".well-known/smart-configuration", "token"):
            status, made = double.smart.answer(path, body, double.url)
            return status, {"Content-Type": "application/json"}, json.dumps(made).encode()
        if path == "metadata":
            return 200, {"Content-Type": FHIR}, json.dumps(double.capabilities()).encode()
        if not self._let_in():
            return _outcome(401, "no token, or one that is not good", {"WWW-Authenticate": "Bearer"})
        try:
            resource = json.loads(body) if body else None
            if self.command == "POST" and not path:
                return self._transaction(resource)
            if self.command == "GET" and "/" not in path:
                return self._found(path, query)
            made = double.records.single(self.command, path, query, resource, self.headers.get("If-None-Exist"))
        except ValueError:
            return _outcome(400, "the body is no JSON")
        except Refusal as refusal:
            return _outcome(refusal.status, refusal.text)
        return made[0], _location(double.url, made), json.dumps(made[1]).encode() if made[1] else b""

    def _let_in(self) -> bool:
        given = self.headers.get("Authorization", "")
        if self.double.smart is not None:
            return self.double.smart.good(given.removeprefix("Bearer "))
        return self.double.bearer is None or given == f"Bearer {self.double.bearer}"

    def _transaction(self, bundle: Json | None) -> tuple[int, Json, bytes]:
        if not bundle or bundle.get("type") != "transaction":
            raise Refusal(400, "no transaction Bundle")
        made = self.double.records.transaction(bundle)
        entries = [{"response": {"status": str(one[0]), **_located(one)}} for one in made]
        answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        return 200, {"Content-Type": FHIR}, json.dumps(answer).encode()

    def _found(self, type_name: str, query: str) -> tuple[int, Json, bytes]:
        records = self.double.records
        rows = [records.read(type_name, one) for one in records.search(type_name, query)]
        made = {"resourceType": "Bundle", "type": "searchset", "total": len(rows)}
        entries = [{"fullUrl": f"{self.double.url}/{type_name}/{one['id']}", "resource": one} for one in rows if one]
        return 200, {"Content-Type": FHIR}, json.dumps(made | ({"entry": entries} if entries else {})).encode()

    def _control(self, path: str, body: bytes) -> None:
        if path == "/_script" and self.command == "PUT":
            self.double.script.set(json.loads(body))
        shown: Any = {"/_changes": self.double.changes, "/_script": {"left": self.double.script.left}}.get(path)
        if path == "/_requests":
            shown = [one | {"body": one["body"].decode("utf-8", "replace")} for one in self.double.requests]
        self._answer(200 if shown is not None else 404, {}, json.dumps(shown).encode())

    def _begin(self, status: int, headers: Json, length: int) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": FHIR} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: int, headers: Json, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self._begin(status, headers, len(body))
            self.wfile.write(body)
            self.wfile.flush()

    def _leave(self) -> None:
        self.close_connection = True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, handler: type[_Handler], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake is each thread's own, so that a client that does not finish it keeps nobody waiting.
        if self._context is not None:
            with contextlib.suppress(OSError), self._context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
            return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


def tls(pair: Pair, client_authority: Path | None = None) -> ssl.SSLContext:
    """What a server with this certificate needs; with `client_authority` clients must show one of theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context


@contextlib.contextmanager
def double(
    steps: Iterable[Step] = (),
    *,
    script: Script | None = None,
    log: Path | None = None,
    sync: bool = True,
    context: ssl.SSLContext | None = None,
    bearer: str | None = None,
    smart: SmartServer | None = None,
    abilities: Json | None = None,
    port: int = 0,
    host: str = "127.0.0.1",
) -> Iterator[Double]:
    """A receiver until the block ends; `host` is the name in its address (`localhost` or `127.0.0.1`)."""
    records = Records(log, sync=sync)
    made = Double(records, script or Script(steps), bearer=bearer, smart=smart, abilities=abilities or {})
    server = _Server(port, type("Handler", (_Handler,), {"double": made}), context)
    made.url = f"{'https' if context else 'http'}://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
        records.close()


def _scripted_headers(step: Step) -> Json:
    headers = dict(step.get("headers", {}))
    if "retry_after" in step:
        headers["Retry-After"] = str(step["retry_after"])
    if "retry_date" in step:
        headers["Retry-After"] = email.utils.formatdate(time.time() + step["retry_date"], usegmt=True)
    return headers


def _scripted_body(step: Step) -> bytes:
    if "body" in step:
        body = step["body"]
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return _outcome(step["status"], "as the script says")[2]


def _outcome(status: int, text: str, headers: Json | None = None) -> tuple[int, Json, bytes]:
    row = {"severity": "error", "code": "processing", "diagnostics": text}
    return status, headers or {}, json.dumps({"resourceType": "OperationOutcome", "issue": [row]}).encode()


def _located(made: Made) -> Json:
    version = made[1]["meta"]["versionId"] if made[1] else None
    return {"location": f"{made[2]}/_history/{version}", "etag": f'W/"{version}"'} if version else {}


def _location(url: str, made: Made) -> Json:
    found = _located(made)
    return {"Location": f"{url}/{found['location']}", "ETag": found["etag"]} if found else {}


def main() -> None:
    """The double as a process of its own, until it is interrupted; the first line it prints is its address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="file that keeps every effective change (JSON lines)")
    parser.add_argument("--no-sync", action="store_true", help="do not wait for the disk")
    parser.add_argument("--script", type=Path, help="file with a list of steps (JSON)")
    parser.add_argument("--chance", type=float, default=0.0, help="how probable trouble is at each request that writes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bearer", help="token that is asked for")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--clients", type=Path, help="authority of the certificates that clients must show")
    given = parser.parse_args()
    steps = json.loads(given.script.read_text("utf-8")) if given.script else ()
    context = tls(Pair(given.certificate, given.key), given.clients) if given.certificate else None
    script = Script(steps, chance=given.chance, seed=given.seed)
    options = {"log": given.log, "sync": not given.no_sync, "context": context, "bearer": given.bearer}
    with double(script=script, port=given.port, **options) as running:
        running.keep_requests = given.log is None
        print(running.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
