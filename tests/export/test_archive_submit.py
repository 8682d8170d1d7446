"""`$bulk-submit` against a double of an archive: what it is told, corrections, the end, the status."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir.definitions import core
from service.store import EVERYTHING, Author, audit, open_store
from tests.shared import ROOT

PLAN = ROOT / "schemas" / "source" / "examples" / "aika-shared-plan-measures-abc.json"
BASE = "https://perhekeskus.example"
ARCHIVE = "2.999.246.1"


class Double:
    """An archive: notes what it is told, and answers as the guide has it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.asked = 0
        self.refuses = False
        self.outcome: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.told.append((self.path, body))
                assert self.headers["Content-Type"] == self.headers["Accept"] == "application/fhir+json"
                if outer.refuses:
                    refusal = {"severity": "error", "code": "invalid", "diagnostics": "unknown submitter"}
                    self._send(400, {"resourceType": "OperationOutcome", "issue": [refusal]})
                elif self.path.endswith("$bulk-submit-status"):
                    assert self.headers["Prefer"] == "respond-async"
                    self._send(202, None, {"Content-Location": f"{outer.url}/status/1"})
                else:
                    self._send(200, None)

            def do_GET(self) -> None:
                if self.path.endswith("/outcome.ndjson"):
                    self._send(200, outer.outcome)
                    return
                outer.asked += 1
                if outer.asked == 1:
                    self._send(202, None, {"Retry-After": "0"})
                    return
                rows = [{"url": f"{outer.url}/outcome.ndjson", "manifestUrl": "m"}]
                self._send(200, {"submissionId": "x", "transactionTime": "2026-11-21T00:00:00Z", "outcome": rows})

            def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/fhir"

    def given(self, number: int) -> dict[str, Any]:
        """The parameters of a call, by name."""
        return {
            one["name"]: next(value for name, value in one.items() if name.startswith("value"))
            for one in self.told[number][1]["parameter"]
        }


@pytest.fixture
def double() -> Iterator[Double]:
    made = Double()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def data(tmp_path: Path, double: Double) -> Path:
    folder = tmp_path / "data"
    arguments = ["batch", PLAN, tmp_path / "out", "--load", "--data", folder, "--executor", "serial"]
    assert CliRunner().invoke(main, [str(one) for one in arguments]).exit_code == 0
    (folder / "archive-fhir.toml").write_text(
        f'name = "archive"\norganisation = "{ARCHIVE}"\nsector = "archive"\nkind = "fhir_transaction"\n'
        f'url = "{double.url}"\n'
    )
    (folder / "archive.toml").write_text(
        f'name = "Aluearkisto"\nto = "file:///nowhere"\norganisation = "{ARCHIVE}"\nbasis = "703/2023"\n'
        '[submit]\nreceiver = "archive-fhir.toml"\nsystem = "urn:ietf:rfc:3986"\nvalue = "urn:oid:2.999.13"\n'
        'client = "archive-client"\n'
    )
    return folder


def _submit(data: Path, *arguments: str) -> Result:
    more = ["--base-url", BASE, *(["--exports", str(data / "exports")] if arguments[0] in ("new", "replace") else [])]
    whole = ["archive", "submit", *arguments, "--data", str(data), *more]
    return CliRunner().invoke(main, whole, catch_exceptions=False)


def test_a_submission_from_its_start_to_its_status(data: Path, double: Double) -> None:
    done = _submit(data, "new")
    assert done.exit_code == 0, done.output
    id_ = done.stdout.strip()
    ((path, _),) = double.told
    assert path == "/fhir/$bulk-submit"
    given = double.given(0)
    assert given["submitter"] == {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.13"}
    assert given["submissionId"] == id_
    assert given["submissionStatus"] == {"system": "http://hl7.org/fhir/event-status", "code": "completed"}
    assert given["fhirBaseUrl"] == f"{BASE}/fhir"
    assert given["oauthMetadataUrl"] == f"{BASE}/.well-known/smart-configuration"
    assert given["outputFormat"] == "application/fhir+ndjson"
    job = given["manifestUrl"].removeprefix(f"{BASE}/export/")
    from service.export import jobs

    store = open_store(None, data, core())
    with store.database.read() as connection:
        there = jobs.find(connection, job)
        events = [row.event() for row in audit.rows_after(connection, 0, 100)]
    store.close()
    assert there is not None
    assert (there.client, there.state, there.wanted.token) == ("archive-client", jobs.DONE, True)
    assert list((data / "exports" / job).glob("*.ndjson"))
    (event,) = [one for one in events if one.detail.interaction == "disclosure"]
    assert (event.detail.recipient, event.detail.provider) == (ARCHIVE, "2.999.13.10.1")
    done = _submit(data, "status", id_)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["finished"] is False
    done = _submit(data, "status", id_, "--wait", "10")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["issues"] == [{"severity": "information"}]
    assert [path for path, _ in double.told] == ["/fhir/$bulk-submit", "/fhir/$bulk-submit-status"]
    double.outcome["issue"] = [{"severity": "error", "diagnostics": "a file could not be read"}]
    assert _submit(data, "status", id_).exit_code == 1


def test_corrected_and_completed(data: Path, double: Double) -> None:
    id_ = _submit(data, "new", "--open").stdout.strip()
    assert double.given(0)["submissionStatus"]["code"] == "in-progress"
    assert _submit(data, "replace", id_).exit_code == 0
    given = double.given(1)
    assert given["replacesManifestUrl"] == double.given(0)["manifestUrl"] != given["manifestUrl"]
    assert _submit(data, "complete", id_).exit_code == 0
    assert double.given(2).keys() == {"submitter", "submissionId", "submissionStatus"}
    assert double.given(2)["submissionStatus"]["code"] == "completed"


def test_the_next_submission_has_only_what_is_new_and_a_stopped_one_does_not_count(data: Path, double: Double) -> None:
    from service.export import jobs

    first = _submit(data, "new", "--open").stdout.strip()
    assert _submit(data, "stop", first).exit_code == 0
    assert double.given(1)["submissionStatus"]["code"] == "stopped"
    _submit(data, "new")
    store = open_store(None, data, core())
    goal = store.search(store.query("Goal", []), EVERYTHING).entries[0].resource()
    author = Author("t", "2.999.13.10.1")
    store.update("Goal", goal["id"], goal | {"description": {"text": "Toinen"}}, author, EVERYTHING)
    _submit(data, "new")
    counts = []
    for number in (0, 2, 3):
        job = double.given(number)["manifestUrl"].rpartition("/")[2]
        with store.database.read() as connection:
            counts.append(sum(one.count for one in jobs.files(connection, job)))
    store.close()
    assert counts[0] == counts[1] > 20
    assert counts[2] == 1


def test_what_cannot_be_done_is_said(data: Path, double: Double) -> None:
    double.refuses = True
    done = _submit(data, "new")
    assert done.exit_code == 3
    assert "unknown submitter" in done.stderr
    double.refuses = False
    assert _submit(data, "new").exit_code == 0
    jobs = [double.given(number)["manifestUrl"].rpartition("/")[2] for number in (0, 1)]
    sizes = [sum(file.stat().st_size for file in (data / "exports" / one).glob("*.ndjson")) for one in jobs]
    assert sizes[0] == sizes[1] > 0
    assert _submit(data, "stop", "nonsense").exit_code == 3
    (data / "archive.toml").write_text('name = "x"\nto = "file:///nowhere"\n')
    assert "[submit]" in _submit(data, "new").stderr
