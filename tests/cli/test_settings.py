"""Settings: flags over variables over defaults, and no secret in what is shown."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from service import config
from service.cli import main
from service.fhir.json import parse

KEY = "k" * 40


def test_a_flag_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YHDESSA_PORT", "9001")
    assert config.load().port == 9001
    assert config.load(port=9002).port == 9002
    assert config.load(port=None).port == 9001


def test_folders_are_separated_like_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YHDESSA_MAPPINGS", "/a:/b/c")
    assert config.load().mappings == (Path("/a"), Path("/b/c"))


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YHDESSA_DATABASE", "")
    assert config.load().database is None


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, local: bool) -> None:
    assert config.load(host=host).is_loopback is local


def test_a_wrong_setting_is_one_sentence_and_never_shows_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YHDESSA_ID_KEY", "too-short-secret")
    done = CliRunner().invoke(main, ["config", "show"])
    assert done.exit_code == 3
    assert "YHDESSA_ID_KEY" in done.stderr
    assert "too-short-secret" not in done.output
    assert len(done.stderr.splitlines()) == 1


def test_config_show_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YHDESSA_ID_KEY", KEY)
    monkeypatch.setenv("YHDESSA_DATABASE", "postgresql+psycopg://me:hunter2@db.example/x")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0
        assert KEY not in done.output
        assert "hunter2" not in done.output
        assert "db.example" in done.output
    assert set(parse(done.stdout)) == {f"YHDESSA_{name.upper()}" for name in config.SETTINGS}


def test_the_data_folder_holds_the_packages(tmp_path: Path) -> None:
    assert config.load(data=tmp_path).package_folder == tmp_path / "packages"
    assert config.load(data=tmp_path).for_converter()["packages"] is None
    (tmp_path / "packages").mkdir()
    assert config.load(data=tmp_path).for_converter()["packages"] == tmp_path / "packages"
