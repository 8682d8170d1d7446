"""A FHIR server that remembers every change that took effect, in a process of its own; it outlives those that deliver.

    python -m tests.faults.receiver PORT_FILE CHANGES_FILE

Takes transactions with conditional writes, single writes, searches by identifier and tag. A write with the content that
is there already is no change. Each change is a line of CHANGES_FILE: type, our id, the content's hash, its status, its
title, and when it came. With `-` as that file it keeps what it needs to confirm transactions, and no content: it then
takes as little of the machine that a bench measures as it can.
"""

import contextlib
import hashlib
import itertools
import json
import re
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

COPY_OF = "https://yhdessa.example/fhir/NamingSystem/resource-id"
TYPES = (
    "Appointment", "Binary", "Bundle", "CarePlan", "CareTeam", "Composition", "Consent", "DocumentReference", "Goal",
    "Location", "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "QuestionnaireResponse",
    "RelatedPerson", "ServiceRequest", "Task",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_canonical = msgspec.json.Encoder(order="sorted").encode


def statement(**without: bool) -> dict[str, Any]:
    """What it says it can do; `transaction=False` and so on leave something out."""
    can = {"conditionalCreate": True, "conditionalUpdate": True, "updateCreate": True} | {
        name: value for name, value in without.items() if name != "transaction"
    }
    codes = [{"code": one} for one in ("read", "create", "update", "delete", "search-type")]
    rest = {
        "mode": "server",
        "resource": [{"type": one, "interaction": codes, **can} for one in TYPES],
        "interaction": [{"code": "transaction"}] if without.get("transaction", True) else [],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "kind": "instance",
        "date": "2026-01-01",
        "rest": [rest],
    }


class Server:
    """What is kept: every resource by type and id, and what it can be found by."""

    def __init__(self, changes: Path, **without: bool) -> None:
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self._digests: dict[tuple[str, str], bytes] = {}
        self.found: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.metadata = _encode(statement(**without))
        self.requests = 0
        self._numbers = itertools.count(1)
        self._changes = changes.open("a")

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request."""
        self.requests += 1
        parts = urlsplit(target)
        path = [unquote(one) for one in parts.path.strip("/").split("/") if one]
        if method == "POST" and not path:
            return 200, self._transaction(body)
        if path == ["metadata"]:
            return 200, self.metadata
        if method == "GET" and len(path) == 1:
            return 200, self._search(path[0], parts.query)
        if method == "PUT" and len(path) == 2:
            status, _ = self._put((path[0], path[1]), _decode(body))
            return status, b""
        key = (path[0], path[1]) if len(path) == 2 else ("", "")
        if method == "DELETE":
            gone = self.resources.pop(key, None)
            if gone is not None:
                self._note(key, gone, "deleted")
            return 204, b""
        found = self.resources.get(key)
        return (200, _encode(found)) if found else (404, b"")

    def _transaction(self, body: bytes) -> bytes:
        rows = _decode(body)["entry"]
        keys = [self._key(row) for row in rows]
        links = {row["fullUrl"]: "/".join(key) for row, key in zip(rows, keys, strict=True)}
        responses = []
        for row, key in zip(rows, keys, strict=True):
            request = row["request"]
            if request["method"] == "POST" and key in self.resources:
                status = 200
            else:
                content = _relinked(row["resource"], links) if links else row["resource"]
                status, _ = self._put(key, {**content, "id": key[1]})
            location = f"{key[0]}/{key[1]}/_history/{self.versions[key]}"
            responses.append({"response": {"status": str(status), "location": location}})
        return _encode({"resourceType": "Bundle", "type": "transaction-response", "entry": responses})

    def _key(self, row: dict[str, Any]) -> tuple[str, str]:
        """Which resource an entry is about; a new one gets a number."""
        request = row["request"]
        kind, _, criteria = request["url"].partition("?")
        criteria = request.get("ifNoneExist") or criteria
        if not criteria:
            kind, _, id_ = kind.partition("/")
            return kind, id_
        name, value = parse_qsl(criteria)[0]
        known = self.found.get((kind, name, value))
        return known if known and known in self.resources else (kind, str(next(self._numbers)))

    def _put(self, key: tuple[str, str], content: dict[str, Any]) -> tuple[int, bool]:
        before = self.resources.get(key)
        digest = hashlib.sha256(_canonical(content)).digest()
        if before is not None and self._digests[key] == digest:
            return 200, False
        self._digests[key] = digest
        self.resources[key] = content
        self.versions[key] = self.versions.get(key, 0) + 1
        for name, rows in (("identifier", content.get("identifier")), ("_tag", content.get("meta", {}).get("tag"))):
            for one in rows if isinstance(rows, list) else ():
                self.found[key[0], name, f"{one.get('system')}|{one.get('value') or one.get('code')}"] = key
        self._note(key, content, str(content.get("status", "")))
        return (200 if before else 201), True

    def _note(self, key: tuple[str, str], content: dict[str, Any], status: str) -> None:
        if key[0] not in ("CarePlan", "Bundle", "DocumentReference"):
            return
        plain = {name: value for name, value in content.items() if name not in ("id", "meta")}
        marks = (*(content.get("identifier") or ()), {"system": COPY_OF, "value": key[1]})
        ours = next(one["value"] for one in marks if one.get("system") == COPY_OF)
        digest = hashlib.sha256(_canonical(plain)).hexdigest()[:16]
        row = {"type": key[0], "id": ours, "digest": digest, "status": status, "title": content.get("title", "")}
        row["at"] = datetime.now(UTC).isoformat()
        self._changes.write(json.dumps(row) + "\n")
        self._changes.flush()

    def _search(self, kind: str, query: str) -> bytes:
        wanted = [
            (kind, name, value) for name, values in parse_qsl(query) if name[0] != "_" or name == "_tag"
            for value in values.split(",")
        ]  # fmt: skip
        keys = dict.fromkeys(self.found[one] for one in wanted if one in self.found)
        entries = [{"resource": self.resources[key]} for key in keys if key in self.resources]
        return _encode({"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries})


def _relinked(value: Any, links: dict[str, str]) -> Any:
    if type(value) is dict:
        made = {name: _relinked(one, links) if type(one) in (dict, list) else one for name, one in value.items()}
        target = links.get(made.get("reference", "")) if type(made.get("reference")) is str else None
        return {**made, "reference": target} if target else made
    if type(value) is list:
        return [_relinked(one, links) for one in value]
    return value


class _Request(msgspec.Struct):
    method: str
    url: str
    ifNoneExist: str = ""


class _Entry(msgspec.Struct):
    request: _Request
    resource: msgspec.Raw


class _Transaction(msgspec.Struct):
    entry: list[_Entry]


class Quick:
    """Transactions alone: what is conditional is so by its criteria, of content there is a hash."""

    def __init__(self) -> None:
        self._metadata = _encode(statement())
        self._decode = msgspec.json.Decoder(_Transaction).decode
        # By the type and the criteria, or the id: the id here, the version, and the hash of what was sent.
        self._kept: dict[str, tuple[str, int, bytes]] = {}

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        if method != "POST":
            return (200, self._metadata) if target == "/metadata" else (404, b"")
        responses = [self._written(one) for one in self._decode(body).entry]
        return 200, _encode({"resourceType": "Bundle", "type": "transaction-response", "entry": responses})

    def _written(self, one: _Entry) -> dict[str, Any]:
        request = one.request
        kind, _, own = request.url.partition("?")[0].partition("/")
        name = f"{request.url} {request.ifNoneExist}"
        id_, version, before = self._kept.get(name) or (own or str(len(self._kept) + 1), 0, b"")
        if not version or request.method == "PUT":
            digest = hashlib.sha256(one.resource).digest()
            if digest != before:
                self._kept[name] = (id_, version + 1, digest)
                location = f"{kind}/{id_}/_history/{version + 1}"
                return {"response": {"status": "200" if version else "201", "location": location}}
        return {"response": {"status": "200", "location": f"{kind}/{id_}/_history/{version}"}}


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def _talk(connection: socket.socket, kept: Server | Quick, lock: threading.Lock) -> None:
    """One kept connection: HTTP/1.1 as far as a client of ours speaks it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    read = b""
    while data := connection.recv(1 << 20):
        read += data
        while (end := read.find(b"\r\n\r\n") + 4) >= 4:
            length = _LENGTH.search(read, 0, end)
            whole = end + (int(length[1]) if length else 0)
            if len(read) < whole:
                break
            method, target, _ = read[: read.index(b"\r\n")].decode("latin-1").split(" ")
            with lock:
                status, answer = kept.answer(method, target, read[end:whole])
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(answer)}"
            connection.sendall(head.encode() + b"\r\n\r\n" + answer)
            read = read[whole:]


def _talked(connection: socket.socket, kept: Server | Quick, lock: threading.Lock) -> None:
    with connection, contextlib.suppress(ConnectionError):
        _talk(connection, kept, lock)


def serve(port_file: Path, kept: Server | Quick) -> None:
    """Answer whoever comes; the port is in the file once it is open."""
    lock = threading.Lock()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        made = port_file.with_suffix(".new")
        made.write_text(str(listening.getsockname()[1]))
        made.replace(port_file)
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_talked, args=(connection, kept, lock), daemon=True).start()


if __name__ == "__main__":
    lacking = {one.partition("=")[0]: False for one in sys.argv[3:]}
    serve(Path(sys.argv[1]), Quick() if sys.argv[2] == "-" else Server(Path(sys.argv[2]), **lacking))
