"""The archive: resources a second into a bag, plans a second as PDF/A, verification, memory from few to many.

`python -m bench archive`; YHDESSA_BENCH_ARCHIVE says how many resources (100,000). The papers are measured on cases as
they come in, for the resources of the large store are bare.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._cases import case
from bench._figures import note
from bench.store import fill
from service.fhir.definitions import core
from service.store import open_store

MOST = int(os.environ.get("YHDESSA_BENCH_ARCHIVE", "100000"))
CASES = 300
GROWTH = 1.3
"""How much more memory a run of ten times the resources may take."""
_RUN = """
import sys
from bench._figures import peak
from service.cli import main
try:
    main()
finally:
    # Not ru_maxrss, which a process inherits from the one that has started it.
    print(peak(), file=sys.stderr)
"""


def run(*arguments: str | Path) -> tuple[float, float]:
    """Seconds and MB of a command."""
    start = time.perf_counter()
    command = [sys.executable, "-c", _RUN, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    return took, float(done.stderr.splitlines()[-1])


def resources(folder: Path, count: int) -> tuple[float, float, float]:
    """Resources a second into a bag and through `verify`, and MB of the run."""
    data = folder / f"data-{count}"
    store = open_store(None, data, core())
    fill(store, 0, count)
    store.close()
    (data / "archive.toml").write_text(f'name = "bench"\nto = "{(folder / f"to-{count}").as_uri()}"\nplans = false\n')
    took, memory = run("archive", "run", "--data", data)
    checked, _ = run("archive", "verify", "--data", data)
    return count / took, count / checked, memory


def papers(folder: Path) -> tuple[float, float]:
    """Plans a second with their papers, and bytes of archive for each plan."""
    source, data = folder / "cases.ndjson", folder / "papers"
    source.write_bytes(b"".join(case(number) + b"\n" for number in range(CASES)))
    run("batch", source, folder / "loaded", "--load", "--data", data)
    took, _ = run("archive", "run", "--to", folder / "papers-to", "--data", data)
    size = sum(one.stat().st_size for one in (folder / "papers-to").rglob("*") if one.is_file())
    plans = len(list((folder / "papers-to").rglob("*.pdf")))
    return plans / took, size / plans


def main() -> int:
    """Prints the table; 1 where memory grows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{'resources':>12}{'archived/s':>14}{'verified/s':>14}{'MB':>8}")
        rows = {count: resources(folder, count) for count in (MOST // 10, MOST)}
        for count, (rate, checked, memory) in rows.items():
            print(f"{count:>12,}{rate:>14,.0f}{checked:>14,.0f}{memory:>8.0f}", flush=True)
        plans, size = papers(folder)
        print(f"\n{CASES} cases with papers: {plans:.1f} plans/s, {size / 1000:.0f} kB a plan")
    few, many = rows[MOST // 10], rows[MOST]
    note("archive", resources=many[0], verified=many[1], plans=plans, bytes_a_plan=size)
    return int(many[2] > GROWTH * few[2])


if __name__ == "__main__":
    sys.exit(main())
