"""`yhdessa convert`, `explain`, `transform`: the contract of streams, files and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir.json import encode, parse
from tests.shared import ROOT, shared

FOLDER = ROOT / "schemas" / "source" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.json"))
PLAN = FOLDER / "aika-shared-plan-measures-abc.json"


def _run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], input=stdin, catch_exceptions=False)


def test_one_bundle_a_line_in_input_order() -> None:
    done = _run("convert", *EXAMPLES)
    assert done.exit_code == 0, done.stderr
    bundles = [parse(line) for line in done.stdout.splitlines()]
    assert len(bundles) == len(EXAMPLES) >= 12
    assert all(bundle["resourceType"] == "Bundle" for bundle in bundles)
    assert done.stdout == _run("convert", *EXAMPLES).stdout


def test_errors_go_to_standard_error_and_the_rest_is_converted(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(encode(parse(PLAN.read_bytes()) | {"nonsense": 1}))
    done = _run("convert", PLAN, bad, PLAN)
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    (line,) = [row for row in done.stderr.splitlines() if ": error: " in row]
    assert line.startswith(f"{bad}:1:")
    assert "`nonsense`" in line
    done = _run("convert", bad, "--json")
    outcome = parse(done.stderr)
    assert (outcome["resourceType"], outcome["meta"]["source"]) == ("OperationOutcome", str(bad))


def test_standard_input_and_ndjson() -> None:
    line = encode(parse(PLAN.read_bytes()))
    done = _run("convert", "-", stdin=line + b"\n" + b'{"kind":"meeting"}\n' + line + b"\n")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    assert "-:2:" in done.stderr
    assert _run("convert", "-", stdin=PLAN.read_bytes()).stdout == done.stdout.splitlines()[0] + "\n"


def test_files_and_traces(tmp_path: Path) -> None:
    done = _run("convert", PLAN, PLAN, "-o", tmp_path / "out", "--trace")
    assert (done.exit_code, done.stdout) == (0, "")
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    stem = PLAN.stem
    assert names == sorted(f"{one}.{kind}.json" for one in (stem, f"{stem}-2") for kind in ("bundle", "trace"))
    bundle = parse((tmp_path / "out" / f"{stem}.bundle.json").read_bytes())
    assert bundle == parse(_run("convert", PLAN).stdout)
    assert parse((tmp_path / "out" / f"{stem}.trace.json").read_bytes())[0]["map"].startswith("base/")


def test_the_activity_style_is_chosen() -> None:
    detail = parse(_run("convert", PLAN).stdout)
    reference = parse(_run("convert", PLAN, "--activity-style", "reference").stdout)
    count = [
        sum(entry["resource"]["resourceType"] == "Task" for entry in bundle["entry"]) for bundle in (detail, reference)
    ]
    assert count[0] == 0 < count[1]


def test_what_cannot_be_used(tmp_path: Path) -> None:
    assert _run("convert", PLAN, "--variant", "nothing").exit_code == 2
    (tmp_path / "file").write_text("")
    assert _run("convert", PLAN, "-o", tmp_path / "file").exit_code == 3
    (tmp_path / "mine" / "wrong").mkdir(parents=True)
    (tmp_path / "mine" / "wrong" / "variant.toml").write_text('name = "wrong"\nextends = "nothing"\n')
    done = _run("convert", PLAN, "--mappings", tmp_path / "mine")
    assert done.exit_code == 3
    assert "wrong/variant.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_real_process_keeps_the_contract(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "convert"]
    good = subprocess.run([*command, str(PLAN)], capture_output=True, check=False, cwd=tmp_path)
    assert good.returncode == 0
    assert parse(good.stdout)["type"] == "transaction"
    bad = subprocess.run([*command, "-"], input=b"{}", capture_output=True, check=False, cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"Traceback" not in bad.stderr


def test_explain_names_rule_line_and_source() -> None:
    done = _run("explain", PLAN, "--element", "CarePlan.activity[0]")
    assert done.exit_code == 0, done.stderr
    assert "base/activity.map:" in done.stdout
    assert "from /plan/measures/0" in done.stdout
    steps = parse(_run("explain", PLAN, "--element", "CarePlan.activity[0].detail.status", "--json").stdout)["steps"]
    assert steps[-1]["element"] == "CarePlan.activity[0].detail.status"
    assert any(source["pointer"].startswith("/plan/measures/0") for step in steps for source in step["sources"])


@pytest.mark.parametrize("element", ["CarePlan.activity[99]", "Device", "CarePlan.nothing", "Patient[9].name"])
def test_explain_says_what_is_there_instead(element: str) -> None:
    done = _run("explain", PLAN, "--element", element)
    assert done.exit_code == 3
    assert "`CarePlan`" in done.stderr


def test_explain_refuses_what_is_no_path() -> None:
    assert _run("explain", PLAN, "--element", "CarePlan..x").exit_code == 2


@pytest.mark.parametrize("name", ["qr2pat-assignment", "qr2pat-gender", "qr2reference"])
def test_transform_runs_any_map(name: str) -> None:
    done = _run("transform", "--map", shared("suites", "fml", f"{name}.map"), shared("suites", "fml", "qr.json"))
    assert done.exit_code == 0, done.stderr
    assert parse(done.stdout) == parse(shared("suites", "fml", f"{name}-res.json").read_bytes())


def test_transform_names_the_place_of_a_wrong_map(tmp_path: Path) -> None:
    file = tmp_path / "wrong.map"
    file.write_text('map "http://x.example/m" = "m"\n\ngroup g(source a, target b) {\n  a.x -> ;\n}\n')
    done = _run("transform", "--map", file, PLAN)
    assert done.exit_code == 3
    assert f"{file}:4:" in done.stderr
    assert _run("transform", PLAN).exit_code == 2
