"""Builds the packs of the Finnish profiles (hl7.fhir.fi.base, hl7.fhir.fi.scheduling, CC0) from the official packages.

    .venv/bin/python schemas/tools/build_finnish.py hl7.fhir.fi.base-2.0.0-rc2.tgz hl7.fhir.fi.scheduling-2.0.0-rc2.tgz

Prose and examples are left out; the same packages give the same bytes.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from service.fhir.pack import pack  # noqa: E402
from service.fhir.packages import read_package  # noqa: E402

OUT = ROOT / "schemas" / "fhir" / "definitions"


def build(package: Path) -> tuple[str, bytes]:
    """The file name and the bytes of the pack made from `package`."""
    found = read_package(package)
    return f"{found.meta['name']}.pack", pack([found.load(row) for row in found.rows], dict(found.meta))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        name, data = build(Path(argument))
        (OUT / name).write_bytes(data)
        print(f"{name}: {len(data)} bytes")
