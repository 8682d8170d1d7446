"""The example documents, read once."""

from pathlib import Path
from typing import Any

from service import assets
from service.fhir import json

FOLDER = assets.schemas() / "source" / "examples"


def valid() -> dict[str, Any]:
    """Every valid example, by its name."""
    return {path.stem: json.parse(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}


def invalid() -> list[Path]:
    """The files of the invalid examples."""
    return [path for path in sorted((FOLDER / "invalid").glob("*.json")) if not path.name.endswith(".expect.json")]
