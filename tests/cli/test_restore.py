"""The way back and the form in between, as a user types them."""

from pathlib import Path

from click.testing import CliRunner

from service.cli import main
from service.fhir import json
from service.intake.keyed import normalised
from tests.shared import ROOT

MEETING = ROOT / "schemas" / "source" / "examples" / "aika-meeting-cancelled-by-family.json"


def test_a_bundle_becomes_its_document_again(tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(main, ["convert", str(MEETING)])
    assert made.exit_code == 0
    bundle = tmp_path / "bundle.json"
    bundle.write_text(made.stdout, "utf-8")
    back = runner.invoke(main, ["restore", str(bundle)])
    assert back.exit_code == 0
    assert json.parse(back.stdout) == normalised(json.parse(MEETING.read_bytes()))


def test_what_is_no_bundle_of_ours_is_refused_with_what_to_do(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"resourceType": "Patient"}', "utf-8")
    refused = CliRunner().invoke(main, ["restore", str(other)])
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "`Patient`" in refused.stderr and "mapping.not-a-bundle" in refused.stderr


def test_the_keyed_form_has_ids_and_references() -> None:
    shown = CliRunner().invoke(main, ["keyed", "--activity-style", "reference", str(MEETING)])
    assert shown.exit_code == 0
    keyed = json.parse(shown.stdout)
    assert keyed["processing"]["activityStyle"] == "reference"
    near = keyed["meeting"]["nearWorker"]
    (worker,) = [one for one in keyed["professionals"] if one["id"] == near["id"]]
    assert near["reference"] == f"PractitionerRole/{worker['resourceId']}"


def test_a_broken_document_has_no_keyed_form(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(MEETING.read_text("utf-8").replace('"nearWorker"', '"nearWroker"', 1), "utf-8")
    shown = CliRunner().invoke(main, ["keyed", str(broken)])
    assert shown.exit_code == 1
    assert "nearWorker" in shown.stderr and "broken.json:" in shown.stderr
