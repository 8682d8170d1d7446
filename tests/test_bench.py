"""What the benchmarks compare is comparable: compiled maps give what hand-written ones give, each document is new."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench._cases import EXAMPLES as FOLDER
from bench._cases import document
from bench.handwritten import shared_plan
from service import assets
from service.fhir import json
from service.intake.check import check
from service.intake.keyed import keyed
from service.issues import has_errors
from service.pipeline import Converter

from .intake.documents import make

KEY = b"a key for tests only, 32 bytes.."
PROCESSING = {"activityStyle": "detail", "sourceHash": "0" * 64, "mappingSet": "base", "mappingHash": "1" * 64}
EXAMPLES = sorted((assets.schemas() / "source" / "examples").glob("*-shared-plan-*.json"))


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter.load(key=KEY)


def same(converter: Converter, document: dict[str, Any]) -> None:
    variant = converter.catalogue.variants["base"]
    made = keyed(document, KEY, processing=PROCESSING)
    by_maps = variant.compiled.run(made, group=variant.entry["shared-plan"])
    assert not has_errors(by_maps.issues)
    assert shared_plan(made) == by_maps.target


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_by_hand(converter: Converter, file: Path) -> None:
    same(converter, json.parse(file.read_bytes()))


@pytest.mark.parametrize("seed", range(80))
def test_made_documents_by_hand(converter: Converter, seed: int) -> None:
    document = make(Random(seed), "shared-plan")
    assert not has_errors(check(document))
    same(converter, document)


def test_there_are_examples() -> None:
    assert EXAMPLES


SHARED = {"Organization", "Practitioner", "PractitionerRole", "Location"}


def test_every_document_of_a_backlog_is_of_another_family(converter: Converter) -> None:
    seen: set[str] = set()
    for number in range(2 * len(list(FOLDER.glob("*.json")))):
        made = converter.convert_text(document(number))
        assert made.bundle is not None, made.issues
        resources = [one["resource"] for one in made.bundle["entry"]]
        own = {one["id"] for one in resources if one["resourceType"] not in SHARED}
        assert own
        assert not own & seen
        seen |= own
