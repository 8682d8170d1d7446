"""Findings as SARIF 2.1.0, which code hosts and editors show beside the file.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from service.issues import Issue

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fatal": "error", "error": "error", "warning": "warning", "information": "note"}


def log(found: Iterable[tuple[str, Issue]], language: str) -> dict[str, Any]:
    """One run with a result for each `(file, issue)`."""
    results = [_result(file, one, language) for file, one in found]
    rules = sorted({result["ruleId"] for result in results})
    driver = {"name": "yhdessa", "version": version("yhdessa-fhir"), "rules": [{"id": rule} for rule in rules]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _result(file: str, found: Issue, language: str) -> dict[str, Any]:
    uri = Path(file).as_posix() if not Path(file).is_absolute() else Path(file).as_uri()
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if found.line is not None:
        place["region"] = {"startLine": found.line, "startColumn": found.column or 1}
    location: dict[str, Any] = {"physicalLocation": place}
    element = found.expression or found.pointer
    if element:
        location["logicalLocations"] = [{"fullyQualifiedName": element, "kind": "element"}]
    properties = {"profile": found.profile, "constraint": found.constraint}
    result: dict[str, Any] = {
        "ruleId": found.key,
        "level": _LEVELS[found.severity],
        "message": {"text": found.text(language)},
        "locations": [location],
    }
    kept = {name: value for name, value in properties.items() if value}
    return result | {"properties": kept} if kept else result
