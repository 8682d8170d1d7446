"""Writes `schemas/fhir/logical/*.json`: the logical models of the source documents, from their JSON Schemas.

    .venv/bin/python schemas/tools/build_logical.py

Run it whenever a schema has changed; a test asserts that the files are current.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from service.fhir import json  # noqa: E402
from service.intake import base  # noqa: E402
from service.intake.logical import models  # noqa: E402

OUT = ROOT / "schemas" / "fhir" / "logical"


def files() -> dict[str, str]:
    """The text of each file, by file name."""
    return {f"{name}.json": json.pretty(model) + "\n" for name, model in models(base()).items()}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    current = files()
    for old in OUT.glob("*.json"):
        if old.name not in current:
            old.unlink()
    for name, text in current.items():
        (OUT / name).write_text(text, "utf-8")
    print(f"{len(current)} logical models")


if __name__ == "__main__":
    main()
