"""Printing: the first plan of a process, plans after it, memory over a thousand prints, narratives.

Bars: first ≤ 500 ms, warm ≤ 100 ms a plan, memory steady. They are held in CPU time of all threads, so that a busy
machine does not count; wall time stands beside it. Run alone with `python -m bench.print`.
"""

import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from bench._figures import peak
from service import assets
from service.pipeline import Converter
from service.print import narrative, printed

FIRST, WARM, GROWTH = 500.0, 100.0, 10.0
NOW = datetime(2025, 9, 20, 12, 0, tzinfo=UTC)
NAMES = ("aika-shared-plan-version-1", "aika-shared-plan-measures-abc", "aika-case-large-blended-family")
PRINTS = 1000
# What a process does that prints one plan and nothing else.
ALONE = (
    "import sys, json, time; from datetime import datetime, UTC\n"
    "wall, busy = time.perf_counter(), time.process_time()\n"
    "from service.print import printed\n"
    "plan = json.load(sys.stdin); printed(plan, language='sv', now=datetime(2025, 9, 20, tzinfo=UTC))\n"
    "print(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - busy))"
)
# What one does that prints on and on: what other benchmarks have taken before is not in its memory.
LONG = "import json, sys; from bench.print import marks; print(*marks(json.load(sys.stdin)))"


def _bundle(converter: Converter, name: str) -> dict[str, Any]:
    document = json.loads((assets.schemas() / "source" / "examples" / f"{name}.json").read_text("utf-8"))
    made = converter.convert(document, activity_style="reference").bundle
    if made is None:
        raise SystemExit(f"{name} has errors")
    return made


def _plan(bundle: dict[str, Any]) -> dict[str, Any]:
    plans = (one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "CarePlan")
    return next(plans)


def _fresh(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same family with other words each time, so that nothing is drawn from a cache."""
    for number in range(1_000_000):
        other = copy.deepcopy(bundle)
        for entry in other["entry"]:
            found = entry["resource"]
            if isinstance(found.get("description"), str):
                found["description"] = f"{number} {found['description']}"
        yield other


def _timed(work: Callable[[Any], object], given: Iterator[Any], times: int) -> tuple[float, float]:
    """Median wall and CPU time in ms."""
    wall, cpu = [], []
    for one in (next(given) for _ in range(times)):
        before, busy = time.perf_counter(), time.process_time()
        work(one)
        wall.append(1000 * (time.perf_counter() - before))
        cpu.append(1000 * (time.process_time() - busy))
    return statistics.median(wall), statistics.median(cpu)


def main() -> bool:
    """Print the tables; True where a bar is missed."""
    converter = Converter.load(key=b"benchmark")
    bundles = {name: _bundle(converter, name) for name in NAMES}
    small = bundles[NAMES[0]]
    given = json.dumps([one["resource"] for one in small["entry"]])
    done = subprocess.run([sys.executable, "-c", ALONE], input=given, capture_output=True, text=True, check=True)
    wall, first = map(float, done.stdout.split())
    print(f"first plan of a process, imports included: {first:.0f} ms CPU, {wall:.0f} ms wall (bar {FIRST:.0f})\n")
    print(f"{'plan':<34} {'PDF wall':>9} {'PDF CPU':>9} {'narrative':>10}   (ms, median)")
    missed = first > FIRST
    for name, bundle in bundles.items():
        key = _plan(bundle)["id"]
        wall, cpu = _timed(lambda one, key=key: printed(one, key, language="fi", now=NOW), _fresh(bundle), 15)  # type: ignore[misc]
        said = _timed(lambda one: narrative(_plan(one), one, "fi"), _fresh(bundle), 50)[1]
        print(f"{name:<34} {wall:>9.1f} {cpu:>9.1f} {said:>10.2f}")
        missed |= cpu > WARM
    return missed | _memory(small)


def _memory(bundle: dict[str, Any]) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", LONG], input=json.dumps(bundle), capture_output=True, text=True, check=True
    )
    peaks = [float(one) for one in done.stdout.split()]
    shown = ", ".join(f"{one:.0f}" for one in peaks)
    print(f"\npeak memory after each fifth of {PRINTS} prints: {shown} MB (bar: grows by at most {GROWTH:.0f})")
    return peaks[-1] - peaks[0] > GROWTH


def marks(bundle: dict[str, Any]) -> Iterator[float]:
    """The most memory that this process has had, in MB, after each fifth of the prints."""
    key, given = _plan(bundle)["id"], _fresh(bundle)
    for number in range(1, PRINTS + 1):
        printed(next(given), key, language=("fi", "sv", "en")[number % 3], now=NOW)
        if number % (PRINTS // 5) == 0:
            yield peak()


if __name__ == "__main__":
    sys.exit(main())
