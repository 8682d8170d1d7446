"""Every invalid example gives exactly what stands beside it, in sentences that never show a HETU or a name."""

import itertools
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.fhir import json
from service.intake import check
from service.intake.hetu import HETU
from service.issues import LANGUAGES, Issue, kinds

from . import examples

INVALID = {path.stem: path for path in examples.invalid()}
TEXTS = Path(__file__).resolve().parents[2] / "service" / "texts" / "intake.toml"


def _found(path: Path) -> list[Issue]:
    try:
        return check(json.parse(path.read_bytes()))
    except json.JsonError as error:
        return [error.issue]


@pytest.mark.parametrize("name", INVALID)
def test_exactly_the_expected(name: str) -> None:
    path = INVALID[name]
    expected = json.parse(path.with_name(f"{name}.expect.json").read_bytes())
    found = [{"pointer": one.pointer, "key": one.key, "severity": one.severity} for one in _found(path)]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert expected


@pytest.mark.parametrize("name", INVALID)
def test_places_are_found_and_texts_are_clean(name: str) -> None:
    text = INVALID[name].read_bytes()
    found = json.placed(_found(INVALID[name]), text)
    names = set(_names(text))
    for one, language in itertools.product(found, LANGUAGES):
        sentence = one.text(language)
        assert one.line is not None
        assert not HETU.search(sentence)
        assert not any(name in sentence for name in names), sentence
        assert _wanted(kinds()[one.key].texts[language]) <= set(one.params)
        assert sentence.endswith((".", "?"))


def _wanted(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _names(text: bytes) -> list[str]:
    try:
        document = json.parse(text)
    except json.JsonError:
        return []
    people: list[dict[str, Any]] = [*document.get("professionals", ())]
    family = document.get("family")
    if isinstance(family, dict):
        people += [*family["children"], *family.get("guardians", ())]
    return [part for one in people if "name" in one for part in (*one["name"]["given"], one["name"]["family"])]


def test_every_key_that_documents_can_cause_is_shown() -> None:
    shown = {one.key.removeprefix("intake.") for path in INVALID.values() for one in _found(path)}
    made_in_tests = {"not-an-object", "too-deep", "more-problems", "does-not-fit", "form", "too-many", "hetu-test"}
    overlays = {key for key in tomllib.loads(TEXTS.read_text("utf-8")) if key.startswith("overlay-")}
    known = {key.removeprefix("intake.") for key in kinds() if key.startswith("intake.")}
    unshown = known - shown - made_in_tests - overlays
    assert unshown == set()
    assert len(INVALID) >= 30
