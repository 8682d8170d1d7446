"""Builds `schemas/fhir/definitions/registries.json`: language and currency codes as Babel (CLDR)
lists them, the countries of R4 core, and the units of `ucum.json`.

    .venv/bin/python schemas/tools/build_registries.py
"""

import json
import sys
from pathlib import Path

from babel import Locale
from babel.core import get_global

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from service.fhir.definitions import core  # noqa: E402

OUT = ROOT / "schemas" / "fhir" / "definitions" / "registries.json"


def build() -> dict[str, str]:
    """Codes joined with spaces: languages of two and three letters, currencies, countries of two letters, units."""
    languages = {code for code in Locale("en").languages if len(code) in (2, 3)}
    countries = core().value_set("http://hl7.org/fhir/ValueSet/iso3166-1-2")
    if countries is None:
        raise LookupError("the countries: build the definitions first")
    units = json.loads((Path(__file__).parent / "ucum.json").read_text("utf-8"))
    return {f"ucum-{name}": codes for name, codes in units.items()} | {
        "languages": " ".join(sorted(languages)),
        "countries": " ".join(sorted(one["code"] for one in countries["compose"]["include"][0]["concept"])),
        "currencies": " ".join(sorted(get_global("all_currencies"))),
    }


if __name__ == "__main__":
    OUT.write_text(json.dumps(build(), indent=1) + "\n")
