"""How CPU time grows when an input doubles: `python -m tests.fuzz.growth [WORD…]` measures every way of growing."""

import sys

from tests.fuzz.growing.base import MOST_PER_DOUBLING, ratio
from tests.fuzz.growing.documents import INTAKE
from tests.fuzz.growing.fhirpath import FHIRPATH
from tests.fuzz.growing.guides import PACKAGES
from tests.fuzz.growing.maps import MAPS
from tests.fuzz.growing.patterns import PATTERNS
from tests.fuzz.growing.resources import VALIDATION
from tests.fuzz.growing.strings import STRINGS
from tests.fuzz.growing.texts import JSON

ROWS = [*FHIRPATH, *PATTERNS, *MAPS, *JSON, *VALIDATION, *STRINGS, *INTAKE, *PACKAGES]


def main() -> None:
    for row in ROWS:
        if all(word in row.name for word in sys.argv[1:]):
            took, grew = ratio(row)
            mark = "" if grew <= MOST_PER_DOUBLING or took < 0.005 else "  <-- " + (row.reason or "more than linear")
            print(f"{grew:6.2f} × from {took:8.3f} s  {row.name!r}{mark}", flush=True)


if __name__ == "__main__":
    main()
