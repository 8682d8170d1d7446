"""Differentials in the order of their base: HL7's snapshot generator passes over elements that stand out of order."""

import json
from pathlib import Path

import pytest

from service.fhir.definitions import ours
from tests.shared import ROOT

PARTS = ("profiles", "extensions")
FILES = sorted(file for name in PARTS for file in (ROOT / "schemas" / "fhir" / name).glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_order(file: Path) -> None:
    profile = json.loads(file.read_text("utf-8"))
    made = ours().structure(profile["url"])
    assert made is not None
    order = [one["id"] for one in made["snapshot"]["element"]]
    ids = [one["id"] for one in profile["differential"]["element"]]
    assert ids == sorted(ids, key=order.index)
