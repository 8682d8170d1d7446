"""`yhdessa validate` and `yhdessa fhirpath`: forms of output, exit codes, packages and profiles."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir.json import parse
from tests.shared import shared

GOOD = '{"resourceType": "Patient", "active": true}'
WRONG = '{"resourceType": "Patient",\n "gender": "nothing"}'
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


def _run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], input=stdin, catch_exceptions=False)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    good, wrong = tmp_path / "good.json", tmp_path / "wrong.json"
    good.write_text(GOOD)
    wrong.write_text(WRONG)
    return good, wrong


def test_text_names_file_line_and_column(files: tuple[Path, Path]) -> None:
    done = _run("validate", *files)
    assert done.exit_code == 1
    assert f"{files[0]}: valid" in done.stdout
    assert f"{files[1]}:2:12: error: " in done.stdout
    assert "at Patient.gender" in done.stdout


def test_json_is_one_line_a_file(files: tuple[Path, Path]) -> None:
    done = _run("validate", *files, "--format", "json")
    rows = [parse(line) for line in done.stdout.splitlines()]
    assert [(row["file"], row["valid"]) for row in rows] == [(str(files[0]), True), (str(files[1]), False)]
    assert all(row["outcome"]["resourceType"] == "OperationOutcome" for row in rows)
    assert done.exit_code == 1
    assert _run("validate", files[0], "--json").exit_code == 0


def test_sarif(files: tuple[Path, Path]) -> None:
    done = _run("validate", *files, "--format", "sarif")
    (run,) = parse(done.stdout)["runs"]
    assert any(one["level"] == "error" for one in run["results"])
    assert done.exit_code == 1


def test_standard_input_and_ndjson() -> None:
    done = _run("validate", "-", "--json", stdin=f"{GOOD}\n{GOOD}\n")
    assert [parse(line)["file"] for line in done.stdout.splitlines()] == ["-:1", "-:2"]
    assert done.exit_code == 0


def test_what_cannot_be_read_is_not_valid(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1, "a": 2}')
    done = _run("validate", tmp_path / "a.json", "--json")
    assert done.exit_code == 1
    assert "json.duplicate-key" in done.stdout


def test_a_profile_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"resourceType": "Observation", "status": "final", "code": {"text": "x"}}')
    assert _run("validate", tmp_path / "a.json").exit_code == 0
    assert _run("validate", tmp_path / "a.json", "--profile", VITALS).exit_code == 1


def test_a_package_brings_its_profiles(tmp_path: Path) -> None:
    package = shared("fhir-packages", "hl7.fhir.fi.base-1.0.0.tgz")
    profile = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-patient"
    patient = '{"resourceType": "Patient", "identifier": [{"use": "official", "system": "urn:x", "value": "1"}]}'
    (tmp_path / "a.json").write_text(patient)
    assert _run("validate", tmp_path / "a.json", "--package", package, "--profile", profile).exit_code == 1


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_language_is_chosen(files: tuple[Path, Path], language: str) -> None:
    word = {"fi": "arvojouk", "sv": "värdemängd", "en": "value set"}[language]
    assert word in _run("validate", files[1], "--lang", language).stdout.lower()


def test_a_broken_package_could_not_run(files: tuple[Path, Path]) -> None:
    done = _run("validate", files[0], "--package", files[1])
    assert done.exit_code == 3
    assert "Traceback" not in done.stderr


def test_fhirpath_prints_types_and_values(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text('{"resourceType": "Patient", "gender": "male", "name": [{"given": ["A", "B"]}]}')
    done = _run("fhirpath", "gender | name.given.count()", file)
    assert parse(done.stdout) == [{"type": "code", "value": "male"}, {"type": "integer", "value": 2}]
    assert parse(_run("fhirpath", "name.where(use = 'old')", file).stdout) == []
    value_set = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert parse(_run("fhirpath", f"gender.memberOf('{value_set}')", file).stdout)[0]["value"] is True
    conforms = "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')"
    assert parse(_run("fhirpath", conforms, file).stdout)[0]["value"] is True
    assert parse(_run("fhirpath", "today() > @2020-01-01", file).stdout)[0]["value"] is True


def test_a_wrong_expression_could_not_run(files: tuple[Path, Path]) -> None:
    done = _run("fhirpath", "name.given.(", files[0])
    assert done.exit_code == 3
    assert "1:12" in done.stderr
