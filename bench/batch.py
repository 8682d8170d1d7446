"""The batch: one process, several, Dask and Spark on the same documents, and memory from few documents to many.

`python -m bench batch`; YHDESSA_BENCH_DOCUMENTS says how many (10,000; the bar is meant for 100,000). They are a mix as
a county's backlog has: all example documents in turn (cases, meetings, care teams and shared plans, of 11 to 67
resources), each as that of another family with ids of its own. Bar: processes at least 1.8 times serial on two cores.
The output of every executor must be the same, byte for byte.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._cases import document
from bench._figures import note

DOCUMENTS = int(os.environ.get("YHDESSA_BENCH_DOCUMENTS", "10000"))
BAR = 1.8
GROWTH = 1.15
"""How much more memory a run of ten times the documents may take."""
_RUN = """
import sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from bench._figures import peak
from service.cli import main
try:
    main()
finally:
    both = [getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)]
    # What a process inherits of ru_maxrss is that of its parent: of the workers' it is no more than our own peak.
    memory = max(peak(), both[1].ru_maxrss / 1024)
    print(memory, sum(one.ru_utime + one.ru_stime for one in both), file=sys.stderr)
"""


def write(file: Path, count: int) -> None:
    """Documents of so many families, one a line."""
    with file.open("wb") as stream:
        for number in range(count):
            stream.write(document(number) + b"\n")


def run(source: Path, out: Path, kind: str) -> tuple[float, float, float]:
    """Seconds, the most memory of one process in MB, and seconds of CPU."""
    command = [sys.executable, "-c", _RUN, "batch", str(source), str(out), "--executor", kind]
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    memory, cpu = map(float, done.stderr.splitlines()[-1].split())
    return took, memory, cpu


def digest(out: Path) -> str:
    """Over every file of the output."""
    found = hashlib.sha256()
    for file in sorted(one for one in out.rglob("*") if one.is_file() and one.name != ".lock"):
        found.update(f"{file.relative_to(out)}\n".encode() + file.read_bytes())
    return found.hexdigest()


def kinds() -> list[str]:
    there = {"dask": "distributed", "spark": "pyspark"}
    found = ["serial", "processes"]
    for kind, module in there.items():
        if importlib.util.find_spec(module) is None or (kind == "spark" and shutil.which("java") is None):
            print(f"({kind} is not here: left out)")
        else:
            found.append(kind)
    return found


def main() -> int:
    """Prints the tables; 1 where a bar is missed."""
    cores = len(os.sched_getaffinity(0))
    rates: dict[str, float] = {}
    most: dict[str, float] = {}
    missed, made = False, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "some.ndjson", DOCUMENTS)
        size = (folder / "some.ndjson").stat().st_size
        each = f"{size / DOCUMENTS:,.0f} bytes a document"
        print(f"{DOCUMENTS:,} documents, {size / 1e6:.0f} MB of NDJSON, {each}, {cores} cores\n")
        print(f"{'':<12}{'documents/s':>14}{'x serial':>10}{'seconds':>10}{'CPU':>8}{'MB a process':>14}")
        seen: set[str] = set()
        for kind in kinds():
            out = folder / kind
            took, most[kind], cpu = run(folder / "some.ndjson", out, kind)
            rates[kind] = DOCUMENTS / took
            seen.add(digest(out))
            made = sum(one.stat().st_size for one in (out / "bundles").iterdir())
            shutil.rmtree(out)
            ratio = rates[kind] / rates["serial"]
            print(
                f"{kind:<12}{rates[kind]:>14,.0f}{ratio:>10.2f}{took:>10.1f}{cpu:>8.1f}{most[kind]:>14.0f}", flush=True
            )
        assert len(seen) == 1, "executors differ"
        missed |= cores >= 2 and rates["processes"] < BAR * rates["serial"]
        print("\nmemory of a worker, by how many documents there are:")
        # From two parts on: a smaller run has smaller parts.
        few = max(DOCUMENTS // 10, 1000)
        write(folder / "few.ndjson", few)
        least = run(folder / "few.ndjson", folder / "few", "processes")[1]
        print(f"{few:>12,}{least:>10.0f} MB\n{DOCUMENTS:>12,}{most['processes']:>10.0f} MB", flush=True)
        missed |= most["processes"] > GROWTH * least
    note(
        "batch",
        serial=rates["serial"],
        processes=rates["processes"],
        cores=cores,
        bytes_a_document=size / DOCUMENTS,
        bytes_of_bundles=made / DOCUMENTS,
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
