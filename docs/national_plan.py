"""The table of docs/national.md, computed from the figures of the benchmarks in docs/figures.json."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "figures.json"
AREAS = 22
YEARS = 10
MEETINGS = 105
"""Held meetings of Pohjois-Savo in 2022."""
SCENARIOS = (("every area as Pohjois-Savo in 2022", 1), ("ten times as many", 10), ("a hundred times as many", 100))
RESOURCES = 17
"""Of a family's own, of the case that the benchmarks make; workers and organisations come once."""
VERSIONS = 3
"""Of a document, from the first to the last."""


def figures() -> str:
    """What was measured, where and when."""
    found = _read()
    rows = ["| benchmark | figure | machine | day |", "|---|---|---|---|"]
    for name, values in sorted(found.items()):
        shown = ", ".join(
            f"{key.replace('_', ' ')} {_number(value)}"
            for key, value in sorted(values.items())
            if key not in ("machine", "date")
        )
        rows.append(f"| {name} | {shown} | {values['machine']} | {values['date']} |")
    return "\n".join(rows)


def plan() -> str:
    """Ten years of all areas, by how widely the model is used."""
    found = _read()
    batch, archive = found.get("batch"), found.get("archive")
    if batch is None or archive is None:
        return "Run `YHDESSA_BENCH_FIGURES=1 python -m bench batch archive` first."
    columns = []
    for _, times in SCENARIOS:
        meetings = AREAS * YEARS * MEETINGS * times
        documents = meetings * VERSIONS
        daily = meetings / YEARS / 365 * VERSIONS
        columns.append(
            [
                f"{meetings:,}",
                f"{documents:,}",
                _bytes(documents * batch["bytes_a_document"]),
                _bytes(documents * batch["bytes_of_bundles"]),
                _time(documents / batch["serial"]),
                _time(documents / batch["processes"]),
                _time(documents / (batch["serial"] * 32)),
                _time(meetings * RESOURCES / archive["resources"]),
                _time(meetings / archive["plans"]),
                _bytes(meetings * archive["bytes_a_plan"]),
                _time(meetings * RESOURCES / archive["verified"]),
                _time(daily * RESOURCES / archive["resources"] + daily / archive["plans"]),
            ]
        )
    titles = [
        "held meetings",
        f"documents ({VERSIONS} versions of each)",
        "the documents, NDJSON",
        "their Bundles, NDJSON",
        "batch, one process",
        f"batch, this machine ({batch['cores']:.0f} cores)",
        "batch, a cluster of 32 such cores",
        "archive: resources and records",
        "archive: plans as PDF/A",
        "archive: size",
        "archive: verified from end to end",
        "archive: one night of all areas",
    ]
    head = f"| | {' | '.join(name for name, _ in SCENARIOS)} |\n|---|{'---:|' * len(SCENARIOS)}"
    rows = [f"| {title} | {' | '.join(column[at] for column in columns)} |" for at, title in enumerate(titles)]
    return "\n".join([head, *rows])


def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _bytes(size: float) -> str:
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:,.1f} {unit}"
    return f"{size / 1000:,.1f} TB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
