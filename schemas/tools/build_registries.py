"""Builds `schemas/fhir/definitions/registries.json`: language and currency codes as Babel (CLDR)
lists them, and the units of `ucum.json`.

    .venv/bin/python schemas/tools/build_registries.py
"""

import json
from pathlib import Path

from babel import Locale
from babel.core import get_global

OUT = Path(__file__).resolve().parents[2] / "schemas" / "fhir" / "definitions" / "registries.json"


def build() -> dict[str, str]:
    """Codes joined with spaces: two- and three-letter languages (ISO 639), currencies (ISO 4217)."""
    languages = {code for code in Locale("en").languages if len(code) in (2, 3)}
    units = json.loads((Path(__file__).parent / "ucum.json").read_text("utf-8"))
    return {f"ucum-{name}": codes for name, codes in units.items()} | {
        "languages": " ".join(sorted(languages)),
        "currencies": " ".join(sorted(get_global("all_currencies"))),
    }


if __name__ == "__main__":
    OUT.write_text(json.dumps(build(), indent=1) + "\n")
