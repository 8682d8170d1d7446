"""Made documents of every kind are valid, and the keyed form of each leads back to it."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from service.fhir import json
from service.intake import KINDS, check, keyed, normalised, recognise, unkeyed

from .documents import documents, make

CALM = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@CALM
@given(documents())
def test_made_documents_are_valid_and_lead_back(document: dict) -> None:
    document = json.parse(json.encode(document))
    assert recognise(document) in KINDS
    assert [(one.key, one.pointer) for one in check(document) if one.is_error] == []
    found = keyed(document, b"key", processing={})
    assert unkeyed(found) == normalised(document)
    assert keyed(normalised(document), b"key", processing={}) == found


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_document(kind: str) -> None:
    made = [make(Random(seed), kind) for seed in range(8)]
    assert made == [make(Random(seed), kind) for seed in range(8)]
    for document in made:
        assert document["kind"] == kind
        assert [(one.key, one.pointer) for one in check(document) if one.is_error] == []


def test_made_documents_use_most_fields() -> None:
    keys: set[str] = set()
    for seed in range(25):
        _keys(make(Random(seed), "case"), keys)
    assert {"temporaryId", "hetu", "movedTo", "revoked", "provision", "valueCoding", "interpreter", "where"} <= keys


def _keys(value: object, keys: set[str]) -> None:
    if isinstance(value, dict):
        keys.update(value)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _keys(one, keys)
