"""Figures that the documentation computes with: each with the machine and the day, in docs/figures.json.

They are written only where YHDESSA_BENCH_FIGURES=1, so that a quick run on a busy machine changes no page.
"""

import json
import os
import platform
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "docs" / "figures.json"
_CALLS = 10_000_000


def note(name: str, **values: float) -> None:
    """Keep the figures of a benchmark, in place of those of its last run."""
    if os.environ.get("YHDESSA_BENCH_FIGURES") != "1":
        return
    there: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    there[name] = {
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        **{key: round(value, 3) for key, value in values.items()},
    }
    FILE.write_text(json.dumps(there, indent=2, sort_keys=True) + "\n", "utf-8")
    print(f"({name}: figures kept in {FILE.name})")


def peak() -> float:
    """The most memory that this process has had, in MB; what it was started from does not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this kernel does not say how much memory a process had")


def pace() -> tuple[float, float]:
    """Nanoseconds that a call of an empty function takes: one process alone, and as many at once as there are cores.

    What two figures of different machines are to be compared by. Where the second is far above the first, the cores are
    threads of fewer real ones.
    """
    with ProcessPoolExecutor(cores()) as pool:
        alone = pool.submit(_calls).result()
        return alone, statistics.median(pool.map(_calls, [_CALLS] * cores()))


def _calls(many: int = _CALLS) -> float:
    def empty() -> None:
        pass

    start = time.process_time()
    for _ in range(many):
        empty()
    return (time.process_time() - start) / many * 1e9


def machine() -> str:
    """Processor, cores, Python."""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{_processor()}, {cores()} cores, Python {version}"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
