"""Figures that the documentation computes with: each with the machine and the day, in docs/figures.json.

They are written only where YHDESSA_BENCH_FIGURES=1, so that a quick run on a busy machine changes no page.
"""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "docs" / "figures.json"


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


def machine() -> str:
    """Processor, cores, Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{_processor()}, {cores} cores, Python {version}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
