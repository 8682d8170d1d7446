"""Documents for benchmarks: one example case as that of as many families as are wanted."""

import copy
import functools
from pathlib import Path
from typing import Any

from service.fhir.json import encode, parse

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "schemas" / "source" / "examples" / "tiimi-case-twins-services-and-responsible-pair.json"


@functools.cache
def _example() -> Any:
    return parse(EXAMPLE.read_bytes())


def case(number: int) -> bytes:
    """The example case as that of another family; organisations and professionals stay the same."""
    document = copy.deepcopy(_example())
    document["id"] = f"case-{number}"
    document["family"]["id"] = f"family-{number}"
    for person in (*document["family"]["children"], *document["family"]["guardians"]):
        person.pop("hetu", None)
    for name in ("meetings", "careTeams", "plans"):
        for one in document.get(name, ()):
            one["id"] = f"{one['id']}-{number}"
    return encode(document)
