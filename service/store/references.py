"""The relative references in resources: `Type/id`.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from service.fhir.json import encode

Key = tuple[str, str]
_IN_TEXT = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})[/"]')
_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def relative_references(resources: Sequence[Mapping[str, Any]], here: Collection[Key]) -> dict[Key, str]:
    """What is referred to and is not `here`, and the FHIRPath of the first place that does."""
    found: dict[Key, str] = {}
    for resource in resources:
        # Most resources refer only to each other: their text tells so faster than a walk.
        if any((one[1].decode(), one[2].decode()) not in here for one in _IN_TEXT.finditer(encode(resource))):
            _walk(resource, str(resource["resourceType"]), found)
    return {key: place for key, place in found.items() if key not in here}


def _walk(value: Any, path: str, found: dict[Key, str]) -> None:
    if type(value) is list:
        for index, one in enumerate(value):
            if type(one) in (dict, list):
                _walk(one, f"{path}[{index}]", found)
    elif type(value) is dict:
        for key, one in value.items():
            if type(one) in (dict, list):
                _walk(one, f"{path}.{key}", found)
            elif key == "reference" and type(one) is str:
                match = _RELATIVE.fullmatch(one)
                if match:
                    found.setdefault((match[1], match[2]), f"{path}.{key}")
