"""A FHIR server that remembers every change that took effect, in a process of its own; it outlives those that deliver.

    python -m tests.faults.receiver PORT_FILE CHANGES_FILE

Takes transactions with conditional writes, single writes, searches by identifier and tag. A write with the content that
is there already is no change. Each change is a line of CHANGES_FILE: type, our id, the content's hash, its status, its
title, and when it came.
"""

import asyncio
import hashlib
import itertools
import json
import sys
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

    def __init__(self, changes: Path | None = None, **without: bool) -> None:
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self._digests: dict[tuple[str, str], bytes] = {}
        self.found: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.metadata = _encode(statement(**without))
        self.requests = 0
        self._numbers = itertools.count(1)
        self._changes = changes.open("a") if changes else None

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request."""
        self.requests += 1
        parts = urlsplit(target)
        path = [unquote(one) for one in parts.path.strip("/").split("/") if one]
        if method == "POST" and not path:
            return self._transaction(_decode(body))
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

    def _transaction(self, bundle: dict[str, Any]) -> tuple[int, bytes]:
        rows = bundle["entry"]
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
        return 200, _encode({"resourceType": "Bundle", "type": "transaction-response", "entry": responses})

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
        # Without a file of changes only speed matters: then no content is kept.
        self.resources[key] = content if self._changes else {"id": key[1]}
        self.versions[key] = self.versions.get(key, 0) + 1
        for name, rows in (("identifier", content.get("identifier")), ("_tag", content.get("meta", {}).get("tag"))):
            for one in rows if isinstance(rows, list) else ():
                self.found[key[0], name, f"{one.get('system')}|{one.get('value') or one.get('code')}"] = key
        self._note(key, content, str(content.get("status", "")))
        return (200 if before else 201), True

    def _note(self, key: tuple[str, str], content: dict[str, Any], status: str) -> None:
        if self._changes is None or key[0] not in ("CarePlan", "Bundle", "DocumentReference"):
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


class Connection(asyncio.Protocol):
    """One kept connection: HTTP/1.1 as far as a client of ours speaks it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            first, _, rest = head.partition("\r\n")
            length = next(
                (int(one.partition(":")[2]) for one in rest.split("\r\n") if one.lower().startswith("content-length:")),
                0,
            )
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            method, target, _ = first.split(" ")
            status, answer = self._server.answer(method, target, body)
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(answer)}"
            self._transport.write(head.encode() + b"\r\n\r\n" + answer)  # type: ignore[attr-defined]


async def serve(port_file: Path, changes: Path | None, **without: bool) -> None:
    loop = asyncio.get_running_loop()
    kept = Server(changes, **without)
    listening = await loop.create_server(lambda: Connection(kept), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    made = port_file.with_suffix(".new")
    made.write_text(str(port))
    made.replace(port_file)
    await listening.serve_forever()


if __name__ == "__main__":
    lacking = {one.partition("=")[0]: False for one in sys.argv[3:]}
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] != "-" else None, **lacking))
