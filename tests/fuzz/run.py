"""Fuzzes one target for a while: with atheris, which is led by coverage, or blindly where atheris is not installed.

Faults do not stop it: each kind is kept once in `var/fuzz/<target>/`, and makes the exit code 1.
https://github.com/google/atheris
"""

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fuzz import kit

FOUND = Path("var") / "fuzz"


class Findings:
    """Counts inputs and keeps one for each kind of fault."""

    def __init__(self, name: str, once: Callable[[bytes], None], seconds: float) -> None:
        self.name = name
        self.once = once
        self.until = time.monotonic() + seconds
        self.count = 0
        self.slowest = 0.0
        self.faults: dict[str, Path] = {}
        self.data = b""

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is None:
            return True
        told = kit.fault(error)
        if told not in self.faults:
            path = FOUND / self.name / hashlib.sha256(self.data).hexdigest()[:16]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.data)
            self.faults[told] = path
            print(f"{self.name}: {told}: {str(error)[:200]!r}, {path}", flush=True)
        return isinstance(error, Exception)

    def __call__(self, data: bytes) -> None:
        self.data = data
        with self:
            self.slowest = max(self.slowest, kit.timed(self.once, data))
        if time.monotonic() > self.until:
            self.end()

    def end(self) -> None:
        """Says what came out and leaves at once: libFuzzer would not come back."""
        print(
            f"{self.name}: {self.count} inputs, the slowest {self.slowest:.2f} s CPU,",
            f"{len(self.faults)} kinds of fault",
            flush=True,
        )
        os._exit(bool(self.faults))


def blind(target: kit.Target, findings: Findings, seed: int) -> None:
    """Mutation after mutation of the seeds and of what has become of them."""
    rng = random.Random(seed)
    pool = target.seeds()
    for data in pool:
        findings(data)
    while True:
        data = target.mutate(rng.choice(pool), rng)
        findings(data)
        if len(pool) < 5000:
            pool.append(data)


def guided(atheris: Any, target: kit.Target, findings: Findings, seed: int, length: int) -> None:
    """The same led by coverage."""

    def mutator(data: bytes, size: int, number: int) -> bytes:
        if number % 4 == 0:
            return bytes(atheris.Mutate(data, size))
        return target.mutate(data, random.Random(number))[:size]

    folder = FOUND / findings.name / "seeds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, data in enumerate(target.seeds()):
        (folder / str(number)).write_bytes(data)
    options = [f"-max_len={length}", f"-seed={seed}", "-timeout=120", "-rss_limit_mb=3000", "-verbosity=0"]
    options.append(f"-artifact_prefix={folder.parent}/")
    atheris.Setup(["fuzz", *options, str(folder)], findings, custom_mutator=mutator)
    atheris.Fuzz()


def main(name: str) -> None:
    """Begins again with nothing of `service` imported, so that atheris can watch all of it."""
    os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz.run", name, *sys.argv[1:]])


def _run() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.<target>", description=__doc__)
    parser.add_argument("target", choices=kit.TARGETS)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=20_000, help="the longest input in bytes")
    parser.add_argument("--blind", action="store_true", help="without atheris even where it is installed")
    given = parser.parse_args()
    try:
        import atheris
    except ImportError:
        atheris = None
        print("atheris is not installed: mutating blindly, without regard to coverage", file=sys.stderr)
    watched = contextlib.nullcontext()
    if atheris is not None and not given.blind:
        for known in [one for one in sys.modules if one.partition(".")[0] == "service"]:
            del sys.modules[known]
        watched = atheris.instrument_imports(include=["service"], enable_loader_override=False)
    with watched:
        target = kit.target(given.target)
        seeds = target.seeds()
    findings = Findings(given.target, target.once, given.seconds)
    # What is compiled once is compiled before time is taken.
    for data in seeds:
        findings.data = data
        with findings:
            target.once(data)
    findings.until = time.monotonic() + given.seconds
    if atheris is None or given.blind:
        blind(target, findings, given.seed)
    else:
        guided(atheris, target, findings, given.seed, given.length)


if __name__ == "__main__":
    _run()
