"""The relative references in resources: `Type/id`.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Key = tuple[str, str]
_IN_TEXT = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})[/"]')
_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def outward(texts: Iterable[bytes], here: Collection[Key]) -> set[Key]:
    """What the JSON of resources refers to and is not `here`."""
    found = set(_IN_TEXT.findall(b"\n".join(texts)))
    return {(type_name.decode(), id_.decode()) for type_name, id_ in found}.difference(here)


def places(resources: Iterable[tuple[Mapping[str, Any], bytes]], keys: Collection[Key]) -> dict[Key, str]:
    """The FHIRPath of the first place in `resources` (each with its JSON) that refers to each of `keys`."""
    names = [f'"{type_name}/{id_}'.encode() for type_name, id_ in keys]
    found: dict[Key, str] = {}
    for resource, text in resources if keys else ():
        # The text tells faster than a walk whether there is anything to be found.
        if any(name in text for name in names):
            _walk(resource, str(resource["resourceType"]), found)
    return {key: place for key, place in found.items() if key in keys}


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
