"""`yhdessa packages`: add, list, show; nothing is written where a package cannot be used."""

from pathlib import Path

from click.testing import CliRunner, Result

from service.cli import main
from service.fhir.json import parse
from tests.shared import shared

NAME = "hl7.fhir.fi.base"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["packages", *map(str, arguments)], catch_exceptions=False)


def test_a_package_is_added_listed_and_shown(tmp_path: Path) -> None:
    file = shared("fhir-packages", "hl7.fhir.fi.base-1.0.0.tgz")
    assert _run("list", "--packages", tmp_path / "none", "--json").stdout.strip() == "[]"
    assert _run("add", file, "--packages", tmp_path).exit_code == 0
    (row,) = parse(_run("list", "--packages", tmp_path, "--json").stdout)
    assert (row["name"], row["version"]) == (NAME, "1.0.0")
    shown = parse(_run("show", f"{NAME}#1.0.0", "--packages", tmp_path, "--json").stdout)
    assert any(one["url"].endswith("fi-base-patient") for one in shown["contents"])
    assert "fi-base-patient" in _run("show", file, "--packages", tmp_path).stdout


def test_what_is_no_package_is_not_added(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tgz"
    bad.write_bytes(b"no archive")
    done = _run("add", bad, "--packages", tmp_path / "packages")
    assert done.exit_code == 3
    assert not (tmp_path / "packages").exists()


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    done = _run("show", "nothing", "--packages", tmp_path)
    assert done.exit_code == 3
    assert "`nothing`" in done.stderr
