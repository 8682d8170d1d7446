"""`yhdessa export`: an export into a folder, gone on with; jobs of others run, listed and dropped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.export import jobs
from service.export.runner import Runner
from service.fhir.definitions import core
from service.store import Store, open_store
from tests.export.backend import contents, delete, goal, patient, put, references
from tests.export.test_jobs import begun, found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    one = open_store(None, data, core())
    put(one, patient("a"), patient("b"), goal("g", "Patient/a"))
    yield one
    one.close()


def yhdessa(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments])


def test_into_a_folder(store: Store, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = yhdessa("to", str(out), "--data", str(data))
    assert (done.exit_code, done.stdout) == (0, f"3 {out}\n"), done.output
    manifest = json.loads((out / "manifest.json").read_text())
    assert [(one["type"], one["url"], one["count"]) for one in manifest["output"]] == [
        ("Goal", "Goal.1.ndjson", 1),
        ("Patient", "Patient.1.ndjson", 2),
    ]
    assert set(contents(out)) == {"Goal.1.ndjson", "Patient.1.ndjson", "manifest.json"}
    delete(store, "Goal/g")
    again = tmp_path / "again"
    since = manifest["transactionTime"]
    assert yhdessa("to", str(again), "--since", since, "--patients", "--data", str(data)).exit_code == 0
    assert set(contents(again)) == {"deleted.Goal.1.ndjson", "manifest.json"}


def test_it_goes_on_where_it_stopped(store: Store, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, *(patient(f"p{number:03}", text={"status": "empty", "div": "x" * 100}) for number in range(200)))
    monkeypatch.setenv("YHDESSA_EXPORT_BYTES", "10000")
    out, real = tmp_path / "out", Runner.run

    def interrupted(self: Runner, job: jobs.Job) -> None:
        calls = iter([False] * 3)
        self.stop = lambda: next(calls, True)
        real(self, job)

    monkeypatch.setattr(Runner, "run", interrupted)
    first = yhdessa("to", str(out), "--data", str(data))
    assert first.exit_code == 3
    begun_files = contents(out)
    assert not (out / "manifest.json").exists()
    monkeypatch.setattr(Runner, "run", real)
    put(store, patient("late"))
    assert yhdessa("to", str(out), "--data", str(data)).exit_code == 0
    whole = contents(out)
    assert {name: whole.get(name) for name in begun_files if name != ".export"} == {
        name: text for name, text in begun_files.items() if name != ".export"
    }
    rows = references({name: text for name, text in whole.items() if name.endswith(".ndjson")})
    assert len(rows) == 203


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--type", "Potilas"], 3),
        (["--filter", "Goal"], 3),
        (["--group", "county-99"], 3),
        (["--group", "nothing"], 3),
        (["--since", "yesterday"], 2),
    ],
)
def test_what_cannot_be_is_said_first(
    store: Store, data: Path, tmp_path: Path, arguments: list[str], code: int
) -> None:
    out = tmp_path / "out"
    done = yhdessa("to", str(out), *arguments, "--data", str(data))
    assert done.exit_code == code, done.output
    assert not out.exists()


def test_waiting_exports_are_run_listed_and_dropped(store: Store, data: Path) -> None:
    id_ = begun(store)
    rows = json.loads(yhdessa("list", "--json", "--data", str(data)).stdout)
    assert [(one["id"], one["state"], one["client"]) for one in rows] == [(id_, "waiting", "tests")]
    assert yhdessa("run", "--once", "--data", str(data)).exit_code == 0
    assert found(store, id_).state == jobs.DONE
    assert references(contents(data / "exports" / id_)) == ["Goal/g/1", "Patient/a/1", "Patient/b/1"]
    assert id_ in yhdessa("list", "--data", str(data)).stdout
    assert yhdessa("drop", id_, "--data", str(data)).exit_code == 0
    assert not (data / "exports" / id_).exists()
    gone = yhdessa("drop", id_, "--data", str(data))
    assert gone.exit_code == 3
