"""No log line of the whole suite holds anything of anybody: a plugin that collects them all and searches them.

Collected are the lines of the applications that tests run in their own process, in the form in which the service writes
them; what servers and workers that tests start say on standard error; and log lines that a test's capture has caught.
At the end the run fails where one holds a personal identity code (HETU) with a right check character, a name, address,
telephone number or e-mail address of the examples or one that tests made up for this, or a token.
`tests/conftest.py` switches it on; with pytest-xdist every worker searches its own lines and the first process tells.
"""

import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from service.api import logs
from tests.shared import ROOT

# Made up by tests so that they can be found again wherever they should not be.
MARKED = ("Virtasenkoe", "Koekuja", "Leakington")
_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_HETU = re.compile(r"(?<![0-9A-Za-z])([0-3]\d[01]\d{3})[-+A-FU-Y](\d{3})([0-9A-Y])(?![0-9A-Za-z])")
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}|\b[Bb]earer\s+(?!realm\b)[\w.~+/=-]{8,}")
_OURS = re.compile(r"service\.cli|\byhdessa\b|service\.api")
_LINE = re.compile(r'^\{.*"(?:event|logger)":.*\}$', re.MULTILINE)
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_FOUND = pytest.StashKey[list[str]]()
_FILE = pytest.StashKey[Path]()
_kept_in: list[Path] = []
_original = subprocess.Popen


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="yhdessa-logs-"))
    config.stash[_FILE] = folder / "lines"
    config.stash[_FOUND] = []
    _collect(config.stash[_FILE])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Log lines among what a test or something it started has said."""
    # The last report of a test has what was caught in all of it; with pytest-xdist the worker has searched it already.
    if report.when == "teardown" and not hasattr(report, "node"):
        for text in (report.capstderr, report.capstdout):
            for line in _LINE.findall(text):
                _keep(line)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """A worker of pytest-xdist is done: what it has found."""
    node.config.stash[_FOUND].extend(getattr(node, "workeroutput", {}).get("leaks", ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    found = config.stash[_FOUND]
    found += leaks(config.stash[_FILE])
    if not found:
        shutil.rmtree(config.stash[_FILE].parent, ignore_errors=True)
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["leaks"] = found
    elif found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[_FOUND]
    if found:
        terminalreporter.section("log lines that hold something of somebody", red=True, bold=True)
        for line in found[:20]:
            terminalreporter.line(line[:500])
        terminalreporter.line(f"{len(found)} in all; what was written is in {config.stash[_FILE]}")


def leaks(file: Path) -> list[str]:
    """Every line of `file` that holds something it must not, with what that is in front."""
    if not file.exists():
        return []
    named = _named()
    found = []
    for line in file.read_text("utf-8", "replace").splitlines():
        if secret := secret_in(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), line), named):
            found.append(f"{secret}: {line}")
    return found


def secret_in(line: str, named: re.Pattern[str]) -> str:
    """What a line holds that it must not; empty where nothing."""
    for match in _HETU.finditer(line):
        if _CHECK[int(match[1] + match[2]) % 31] == match[3]:
            return "HETU"
    if _TOKEN.search(line):
        return "token"
    match = named.search(line)
    return match[0] if match else ""


def _named() -> re.Pattern[str]:
    """One pattern for all names, street addresses and telecom values of the examples."""
    words: set[str] = set(MARKED)
    for file in sorted((ROOT / "schemas" / "source" / "examples").glob("*.json")):
        words.update(_personal(json.loads(file.read_text("utf-8"))))
    longest = sorted((re.escape(one) for one in words if len(one) > 3), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest)})(?!\w)")


def _personal(value: Any, key: str = "", above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _personal(child, name, key)
    elif isinstance(value, list):
        for child in value:
            yield from _personal(child, key, above)
    elif isinstance(value, str) and (
        key in ("family", "given", "call", "lines", "phone") or (above in ("telecom", "contact") and key == "value")
    ):
        yield value


def _collect(file: Path) -> None:
    """From now on, write to `file` what is logged in this process and what our servers and workers say."""
    logs.configure("info")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(file.open("a", encoding="utf-8"))
    logging.getLogger("yhdessa").setLevel(logging.DEBUG)
    _kept_in.append(file)
    subprocess.Popen = _Overheard  # type: ignore[misc]


def _keep(text: str) -> None:
    _kept_in[-1].parent.mkdir(exist_ok=True)
    with _kept_in[-1].open("a", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else f"{text}\n")


class _Overheard(_original):  # type: ignore[type-arg]
    """A process whose standard error is kept, where it is one of ours and its starter has put it into a file."""

    def __init__(self, args: Any, *more: Any, **options: Any) -> None:
        self._heard: IO[bytes] | None = None
        command = args if isinstance(args, str) else " ".join(map(os.fsdecode, args))
        said = options.get("stderr")
        if _OURS.search(command) and said == subprocess.DEVNULL:
            options["stderr"] = _kept_in[-1].open("ab")
        elif _OURS.search(command) and hasattr(said, "fileno"):
            self._heard = os.fdopen(os.dup(said.fileno()), "rb", closefd=True)
        super().__init__(args, *more, **options)
        if _OURS.search(command) and said == subprocess.DEVNULL:
            options["stderr"].close()

    def communicate(self, *more: Any, **options: Any) -> Any:
        done = super().communicate(*more, **options)
        if done[1]:
            text = done[1] if isinstance(done[1], str) else done[1].decode("utf-8", "replace")
            for line in _LINE.findall(text):
                _keep(line)
        return done

    def wait(self, timeout: float | None = None) -> int:
        code = super().wait(timeout)
        heard, self._heard = self._heard, None
        if heard is not None:
            with heard:
                size = os.fstat(heard.fileno()).st_size
                _keep(os.pread(heard.fileno(), size, 0).decode("utf-8", "replace"))
        return code
