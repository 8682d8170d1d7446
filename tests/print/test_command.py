"""`yhdessa print`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fhir.json import encode
from tests.print.conftest import EXAMPLES, bundle
from tests.print.pdf_reading import document

SHIELDED = EXAMPLES / "tiimi-shared-plan-non-disclosure.json"


def _run(*arguments: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["print", *map(str, arguments)], input=given)


def test_a_bundle_becomes_a_pdf(tmp_path: Path) -> None:
    file, paper = tmp_path / "plan.json", tmp_path / "plan.pdf"
    file.write_bytes(encode(bundle("aika-shared-plan-measures-abc")))
    done = _run(file, "--language", "en", "--archive", "-o", paper)
    assert done.exit_code == 0, done.output
    pdf = document(paper.read_bytes())
    assert str(pdf.Root.Lang) == "en"
    with pdf.open_metadata() as xmp:
        assert xmp["pdfaid:part"] == "2"


def test_a_source_document_is_converted_first_and_gaps_are_told() -> None:
    done = _run(SHIELDED, "--format", "html")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith('<!DOCTYPE html>\n<html lang="fi">')
    assert "print.no-phone" in done.stderr


def test_standard_input_and_output() -> None:
    done = _run("-", "--child", given=encode(bundle("tiimi-shared-plan-pa-svenska")))
    assert done.exit_code == 0, done.stderr
    assert done.stdout_bytes.startswith(b"%PDF-1.7")


def test_one_of_several_plans() -> None:
    given = encode(bundle("aika-case-large-blended-family"))
    done = _run("-", "--format", "html", given=given)
    assert done.exit_code == 3
    assert "There are several CarePlans" in done.stderr
    done = _run("-", "--format", "html", "--plan", "kk-koulu", "--copy-of", "the plan", given=given)
    assert done.exit_code == 0, done.stderr
    assert "Tämä on kopio. Alkuperäinen: the plan" in done.stdout


@pytest.mark.parametrize(("given", "status", "says"), [
    (b'{"resourceType": "Patient"}', 3, "There is no CarePlan"),
    (b'{"resourceType": "CarePlan"}', 3, "no title, description"),
    (b"{", 3, "JSON"),
    (json.dumps({"kind": "shared-plan", "schemaVersion": "1.0"}).encode(), 1, "is missing"),
])  # fmt: skip
def test_what_cannot_be_printed(given: bytes, status: int, says: str) -> None:
    done = _run("-", "--format", "html", given=given)
    assert (done.exit_code, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    done = _run(SHIELDED, "-o", tmp_path / "no" / "such.pdf")
    assert done.exit_code == 3
    assert "cannot be written" in done.stderr
