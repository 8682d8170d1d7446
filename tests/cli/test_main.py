"""The command as a whole: help, versions, exit codes, and that help is quick because nothing is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import COMMANDS, main


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from service.cli import main; main(prog_name='yhdessa')"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command_and_loads_none() -> None:
    program = (
        "import sys; from service.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'flask', 'pydantic', 'jsonschema', 'rich', 'service.pipeline'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, text in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert text in " ".join(done.stdout.split()), "the help wraps long lines"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output


def test_version() -> None:
    assert _run("--version").stdout.startswith("yhdessa 0.")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["convert"], ["serve", "--port", "x"], ["convert", "/no/such.json"]]
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_serve_refuses_the_public(host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YHDESSA_DATA", str(tmp_path))
    done = CliRunner().invoke(main, ["serve", "--host", host])
    assert done.exit_code == 3
    assert "public test key" in done.stderr
    monkeypatch.setenv("YHDESSA_ID_KEY", "k" * 40)
    done = CliRunner().invoke(main, ["serve", "--host", host])
    assert done.exit_code == 3
    assert "yhdessa clients add" in done.stderr, "it says what to do"
    assert len(done.stderr.splitlines()) == 1


def test_messages_come_in_three_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    said = set()
    for language in ("fi", "sv", "en"):
        monkeypatch.setenv("YHDESSA_LANGUAGE", language)
        said.add(CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"]).stderr)
    assert len(said) == 3
