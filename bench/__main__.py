"""`python -m bench`: every benchmark of this folder that has a `main`, one after the other, each printing its tables.

`python -m bench NAME…` runs only those.
"""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(file.stem for file in HERE.glob("*.py") if not file.stem.startswith("_"))


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks, or all; returns the exit code: 1 where one says that it missed its bar."""
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    missed = False
    for name in chosen or names():
        run = getattr(importlib.import_module(f"bench.{name}"), "main", None)
        if run is not None:
            print(f"\n# {name}\n", flush=True)
            missed |= bool(run())
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
