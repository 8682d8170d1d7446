"""Our own definitions are sound: every invariant in them is FHIRPath that compiles against its type."""

from typing import Any

import pytest

from service.fhir.definitions import ours
from service.fhir.path import compile_test
from service.issues import Issue
from tests.shared import ROOT

DEFINITIONS = ours()
OWN = "https://yhdessa.example/"
FOLDERS = ("profiles", "extensions", "logical")
STRUCTURES = [row.url for row in DEFINITIONS.rows("StructureDefinition") if row.url.startswith(OWN)]


def rules(url: str) -> list[tuple[str, str, str]]:
    """The constraints that a definition makes itself: element id, expression and the type of the focus."""
    structure: dict[str, Any] = DEFINITIONS.structure(url) or {}
    found = []
    for element in structure["snapshot"]["element"]:
        types = [one["code"] for one in element.get("type", ())]
        focus = element["path"] if not types or types == ["BackboneElement"] else types[0]
        for one in element.get("constraint", ()):
            if one.get("source", url) == url and one.get("expression"):
                found.append((element["id"], one["expression"], focus))
    return found


def test_all_definitions_are_loaded() -> None:
    files = sum(len(list((ROOT / "schemas" / "fhir" / folder).glob("*.json"))) for folder in FOLDERS)
    assert len(STRUCTURES) == files


@pytest.mark.parametrize("url", STRUCTURES, ids=lambda url: url.rpartition("/")[2])
def test_every_invariant_compiles(url: str) -> None:
    for _, expression, focus in rules(url):
        context = focus if DEFINITIONS.model.kind(focus) is not None else None
        compile_test(expression, model=DEFINITIONS.model, context=context)


def test_there_are_invariants() -> None:
    assert sum(len(rules(url)) for url in STRUCTURES) >= 1


@pytest.mark.parametrize("url", STRUCTURES, ids=lambda url: url.rpartition("/")[2])
def test_every_snapshot_is_made_without_a_complaint(url: str) -> None:
    DEFINITIONS.structure(url)
    found: list[Issue] = [one for one in DEFINITIONS.snapshot_issues.get(url, ()) if one.is_error]
    assert [one.text() for one in found] == []
