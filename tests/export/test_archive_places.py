"""The archive in every place it can have, on both databases, and read by the tools of others."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from service.cli import main
from service.fhir import json
from service.fhir.definitions import core
from service.store import EVERYTHING, open_store, tables
from tests.drops.sftp_server import sftp_server
from tests.shared import ROOT

PLAN = ROOT / "schemas" / "source" / "examples" / "aika-shared-plan-measures-abc.json"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def _load(data: Path, *more: str) -> None:
    arguments = ["batch", PLAN, data.parent / f"{data.name}-out", "--load", "--data", data, "--executor", "serial"]
    done = _run(*arguments, *more)
    assert done.exit_code == 0, done.output


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("TEST_S3_ID", "synthetic")
    monkeypatch.setenv("TEST_S3_SECRET", "synthetic-secret")
    requests.put(f"http://{host}:{port}/regional-archive", timeout=30)
    yield f"http://{host}:{port}"
    server.stop()


def _settings(data: Path, to: str, options: dict[str, str]) -> None:
    rows = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    (data / "archive.toml").write_text(f'name = "x"\nto = "{to}"\n[options]\n{rows}')


def _whole(data: Path) -> None:
    """A run, its check, and a damaged byte that the check finds."""
    done = _run("archive", "run", "--data", data, "--json")
    assert done.exit_code == 0, done.output
    assert json.parse(done.stdout)["papers"] == 1
    assert _run("archive", "verify", "--data", data).exit_code == 0
    assert "Nothing has changed" in _run("archive", "run", "--data", data).stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_in_a_bucket(tmp_path: Path, s3: str) -> None:
    _load(tmp_path / "data")
    options = {"endpoint": s3, "region": "us-east-1", "key_id_env": "TEST_S3_ID", "secret_env": "TEST_S3_SECRET"}
    _settings(tmp_path / "data", "s3://regional-archive/in", options)
    _whole(tmp_path / "data")


def test_by_sftp(tmp_path: Path) -> None:
    _load(tmp_path / "data")
    with sftp_server(tmp_path / "sftp") as double:
        (double.root / "in").mkdir()
        key = tmp_path / "key"
        double.user_key.write_private_key_file(str(key))
        hosts = double.known_hosts(tmp_path / "known_hosts")
        _settings(tmp_path / "data", f"{double.url}/in", {"known_hosts": str(hosts), "key_file": str(key)})
        _whole(tmp_path / "data")
        (bag,) = (double.root / "in").glob("yhdessa-*")
        command = [sys.executable, "-m", "bagit", "--validate", str(bag)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
        (bag / "data" / "run.json").write_bytes(b"{}")
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
        done = _run("archive", "verify", "--bags-only", "--data", tmp_path / "data")
        assert done.exit_code == 1
        assert "archive.damaged-file" in done.stderr


def test_an_archive_out_of_reach(tmp_path: Path) -> None:
    _load(tmp_path / "data")
    _settings(tmp_path / "data", "sftp://a@127.0.0.1:9/in", {"password_env": "HOME", "fingerprint": "SHA256:x"})
    done = _run("archive", "run", "--data", tmp_path / "data")
    assert done.exit_code == 3
    assert "drops." not in done.stdout


def test_archived_verified_and_destroyed_on_either_database(url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    _load(data, "--database", url)
    place = ("--data", data, "--database", url)
    assert _run("archive", "run", "--to", tmp_path / "to", *place).exit_code == 0
    assert _run("archive", "verify", "--to", tmp_path / "to", *place).exit_code == 0
    store = open_store(url, data, core())
    (child,) = store.search(store.query("Patient", []), EVERYTHING).entries
    with store.database.engine.begin() as connection:
        connection.execute(update(tables.outbox).values(state="delivered"))
    facts, rules = tmp_path / "facts.ndjson", tmp_path / "rules.toml"
    facts.write_bytes(json.encode({"patient": f"Patient/{child.id}", "closed": "1990-01-01", "died": "1990-01-01"}))
    types = ["Appointment", "CarePlan", "Consent", "Goal", "Patient", "Provenance", "QuestionnaireResponse"]
    types.append("RelatedPerson")
    rules.write_text(f'[all]\nyears = 30\nfrom = "closing"\nsource = "test"\ntypes = {types}\n')
    arguments = ["--facts", facts, "--rules", rules, "--yes", "--json", *place]
    done = _run("retention", "apply", *arguments)
    assert done.exit_code == 0, done.output
    gone = json.parse(done.stdout)["destroyed"]
    assert gone["resources"] == json.parse(done.stdout)["over"] > 10
    assert (gone["documents"], gone["stayed"]) == (1, 0)
    with store.database.read() as connection:
        left = set(connection.execute(select(tables.resource.c.type).distinct()).scalars())
        documents = connection.execute(select(func.count()).select_from(tables.document_version)).scalar_one()
    store.close()
    assert left <= {"Practitioner", "PractitionerRole", "Organization", "Location"}
    assert documents == 0
    done = _run("archive", "run", "--to", tmp_path / "to", *place)
    assert "Nothing has changed" in done.stderr
    assert "fewer records" in done.stderr
    verified = _run("archive", "verify", "--to", tmp_path / "to", "--json", *place)
    assert json.parse(verified.stdout)["extra"] == gone["resources"]


def test_the_bytes_of_a_bag_do_not_depend_on_the_database_files(tmp_path: Path) -> None:
    """Two runs of one moment from two copies of the data folder: see test_archive for the kills in between."""
    import shutil

    from service.cli import archiving
    from service.cli.engine import settings
    from service.cli.stored import stored
    from service.export.archive_settings import ArchiveSettings

    _load(tmp_path / "data")
    own = ArchiveSettings("archive", (tmp_path / "nowhere").as_uri())
    chosen = settings(data=tmp_path / "data")
    with archiving.alone(chosen) as folder, stored(chosen) as store, archiving.shelved(own) as drop:
        archiving.begin(folder, store, drop, own)
    seen: list[dict[str, Any]] = []
    for name in ("one", "two"):
        shutil.copytree(tmp_path / "data", tmp_path / name)
        assert _run("archive", "resume", "--data", tmp_path / name, "--to", tmp_path / f"{name}-to").exit_code == 0
        to = tmp_path / f"{name}-to"
        files = (one for one in to.rglob("*") if one.is_file())
        seen.append({str(one.relative_to(to)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files})
    assert seen[0] == seen[1]
    assert len(seen[0]) > 20
