"""`yhdessa batch` as a command: exit codes, kill -9 at random points, the store, S3."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir import json
from tests.shared import ROOT

from .batch_kit import tree

EXAMPLES = ROOT / "schemas" / "source" / "examples"
KILLS = int(os.environ.get("YHDESSA_TEST_KILLS", "6"))
COUNT = len(list(EXAMPLES.glob("*.json")))


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["batch", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every example on a line of its own, and between them one that is rejected."""
    file = tmp_path_factory.mktemp("in") / "all.ndjson"
    lines = [json.encode(json.parse(one.read_bytes())) for one in sorted(EXAMPLES.glob("*.json"))]
    file.write_bytes(b"\n".join([*lines[:4], b'{"kind": "nothing"}', *lines[4:]]) + b"\n")
    return file


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert _run(source, out, "--executor", "serial", "--partition", 2).exit_code == 1
    return tree(out)


def test_the_bundles_are_those_of_convert(source: Path, whole: dict[str, bytes]) -> None:
    made = b"".join(body for name, body in sorted(whole.items()) if name.startswith("bundles/"))
    done = CliRunner().invoke(main, ["convert", str(source)])
    assert made.decode() == done.stdout
    assert len(made.splitlines()) == COUNT


def test_processes_and_exit_codes(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    done = _run(source, tmp_path / "out", "--partition", 2, "--json")
    assert done.exit_code == 1
    assert tree(tmp_path / "out") == whole
    report = json.parse(done.stdout)
    assert (report["documents"], report["converted"], report["rejected"]) == (COUNT + 1, COUNT, 1)
    (reject,) = report["rejects"]
    assert (reject["file"], reject["line"], reject["key"]) == (str(source), 5, "intake.kind-unknown")
    assert _run(source, tmp_path / "out", "--partition", 2).exit_code == 1
    assert _run(EXAMPLES / "aika-care-team-alone.json", tmp_path / "fine").exit_code == 0
    assert _run(source, tmp_path / "fine").exit_code == 3
    assert _run(tmp_path / "nowhere", tmp_path / "new").exit_code == 3
    assert _run(source, tmp_path / "new", "--variant", "nonsense").exit_code == 2
    (tmp_path / "file").touch()
    assert _run(source, tmp_path / "file" / "out").exit_code == 3


def test_a_worker_with_other_mappings_or_another_key_does_nothing(tmp_path: Path) -> None:
    from service.cli.batch_work import Work, engine
    from service.export.plan import Partition

    setup = engine((), None)[1]
    assert engine((("activity_style", "reference"),), None)[1] != setup
    done = Work(str(tmp_path / "out"), "of another command", (), None, False)(Partition(0, []))
    assert done.failure is not None
    assert done.failure.key == "batch.other-setup"
    assert not (tmp_path / "out").exists()
    assert Work(str(tmp_path / "out"), setup, (), None, False)(Partition(0, [])).failure is None


def test_the_setup_tells_keys_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.cli.batch_work import engine

    first = engine((("language", "en"),), None)[1]
    monkeypatch.setenv("YHDESSA_ID_KEY", "another-key-for-synthetic-data-only-32")
    second = engine((("language", "fi"), ("activity_style", "detail")), None)[1]
    assert first != second


def _start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from service.cli import main; main()", "batch", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
    )


def _progress(folder: Path) -> int:
    return len(list(folder.rglob("*.ndjson"))) + len(list(folder.rglob("part-*.json")))


@pytest.mark.slow
def test_killed_at_random_points_it_gives_the_same(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    chance, kills = random.Random(7), 0
    while kills < KILLS:
        out = tmp_path / f"out-{kills}"
        for _ in range(3):
            wanted = _progress(out) + chance.randrange(1, 8)
            with _start(source, out, "--partition", 2) as one:
                while one.poll() is None and _progress(out) < wanted:
                    os.sched_yield()
                # Sometimes the whole group, sometimes only the first process, whose workers must notice.
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if chance.random() < 0.5 else os.kill)(one.pid, signal.SIGKILL)
            kills += 1
        with _start(source, out, "--partition", 2) as last:
            assert last.wait(120) == 1
        assert tree(out) == whole


@pytest.mark.slow
def test_stopped_in_order_it_says_so(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with _start(source, out, "--partition", 1, "--processes", 1) as one:
        while one.poll() is None and _progress(out) < 3:
            os.sched_yield()
        one.send_signal(signal.SIGTERM)
        assert one.wait(60) == 3
    assert not (out / "manifest.json").exists()


def _kept(data: Path) -> tuple[int, int, int]:
    """How many documents, versions of documents and entries of the use log there are."""
    from sqlalchemy import func, select

    from service.fhir.definitions import core
    from service.store import open_store
    from service.store.tables import audit, document, document_version

    store = open_store(None, data, core())
    with store.database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (document, document_version, audit)
        ]
    store.close()
    return counts[0], counts[1], counts[2]


def test_load_keeps_each_document_once_whatever_happens(source: Path, tmp_path: Path) -> None:
    arguments = ["--load", "--data", tmp_path / "data", "--partition", 100]
    done = _run(source, tmp_path / "out", *arguments)
    assert done.exit_code == 1, done.output
    kept = _kept(tmp_path / "data")
    assert kept == (COUNT - 1, COUNT, COUNT)
    assert not (tmp_path / "out" / "bundles").exists()
    # As after a crash between the commit and the record of the part: the same documents once more.
    again = _run(source, tmp_path / "again", *arguments)
    assert again.exit_code == 1
    assert _kept(tmp_path / "data") == kept
    assert tree(tmp_path / "again") == tree(tmp_path / "out")


def test_load_sets_aside_an_older_version_that_is_not_here(source: Path, tmp_path: Path) -> None:
    first, second = (EXAMPLES / f"aika-shared-plan-version-{one}.json" for one in (1, 2))
    assert _run(second, tmp_path / "two", "--load", "--data", tmp_path / "data").exit_code == 0
    assert _run(first, tmp_path / "one", "--load", "--data", tmp_path / "data").exit_code == 1
    report = json.parse((tmp_path / "one" / "report.json").read_bytes())
    assert [one["key"] for one in report["rejects"]] == ["store.older"]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file system of S3 with a bucket `county`."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (the extra `s3`)")
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "synthetic")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "synthetic")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    if system.exists("county"):
        system.rm("county", recursive=True)
    system.mkdir("county")
    yield system
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestWarning")
def test_from_a_bucket_into_a_bucket(bucket: Any, source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    bucket.put_file(str(source), "county/in/all.ndjson")
    done = _run("s3://county/in/", "s3://county/out", "--executor", "serial", "--partition", 2)
    assert done.exit_code == 1, done.output
    there = {name.removeprefix("county/out/"): bucket.cat_file(name) for name in bucket.find("county/out")}
    assert there.keys() == whole.keys()
    same = [name for name in whole if name.startswith("bundles/")]
    assert same
    assert {name: there[name] for name in same} == {name: whole[name] for name in same}
    bucket.pipe_file("county/out/lock.json", b'{"host":"other","process":7,"since":"2026-11-21"}')
    refused = _run("s3://county/in/", "s3://county/out", "--executor", "serial", "--partition", 2)
    assert refused.exit_code == 3
    assert "other, 7" in refused.stderr
    taken = _run("s3://county/in/", "s3://county/out", "--executor", "serial", "--partition", 2, "--take-over")
    assert taken.exit_code == 1
    assert not bucket.exists("county/out/lock.json")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_bucket_out_of_reach(bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    done = _run("s3://county/in/", tmp_path / "out")
    assert done.exit_code == 3
    assert "`s3://county/in/` cannot be read" in done.stderr
