"""The archive: what a bag holds, that it is whole, what goes on after a crash, and what is written down of it."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir import json
from service.fhir.definitions import core
from service.store import EVERYTHING, Author, Store, audit, open_store
from service.store.audit_event import audit_event
from service.validation import Validator
from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"
OID = "2.999.246.1"
KILLS = int(os.environ.get("YHDESSA_TEST_KILLS", "2"))


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with every example."""
    folder = tmp_path_factory.mktemp("filled")
    examples = sorted(EXAMPLES.glob("*.json"))
    done = _run("batch", *examples, folder / "out", "--load", "--data", folder / "data", "--executor", "serial")
    assert done.exit_code == 0, done.output
    return folder / "data"


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"


def _archive(data: Path, *arguments: str | Path) -> Result:
    return _run("archive", arguments[0], "--data", data, "--to", data.parent / "archive", *arguments[1:])


def _bags(data: Path) -> list[Path]:
    return sorted((data.parent / "archive").glob("yhdessa-*"))


def _lines(folder: Path, kind: str) -> dict[str, Any]:
    """The records (or resources) of a bag by their reference."""
    found: dict[str, Any] = {}
    for file in sorted((folder / "data" / kind).glob("*.ndjson")):
        for line in file.read_bytes().splitlines():
            row = json.parse(line)
            found[row.get("reference") or f"{row['resourceType']}/{row['id']}"] = (row, line)
    return found


def _store(data: Path) -> Store:
    return open_store(None, data, core())


def test_a_bag_holds_every_resource_with_what_is_said_of_it(data: Path) -> None:
    done = _archive(data, "run")
    assert done.exit_code == 0, done.output
    (bag,) = _bags(data)
    assert bagit.Bag(str(bag)).validate()
    resources, records = _lines(bag, "resources"), _lines(bag, "records")
    assert list(resources) == list(records)
    store = _store(data)
    for reference, (_, line) in resources.items():
        type_name, _, id_ = reference.partition("/")
        kept = store.read(type_name, id_, EVERYTHING)
        assert kept is not None
        assert kept.body == line
        row = records[reference][0]
        assert row["sha256"] == hashlib.sha256(line).hexdigest()
        assert row["version"] == kept.version
        assert row["original"] is True
        assert row["controller"].startswith("2.999.")
        assert row["register"]["organisation"] == row["controller"]
    store.close()
    assert len(resources) > 200
    plan = next(row for reference, (row, _) in records.items() if reference.startswith("CarePlan/"))
    assert plan["register"]["sector"] == "social"
    assert plan["retention"]["class"] == "family-services"
    assert plan["retention"]["years"] == 30
    assert plan["retention"]["unknown"] == "closing-unknown"
    assert "end" not in plan["retention"]
    kinds = {one["kind"] for row, _ in records.values() for one in row["permissions"]}
    assert kinds == {"luovutuslupa", "suostumus", "invitation"}
    run = json.parse((bag / "data" / "run.json").read_bytes())
    assert sum(run["resources"].values()) == len(resources) == run["recordTotal"]
    info = bagit.Bag(str(bag)).info
    assert info["External-Identifier"] == bag.name


def test_plans_are_pdf_a(data: Path) -> None:
    pikepdf = pytest.importorskip("pikepdf")
    assert _archive(data, "run").exit_code == 0
    (bag,) = _bags(data)
    papers = list((bag / "data" / "plans").rglob("*.pdf"))
    plans = [row for reference, (row, _) in _lines(bag, "records").items() if reference.startswith("CarePlan/")]
    assert len(papers) == len(plans) == 9
    names = {f"{row['reference'].partition('/')[2]}.v{row['version']}.pdf" for row in plans}
    assert {one.name for one in papers} == names
    for file in papers:
        with pikepdf.open(file) as pdf, pdf.open_metadata() as meta:
            assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
            assert pdf.Root.OutputIntents[0].S == "/GTS_PDFA1"
            assert pdf.Root.MarkInfo.Marked


@pytest.mark.slow
def test_the_papers_of_many_plans_are_the_same_whoever_prints_them(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.cli import papers
    from service.cli.engine import settings
    from service.export.snapshot import take

    monkeypatch.setattr(papers, "FEW", 1)
    store = _store(data)
    ids = [one.id for one in store.search(store.query("CarePlan", []), EVERYTHING).entries]
    at = take(store)
    with papers.Papers(store, settings(data=data)) as make:
        make._cores = 2
        first = make(ids, at)
        assert make._pool is None
        assert make(ids, at) == first
        assert make._pool is not None
        for worker in make._pool._processes.values():
            worker.kill()
        assert make(ids, at) == first
    store.close()
    assert len(first) == 9
    assert all(isinstance(one, bytes) and one.startswith(b"%PDF") for one in first.values())


def test_ends_are_known_where_closings_and_deaths_are(data: Path, tmp_path: Path) -> None:
    store = _store(data)
    patients = [one.resource() for one in store.search(store.query("Patient", []), EVERYTHING).entries]
    store.close()
    facts = tmp_path / "facts.ndjson"
    rows = [{"patient": f"Patient/{one['id']}", "closed": "2024-02-29", "died": "2025-06-01"} for one in patients]
    facts.write_bytes(b"\n".join(map(json.encode, rows)))
    (data / "archive.toml").write_text(f'name = "x"\nto = "file:///nowhere"\nfacts = "{facts}"\nplans = false\n')
    assert _archive(data, "run").exit_code == 0
    records = {reference: row for reference, (row, _) in _lines(_bags(data)[0], "records").items()}
    ends = {reference.partition("/")[0]: row["retention"].get("end") for reference, row in records.items()}
    assert ends["CarePlan"] == ends["Goal"] == ends["Provenance"] == ends["Patient"] == "2054-03-01"
    assert ends["Consent"] == "2037-06-01"
    assert ends["Appointment"] is None
    assert ends["Organization"] is None
    assert not (_bags(data)[0] / "data" / "plans").exists()


def _change(data: Path) -> tuple[str, str]:
    """Change one plan and delete one goal; gives both."""
    store = _store(data)
    plan = store.search(store.query("CarePlan", []), EVERYTHING).entries[0].resource()
    goal = store.search(store.query("Goal", []), EVERYTHING).entries[0].resource()
    author = Author("test", "2.999.13.10.1")
    store.update("CarePlan", plan["id"], plan | {"title": "Muuttunut"}, author, EVERYTHING)
    store.delete("Goal", goal["id"], author, EVERYTHING)
    store.close()
    return f"CarePlan/{plan['id']}", f"Goal/{goal['id']}"


def test_the_next_run_brings_only_what_has_changed(data: Path) -> None:
    assert _archive(data, "run").exit_code == 0
    done = _archive(data, "run")
    assert done.exit_code == 0
    assert "Nothing has changed" in done.stderr
    assert len(_bags(data)) == 1
    plan, goal = _change(data)
    done = _archive(data, "run", "--json")
    assert done.exit_code == 1, done.output
    assert "archive.fewer" in done.stderr
    first, second = _bags(data)
    assert [row["version"] for row, _ in _lines(second, "records").values()] == [2]
    assert list(_lines(second, "records")) == [plan]
    gone = [json.parse(line) for line in (second / "data/deleted.ndjson").read_bytes().splitlines()]
    assert [row["reference"] for row in gone] == [goal]
    run = json.parse((second / "data" / "run.json").read_bytes())
    assert run["previous"] == first.name
    listed = json.parse(_archive_list(data).stdout)
    assert [one["run"] for one in listed["runs"]] == [first.name, second.name]
    assert listed["unfinished"] is None
    verified = _archive(data, "verify", "--json")
    assert verified.exit_code == 0, verified.output
    counts = json.parse(verified.stdout)
    assert counts["valid"] is True
    assert counts["extra"] == 1


def _archive_list(data: Path) -> Result:
    return _archive(data, "list", "--json")


def test_verify_finds_what_is_missing_and_what_is_damaged(data: Path) -> None:
    assert _archive(data, "run").exit_code == 0
    (bag,) = _bags(data)
    goals = bag / "data/records/Goal.0001.ndjson"
    lines = goals.read_bytes().splitlines(keepends=True)
    goals.write_bytes(b"".join(lines[1:]))
    (bag / "data/resources/Location.0001.ndjson").unlink()
    (bag / "data/more.txt").touch()
    done = _archive(data, "verify", "--json")
    assert done.exit_code == 1
    rows = [json.parse(line) for line in done.stderr.splitlines()]
    keys = [one["details"]["coding"][0]["code"] for row in rows for one in row["issue"]]
    assert set(keys) == {
        "archive.missing-file",
        "archive.damaged-file",
        "archive.broken-bag",
        "archive.missing-record",
    }
    assert _archive(data, "verify", "nonsense").exit_code == 3


def test_a_run_into_another_controllers_archive_is_one_disclosure(data: Path) -> None:
    settings = f'name = "Aluearkisto"\nto = "file:///nowhere"\norganisation = "{OID}"\nplans = false\n'
    (data / "archive.toml").write_text(settings)
    refused = _archive(data, "run")
    assert refused.exit_code == 3
    assert "basis" in refused.stderr
    (data / "archive.toml").write_text(settings + 'basis = "703/2023 ja arkistolaki 831/1994"\n')
    assert _archive(data, "run").exit_code == 0
    store = _store(data)
    with store.database.read() as connection:
        kept = audit.rows_after(connection, 0, 1000)
        rows = [row.event() for row in kept]
        assert not audit.verify(connection).issues
    store.close()
    assert not [one for one in Validator(core()).validate(audit_event(kept[-1])) if one.is_error]
    (event,) = [one for one in rows if one.detail.interaction == "disclosure"]
    assert (event.detail.recipient, event.detail.purpose, event.detail.confirmed) == (OID, "archiving", "Aluearkisto")
    assert set(event.detail.provider.split()) == {"2.999.10.10.1", "2.999.13.10.1"}
    assert "703/2023" in event.detail.basis
    tags = (_bags(data)[0] / "tagmanifest-sha256.txt").read_bytes()
    assert event.detail.digests == (hashlib.sha256(tags).hexdigest(),)


def test_only_one_register(data: Path) -> None:
    own = 'name = "x"\nto = "file:///nowhere"\ncontrollers = ["2.999.10.10.1"]\nplans = false\n'
    (data / "archive.toml").write_text(own)
    assert _archive(data, "run").exit_code == 0
    records = _lines(_bags(data)[0], "records")
    assert {row["controller"] for row, _ in records.values()} == {"2.999.10.10.1"}
    assert _archive(data, "verify").exit_code == 0


def test_parquet_beside(data: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (the extra `parquet`)")
    own = 'name = "x"\nto = "file:///nowhere"\nformats = ["ndjson", "parquet"]\nplans = false\n'
    (data / "archive.toml").write_text(own)
    assert _archive(data, "run").exit_code == 0
    (bag,) = _bags(data)
    table = parquet.read_table(bag / "data/parquet/CarePlan.0001.parquet").to_pylist()
    resources = _lines(bag, "resources")
    assert len(table) == 9
    for row in table:
        assert row["resource"].encode() == resources[row["reference"]][1]
        assert row["retention_class"] == "family-services"
        assert row["patients"]


def test_settings_are_read_strictly(data: Path) -> None:
    (data / "archive.toml").write_text('name = "x"\nto = "sftp://a@b/in"\nsecrt = 1\nformats = ["csv"]\n')
    done = _run("archive", "run", "--data", data)
    assert done.exit_code == 3
    assert "secrt" in done.stderr
    assert "formats" in done.stderr
    assert _run("archive", "run", "--data", data.parent / "new").exit_code == 3


def test_two_runs_at_once_are_refused(data: Path) -> None:
    from service.clock import now
    from service.export import lock
    from service.export.targets import Local

    with lock.held(Local(data / "archive"), now()):
        done = _archive(data, "run")
    assert done.exit_code == 3
    assert "Another run" in done.stderr
    (data.parent / "archive").mkdir(exist_ok=True)
    (data.parent / "archive" / "in-progress.json").write_bytes(b'{"run":"yhdessa-x","by":"other, /there"}')
    done = _archive(data, "run")
    assert done.exit_code == 3
    assert "other, /there" in done.stderr
    assert _archive(data, "run", "--take-over").exit_code == 0


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def _first(data: Path) -> None:
    """Begin a run and stop before its first byte, so that all runs after it are of one moment."""
    from service.cli import archiving
    from service.cli.engine import settings
    from service.cli.stored import stored
    from service.export.archive_settings import ArchiveSettings

    chosen = settings(data=data)
    own = ArchiveSettings("archive", (data.parent / "archive").as_uri())
    with archiving.alone(chosen) as folder, stored(chosen) as store, archiving.shelved(own) as drop:
        archiving.begin(folder, store, drop, own)


@pytest.mark.slow
def test_killed_at_random_points_it_gives_the_same(data: Path, tmp_path: Path) -> None:
    _first(data)
    shutil.copytree(data, tmp_path / "begun")
    assert _archive(data, "resume").exit_code == 0
    whole = _tree(data.parent / "archive")
    chance, kills = random.Random(7), 0
    while kills < KILLS:
        place = tmp_path / f"place-{kills}"
        shutil.copytree(tmp_path / "begun", place / "data")
        arguments = ["archive", "resume", "--data", str(place / "data"), "--to", str(place / "archive")]
        command = [sys.executable, "-c", "from service.cli import main; main()", *arguments]
        for _ in range(2):
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as one:
                wanted = _files(place) + chance.randrange(3, 30)
                while one.poll() is None and _files(place) < wanted:
                    os.sched_yield()
                one.kill()
            kills += 1
        plan, _ = _change(place / "data")
        assert _run(*arguments).exit_code == 0
        assert _tree(place / "archive") == whole
        assert _archive(place / "data", "verify").exit_code == 0
        assert _archive(place / "data", "run").exit_code == 1
        assert list(_lines(_bags(place / "data")[1], "records")) == [plan]


def _files(folder: Path) -> int:
    return sum(1 for one in folder.rglob("*") if one.name.endswith((".pdf", ".ndjson", ".json", ".txt")))


def test_a_day_too_long_rather_than_one_too_short() -> None:
    from service.export.retention import Facts, Rules, end

    rules = Rules.load()
    known = Facts.load(None)
    over = end(rules.of("Consent"), ["Patient/1"], known, lambda _: date(2024, 2, 29))
    assert over.day == date(2036, 2, 29)
    over = end(rules.of("Consent"), ["Patient/1"], known, lambda _: date(2023, 3, 1))
    assert over.day == date(2035, 3, 1)
    assert end(rules.of("CarePlan"), ["Patient/1"], known, lambda _: None).why == "closing-unknown"
    assert end(rules.of("CarePlan"), [], known, lambda _: None).why == "no-patient"
    assert end(rules.of("Library"), [], known, lambda _: None).why == "no-period"
