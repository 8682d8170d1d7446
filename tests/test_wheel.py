"""The built wheel, installed alone into an empty environment outside the checkout, does what the checkout does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"


def _uv() -> str:
    ours = ROOT / ".venv" / "uv" / "bin" / "uv"
    found = str(ours) if ours.exists() else shutil.which("uv")
    if not found:
        reason = "uv is missing: `make install` puts it into .venv/uv"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _run(*command: str | Path, cwd: Path) -> bytes:
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environment = {name: value for name, value in kept.items() if not name.startswith("YHDESSA_")}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of the environment that holds nothing but the wheel and its locked requirements."""
    uv = _uv()
    place = tmp_path_factory.mktemp("wheel")
    _run(uv, "build", "--quiet", "--wheel", "--out-dir", place / "dist", cwd=ROOT)
    locked = place / "requirements.txt"
    chosen = ("--no-dev", "--no-emit-project", "--no-hashes", "--output-file", locked)
    _run(uv, "export", "--quiet", "--frozen", *chosen, cwd=ROOT)
    _run(uv, "venv", "--quiet", "--python", sys.executable, place / "venv", cwd=place)
    (wheel,) = (place / "dist").glob("*.whl")
    _run(uv, "pip", "install", "--quiet", "--python", place / "venv", "-r", locked, wheel, cwd=place)
    return place / "venv" / "bin"


@pytest.mark.slow
def test_the_wheel_converts_as_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    examples = sorted(EXAMPLES.glob("*.json"))
    assert examples
    ours = _run(sys.executable, "-c", "from service.cli import main; main()", "convert", *examples, cwd=ROOT)
    theirs = _run(installed / "yhdessa", "convert", *examples, cwd=tmp_path)
    assert theirs.count(b"\n") == len(examples)
    assert theirs == ours


@pytest.mark.slow
def test_the_wheel_validates(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "patient.json").write_text('{"resourceType":"Patient","active":true}')
    _run(installed / "yhdessa", "validate", "patient.json", cwd=tmp_path)


@pytest.mark.slow
def test_the_wheel_prints(installed: Path, tmp_path: Path) -> None:
    plan = EXAMPLES / "tiimi-shared-plan-pa-svenska.json"
    _run(installed / "yhdessa", "print", plan, "-o", "plan.pdf", cwd=tmp_path)
    paper = (tmp_path / "plan.pdf").read_bytes()
    assert paper.startswith(b"%PDF-1.7")
    assert b"NotoSans" in paper


@pytest.mark.slow
def test_the_wheel_needs_nothing_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = _run(installed / "python", "-c", "import service; print(service.__file__)", cwd=tmp_path).decode()
    assert where.startswith(str(installed.parent))
