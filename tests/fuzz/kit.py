"""What every fuzz target shares: which targets there are, how long an input may take, and how inputs are kept.

A target is a module of this folder with `seeds()` (inputs to begin with), `once(data)` (raises what must not happen)
and `mutate(data, rng)` (an input that the target's reader understands, changed).
"""

import importlib
import re
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Protocol, cast

from service.issues import LANGUAGES, Issue

CORPUS = Path(__file__).parent / "corpus"
TARGETS = ("convert", "fhirpath", "fml", "http", "json", "packages", "patterns", "structuremap", "validate")
MOST_SECONDS = 2.0
"""CPU time that no input may take longer than, be it as hostile as it likes."""


class Target(Protocol):
    """One thing that is fuzzed."""

    def seeds(self) -> list[bytes]: ...

    def once(self, data: bytes) -> None: ...

    def mutate(self, data: bytes, rng: Random) -> bytes: ...


class TooSlow(AssertionError):
    """An input took longer than `MOST_SECONDS`."""


def target(name: str) -> Target:
    """The target of that name."""
    return cast(Target, importlib.import_module(f"tests.fuzz.{name}"))


def timed(once: Callable[[bytes], None], data: bytes) -> float:
    """CPU seconds that `once(data)` took; `TooSlow` where they were too many."""
    start = time.process_time()
    once(data)
    taken = time.process_time() - start
    if taken > MOST_SECONDS:
        raise TooSlow(f"{taken:.1f} s for {len(data)} bytes")
    return taken


def told(issues: list[Issue]) -> None:
    """Every issue can be said in every language, and a place in a text counts from 1."""
    for one in issues:
        for language in LANGUAGES:
            assert one.text(language)
        assert one.line is None or one.line >= 1
        assert one.column is None or one.column >= 1


def fault(error: BaseException) -> str:
    """The kind of an error and the innermost place of ours where it arose: equal for equal faults."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/service/" in one.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    name = re.sub(r".*/(service|tests)/", r"\1/", last.filename)
    return f"{type(error).__name__} at {name}:{last.lineno}"
