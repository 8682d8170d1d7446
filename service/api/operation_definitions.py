"""OperationDefinitions of our own operations: read by id, and found by the url that the CapabilityStatement names.

https://hl7.org/fhir/R4/operationdefinition.html. They are files (`schemas/operations/`) and show nobody's data; what
clients have kept of that type stands beside them.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from service import assets
from service.api import bundles
from service.api.context import base

TYPE = "OperationDefinition"
OWN = "https://yhdessa.example/fhir/OperationDefinition/"
Json = dict[str, Any]


@functools.cache
def definitions() -> Mapping[str, Json]:
    """Every definition by its id; its `url` is `OWN` and the id."""
    files = sorted((assets.schemas() / "operations").glob("*.json"))
    return {file.stem: json.loads(file.read_text("utf-8")) for file in files}


def by_url(given: Sequence[tuple[str, str]]) -> Json | None:
    """The searchset for a search by the url of one of ours; None for any other search."""
    asked = [(name, value) for name, value in given if name not in ("_format", "_pretty")]
    if len(asked) != 1 or asked[0][0] != "url" or not asked[0][1].startswith(OWN):
        return None
    found = definitions().get(asked[0][1].removeprefix(OWN))
    if found is None:
        return None
    entry = {"fullUrl": f"{base()}/{TYPE}/{found['id']}", "resource": found, "search": {"mode": "match"}}
    links = [bundles.link("self", TYPE, asked)]
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "link": links, "entry": [entry]}
