"""Word lists of the registries that code systems stand for: languages, currencies, units."""

import functools

from service import assets
from service.fhir import json


@functools.cache
def words(name: str) -> frozenset[str]:
    """The list `name` of `schemas/fhir/definitions/registries.json` (see `schemas/tools`)."""
    file = assets.schemas() / "fhir" / "definitions" / "registries.json"
    return frozenset(json.parse(file.read_bytes())[name].split())
