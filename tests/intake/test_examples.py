"""The examples are valid, cover every field, and hold no HETU beyond the synthetic ones."""

from collections import Counter

import pytest

from service.fhir import json
from service.intake import KINDS, base, check, recognise
from service.intake.hetu import HETU, individual_number
from service.issues import Issue

from . import examples

VALID = examples.valid()
PLAIN = {"intake.reference-elsewhere"}
"""The only finding of an example: what another document holds."""


@pytest.mark.parametrize("name", VALID)
def test_valid(name: str) -> None:
    assert recognise(VALID[name]) in KINDS
    found = check(VALID[name])
    assert {one.key for one in found} <= PLAIN, [(one.key, one.pointer) for one in found]


def test_every_kind_and_model_is_shown() -> None:
    shown = Counter((document["kind"], document["model"]) for document in VALID.values())
    assert len(VALID) >= 14
    assert {kind for kind, _ in shown} == set(KINDS)
    assert {model for _, model in shown} == {"yhdessa-tiimi", "yhdessa-aika"}
    assert Counter(document["language"] for document in VALID.values())["sv"] >= 2


def test_every_field_is_used() -> None:
    used: set[tuple[str, str]] = set()
    known: set[tuple[str, str]] = set()
    for document in VALID.values():
        _use(document, base().shapes[document["kind"]], used)
    for kind in KINDS:
        _know(base().shapes[kind], known)
    unused = sorted(known - used)
    assert unused == []


def _use(value, shape, used) -> None:
    if shape.items is not None:
        for one in value:
            _use(one, shape.items, used)
    elif shape.type == "object":
        for name, one in value.items():
            used.add((shape.name, name))
            _use(one, shape.fields[name].shape, used)


def _know(shape, known) -> None:
    if shape.items is not None:
        _know(shape.items, known)
    for name, one in shape.fields.items():
        if (shape.name, name) not in known:
            known.add((shape.name, name))
            _know(one.shape, known)


def test_every_hetu_is_synthetic() -> None:
    codes = {code for name in VALID for code in HETU.findall(json.encode(VALID[name]).decode())}
    assert codes
    assert all(900 <= individual_number(code) <= 999 for code in codes)


def test_a_test_hetu_is_refused_in_earnest() -> None:
    found: list[Issue] = check(VALID["aika-shared-plan-measures-abc"], test_mode=False)
    assert {one.pointer for one in found if one.key == "intake.hetu-test"} == {
        "/family/children/0/hetu",
        "/family/guardians/0/hetu",
        "/family/guardians/1/hetu",
    }


def test_the_large_case_is_large() -> None:
    document = VALID["aika-case-large-blended-family"]
    assert len(document["family"]["children"]) >= 3
    assert sum(len(plan["measures"]) for plan in document["plans"]) >= 20
    assert len(document["meetings"]) >= 3
    assert len(document["plans"]) >= 3
