"""SMART Fetch, the bulk client of others, downloads an export from the running service with Backend Services.

https://github.com/smart-on-fhir/smart-fetch
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.client import Server, free_port
from tests.shared import ROOT

PROGRAM = Path(sys.executable).with_name("smart-fetch")
ORGANISATION = "2.999.10.10.1"


@pytest.fixture
def program() -> str:
    if not PROGRAM.exists():
        reason = "smart-fetch is not installed beside this Python (pip install smart-fetch)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(PROGRAM)


def yhdessa(*arguments: str) -> None:
    command = [sys.executable, "-m", "service.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_smart_fetch_downloads_everything(program: str, tmp_path: Path) -> None:
    data, key = tmp_path / "data", tmp_path / "key.json"
    add = ["clients", "add", "bulk", "--organisation", ORGANISATION, "--role", "source"]
    yhdessa(*add, "--new-key", str(key), "--data", str(data))
    (tmp_path / "own.jwks").write_text(json.dumps({"keys": [json.loads(key.read_bytes())]}))
    yhdessa(
        "batch",
        str(ROOT / "schemas" / "source" / "examples" / "*.json"),
        str(tmp_path / "out"),
        "--load",
        "--data",
        str(data),
    )
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--data", str(data)]
    with Server(command, f"http://127.0.0.1:{port}") as one:
        fetch = [program, "bulk", str(tmp_path / "got"), "--fhir-url", f"http://localhost:{port}/fhir"]
        fetch += ["--smart-client-id", "bulk", "--smart-key", str(tmp_path / "own.jwks"), "--type", "Patient"]
        done = subprocess.run(fetch, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert one.url
    files = list((tmp_path / "got").glob("Patient.*.ndjson.gz"))
    rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert rows
    assert {row["resourceType"] for row in rows} == {"Patient"}
    log = [json.loads(line) for line in (tmp_path / "got" / "log.ndjson").read_text().splitlines()]
    assert {"kickoff", "status_complete", "export_complete"} <= {one["eventId"] for one in log}
