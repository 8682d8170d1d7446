"""The documentation cannot drift: what is generated is current, and nothing that exists is left out."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from service.config import PREFIX, SETTINGS
from service.issues import LANGUAGES, SEVERITIES, kinds
from tests.shared import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_current() -> None:
    pages = [str(page) for page in PAGES]
    command = [sys.executable, "-m", "cogapp", "--check", "-I", str(DOCS), *pages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make docs`:\n{done.stdout}{done.stderr}"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    for name, field in SETTINGS.items():
        assert f"`{PREFIX}{name.upper()}`" in text
        assert field.description


def test_every_setting_but_the_secret_has_a_flag(generated: ModuleType) -> None:
    assert set(SETTINGS) - set(generated._flags()) == {"id_key"}


def test_every_command_and_flag_is_documented(generated: ModuleType) -> None:
    text = (DOCS / "commands.md").read_text("utf-8")
    for path, command in generated._commands():
        assert f"## `{path}`" in text
        assert command.help, path
        for param in command.params:
            assert all(opt in text for opt in param.opts if opt.startswith("--")), (path, param.opts)
            assert param.param_type_name == "argument" or getattr(param, "help", None), (path, param.name)


def test_every_issue_is_documented_and_whole() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    for key, kind in kinds().items():
        assert f"`{key}`" in text
        assert kind.severity in SEVERITIES
        names = {language: set(re.findall(r"\{(\w+)\}", kind.texts[language])) for language in LANGUAGES}
        assert names["fi"] == names["sv"] == names["en"], key
        assert all(kind.texts[language].strip() for language in LANGUAGES), key


def test_every_address_is_documented() -> None:
    from service.api.openapi import description

    text = (DOCS / "http.md").read_text("utf-8")
    for path in description()["paths"]:
        assert f"{path}`" in text, path


def test_the_architecture_tells_of_every_module() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    service = ROOT / "service"
    names = {one.name for one in service.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()}
    mapping = {one.stem for one in (service / "mapping").glob("*.py")}
    missing = [one for one in sorted(names - {"__init__.py"}) if f"{one}`" not in text and f"{one}/" not in text]
    assert missing + [one for one in sorted(mapping - {"__init__"}) if f"`{one}`" not in text] == []


def _links() -> Iterator[tuple[str, str]]:
    for page in [ROOT / "README.md", *PAGES]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target:
                yield page.name, str(page.parent / target)


@pytest.mark.parametrize(("page", "target"), list(_links()))
def test_links_lead_somewhere(page: str, target: str) -> None:
    assert Path(target).exists(), f"{page}: {target}"


def test_the_readme_shows_what_the_demo_prints(generated: ModuleType) -> None:
    shown = generated.shown((ROOT / "README.md").read_text("utf-8"))
    assert shown.strip()
    assert generated.steady(shown) == generated.steady(generated.demo())


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 80
