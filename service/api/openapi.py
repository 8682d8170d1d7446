"""`GET /openapi.json`: the hand-kept `openapi.yaml` with the schemas of the source documents put into it.

https://spec.openapis.org/oas/v3.1.1.html
"""

import functools
import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from service import assets
from service.api.answers import answer
from service.api.metadata import VERSION

blueprint = Blueprint("openapi", __name__)

_MARK = ".schema.json"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return answer(description())


@functools.cache
def description() -> dict[str, Any]:
    """The whole description; each source schema stands in `components.schemas` under its file's name."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "openapi.yaml").read_text("utf-8"))
    found["info"]["version"] = VERSION
    folder = assets.schemas() / "source"
    for file in sorted(folder.glob(f"*{_MARK}")):
        schema = json.loads(file.read_text("utf-8"))
        schema.pop("$id", None)
        schema.pop("$schema", None)
        found["components"]["schemas"][_name(file.name)] = _bundled(schema, file.name)
    whole: dict[str, Any] = _bundled(found, "")
    return whole


def _name(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(_MARK)


def _bundled(node: Any, file: str) -> Any:
    """`node` with every reference to a schema file turned into one to its place in `components.schemas`."""
    if isinstance(node, list):
        return [_bundled(child, file) for child in node]
    if not isinstance(node, dict):
        return node
    made = {key: _bundled(value, file) for key, value in node.items()}
    reference = made.get("$ref")
    if isinstance(reference, str):
        target, _, within = reference.partition("#")
        target = target or file
        if target.endswith(_MARK):
            made["$ref"] = f"#/components/schemas/{_name(target)}{within}"
    return made
