"""`yhdessa receivers`: what there is, and what stands in the way, in plain words."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.deliver.double import Double, double
from tests.shared import ROOT


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["receivers", *args])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "receivers"
    made.mkdir()
    return made


def _receiver(
    folder: Path, receiver: Double, name: str = "neuvola", organisation: str = "2.999.1", more: str = ""
) -> None:
    lines = {
        "name": name,
        "organisation": organisation,
        "sector": "health",
        "kind": "fhir_document",
        "url": receiver.url,
    }
    text = "\n".join(f'{key} = "{value}"' for key, value in lines.items())
    (folder / f"{name}.toml").write_text(f"{text}\n{more}", "utf-8")


def test_list() -> None:
    done = _run("list", "--receivers", str(ROOT / "receivers"), "--json")
    assert done.exit_code == 0
    assert {one["kind"] for one in json.loads(done.stdout)} == {"fhir_transaction", "fhir_document", "file_drop"}
    plain = _run("list", "--receivers", str(ROOT / "receivers"))
    assert "puijon-neuvola  fhir_transaction  health  2.999.13.10.2  https://fhir.neuvola.example/r4" in plain.stdout


def test_no_receivers(tmp_path: Path) -> None:
    done = _run("list", "--data", str(tmp_path))
    assert done.exit_code == 3
    assert str(tmp_path / "receivers") in done.stderr


def test_a_bad_file_is_told_with_its_line(folder: Path) -> None:
    with double() as receiver:
        _receiver(folder, receiver)
        _receiver(folder, receiver, "other", "2.999.2", "[auth]\nkind = 'bearer'\ntoken = 'x'\n")
    done = _run("list", "--receivers", str(folder))
    assert done.exit_code == 1
    assert done.stdout.startswith("neuvola")
    assert f"{folder / 'other.toml'}:8" in done.stderr
    assert "`token_env`" in done.stderr


def test_check(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with double() as receiver:
        _receiver(folder, receiver)
        text = (ROOT / "receivers" / "early-education-folder.toml").read_text("utf-8")
        url = (tmp_path / "in").as_uri()
        (folder / "drop.toml").write_text(text.replace("file:///srv/exchange/early-education", url), "utf-8")
        done = _run("check", "--receivers", str(folder))
        assert done.exit_code == 0
        assert "neuvola: information: Nothing stands in the way of deliveries." in done.stdout
        assert "there are 0 files in it" in done.stdout
        receiver.bearer = "wanted"
        refused = _run("check", "neuvola", "--receivers", str(folder), "--json")
        assert refused.exit_code == 1
        (row,) = [json.loads(one) for one in refused.stdout.splitlines()]
        assert (row["receiver"], row["ok"]) == ("neuvola", False)
        assert row["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "receivers.not-let-in"
    down = _run("check", "neuvola", "--receivers", str(folder), "--lang", "fi")
    assert down.exit_code == 1
    assert "epäonnistui" in down.stdout


def test_a_secret_that_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with double() as receiver:
        _receiver(folder, receiver, more="[auth]\nkind = 'bearer'\ntoken_env = 'NO_SUCH_TOKEN'\n")
        done = _run("check", "--receivers", str(folder))
    assert done.exit_code == 1
    assert "NO_SUCH_TOKEN" in done.stdout


def test_an_unknown_name() -> None:
    done = _run("check", "nobody", "--receivers", str(ROOT / "receivers"))
    assert done.exit_code == 3
    assert "puijon-neuvola" in done.stderr
