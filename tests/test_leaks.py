"""The search of all log lines finds what is put into them, wherever it is written."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.shared import ROOT

HOOKS = (ROOT / "tests" / "conftest.py").read_text("utf-8")
TOKEN = "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJrdW50YS0xIn0.c2lnbmF0dXJl"
HEAD = """
import subprocess, sys, tempfile
import structlog

log = structlog.get_logger("yhdessa.http")

def said(text):
    with tempfile.TemporaryFile() as kept:
        program = f"import sys; sys.stderr.write({text!r})  # service.cli serve"
        subprocess.Popen([sys.executable, "-S", "-c", program], stderr=kept).wait()
"""
# What a test does, and what is then found.
LEAKS = {
    'log.info("request", note="Aurinkola")': "Aurinkola",
    'log.info("request", note="at Kielopolku 12")': "Kielopolku 12",
    'log.info("request", note="Leakington, Maija")': "Leakington",
    'log.info("request", notes=["x", "Koekuja"])': "Koekuja",
    f'log.info("request", note="{TOKEN}")': "token",
    'log.warning("Authorization: Bearer c2lnbmF0dXJl")': "token",
    'said("the child 150318A9125 was here")': "HETU",
    'said("a line\\nVirtasenkoe")': "Virtasenkoe",
    'sys.stderr.write(\'{"event": "x", "note": "Kielopolku 12"}\\n\')': "Kielopolku 12",
}
FINE = (
    'log.info("request", note="request", route="/fhir/Patient")',
    'log.info("request", note="150318A9125")',  # Masked.
    'log.info("request", family="Leakington")',  # Hidden.
    'log.info("request", note="Leakingtonian")',
    'said("150318A9124 and 12345678-1234-4123-8123-123456789012")',
    "sys.stderr.write('Leakington, but no log line')",
)


def _run(folder: Path, does: Iterable[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    tests = "".join(f"\ndef test_{number}():\n    {one}\n" for number, one in enumerate(does))
    (folder / "conftest.py").write_text(HOOKS, "utf-8")
    (folder / "test_it.py").write_text(HEAD + tests, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, *arguments, str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n", "2")])
def test_a_leak_fails_the_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = _run(tmp_path, LEAKS, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{len(LEAKS)} passed" in done.stdout
    told = done.stdout.partition("log lines that hold something of somebody")[2].splitlines()
    found = sorted(line.partition(": ")[0] for line in told if ": " in line)
    assert found == sorted(LEAKS.values()), done.stdout


def test_what_is_no_leak(tmp_path: Path) -> None:
    done = _run(tmp_path, FINE)
    assert done.returncode == 0, done.stdout + done.stderr
