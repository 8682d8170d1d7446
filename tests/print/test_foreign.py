"""Another system's CarePlan, parts of one, and what cannot be printed at all."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from service.issues import LANGUAGES
from service.print import PrintError, missing, narrative, printed
from tests.print.conftest import NOW, PLANS, bundle
from tests.print.pdf_reading import document, flat, tree
from tests.print.test_content import text_of

FOREIGN: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:0b4e4e6e-0000-4000-8000-000000000001",
            "resource": {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "language": "en-GB",
                "contained": [
                    {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active",
                     "description": {"text": "Sleep well"}},
                    {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Doe", "given": ["Jo"]}],
                     "telecom": [{"system": "phone", "value": "+44 20 0000"}]},
                ],
                "subject": {"reference": "urn:uuid:0b4e4e6e-0000-4000-8000-000000000002"},
                "author": {"reference": "#p"},
                "goal": [{"reference": "#g"}, {"display": "Eat well"}, {"reference": "Goal/not-here"}],
                "activity": [
                    {"detail": {"status": "in-progress", "description": "Bed at nine", "scheduledString": "every night",
                                "performer": [{"display": "Parents"}], "location": {"display": "Bedroom"},
                                "goal": [{"reference": "#g"}]}},
                    {"detail": {"status": "entered-in-error", "description": "A mistake"}},
                    {"detail": {"status": "not-started", "doNotPerform": True, "code": {"text": "Screens in bed"}}},
                    {"reference": {"reference": "NutritionOrder/9", "display": "Warm supper"}},
                    {"reference": {"reference": "https://ehr.example/fhir/Appointment/7/_history/2"}},
                ],
            },
        },
        {
            "fullUrl": "urn:uuid:0b4e4e6e-0000-4000-8000-000000000002",
            "resource": {"resourceType": "Patient", "name": [{"given": ["Sam"], "family": "Doe"}]},
        },
        {
            "fullUrl": "https://ehr.example/fhir/Appointment/7",
            "resource": {"resourceType": "Appointment", "id": "7", "status": "proposed",
                         "start": "2025-12-01T08:00:00Z",
                         "participant": [{"status": "accepted", "actor": {"display": "Dr Doe"}}]},
        },
    ],
}  # fmt: skip


def test_another_systems_plan_prints_what_it_has() -> None:
    said = text_of(printed(FOREIGN, language="en", format="html", now=NOW))
    for there in (
        "Shared plan", "Sam Doe", "Sleep well", "Eat well", "Other things we agreed", "Bed at nine", "every night",
        "Parents", "Bedroom", "Helps with: point 1", "We agreed not to do this.", "Screens in bed", "Warm supper",
        "Monday 1 December 2025", "10:00", "The time is not confirmed yet.", "Dr Doe", "Jo Doe", "+44 20 0000",
    ):  # fmt: skip
        assert flat(there) in said, there
    assert flat("A mistake") not in said


def test_it_says_what_is_missing() -> None:
    assert [one.key for one in missing(FOREIGN, now=NOW)] == ["print.no-ways"]
    said = text_of(printed(FOREIGN, language="en", format="html", now=NOW))
    assert flat("What is missing from this paper how we keep in touch") in said
    bare = {"resourceType": "CarePlan", "status": "draft", "intent": "plan", "title": "Only a title"}
    keys = {one.key for one in missing(bare, now=NOW)}
    lacking = ("needs", "measures", "responsible-worker", "ways", "next-contact")
    assert keys == {f"print.no-{one}" for one in lacking}
    paper = flat(tree(document(printed(bare, language="en", now=NOW))).whole())
    for there in (
        "Only a title",
        "This is a draft.",
        "what needs to change",
        "No responsible worker has been named yet.",
    ):
        assert flat(there) in paper


@pytest.mark.parametrize(("given", "wanted", "key"), [
    ({"resourceType": "Patient"}, None, "print.no-care-plan"),
    ([], None, "print.no-care-plan"),
    ("text", None, "print.no-care-plan"),
    (None, None, "print.no-care-plan"),
    (FOREIGN, "another", "print.other-care-plans"),
    ([{"resourceType": "CarePlan", "id": "a"}, {"resourceType": "CarePlan", "id": "b"}], None, "print.which-care-plan"),
    ({"resourceType": "CarePlan", "id": "a"}, "a", "print.nothing-to-print"),
    ({"resourceType": "CarePlan", "title": "T", "status": "entered-in-error"}, None, "print.entered-in-error"),
])  # fmt: skip
def test_what_cannot_be_printed_is_told(given: Any, wanted: str | None, key: str) -> None:
    with pytest.raises(PrintError) as caught:
        printed(given, wanted, now=NOW)
    assert caught.value.issue.key == key
    assert all(caught.value.issue.text(language) for language in LANGUAGES)


@pytest.mark.parametrize(
    ("options", "key"), [({"language": "de"}, "print.language"), ({"format": "rtf"}, "print.format")]
)
def test_languages_and_formats_that_there_are_not(options: dict[str, Any], key: str) -> None:
    with pytest.raises(PrintError) as caught:
        printed(FOREIGN, now=NOW, **options)
    assert caught.value.issue.key == key


WRONG: list[Any] = [None, 5, "x", [], {}, [1], [{}], [[]], {"reference": 5}, {"coding": "x"}, [{"reference": []}]]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("name", [
    "subject", "author", "goal", "activity", "careTeam", "contributor", "supportingInfo", "note", "extension", "period",
    "contained", "meta", "language", "created", "description", "identifier",
])  # fmt: skip
def test_no_wrong_shape_stops_the_printer(name: str, wrong: Any) -> None:
    plan = {"resourceType": "CarePlan", "title": "Still here", name: wrong}
    heap = [plan, {"resourceType": "Consent", "provision": wrong}, {"resourceType": "Provenance", "target": wrong}]
    said = text_of(printed(heap, language="en", format="html", now=NOW))
    assert flat("Still here") in said
    assert "Still here" in narrative(plan, heap)["div"]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every object or list below, with the keys in it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_no_damage_to_any_resource_stops_the_printer(name: str, plan: str, seed: int) -> None:
    """Something wrong in many places at once: it prints, or says why not."""
    chance = random.Random(f"{name} {seed}")
    damaged = copy.deepcopy(bundle(name, "reference" if seed % 2 else "detail"))
    places = [one for one in _places(damaged) if one[1] not in ("resourceType", "entry", "resource")]
    for holder, key in chance.sample(places, len(places) // (20 if seed < 6 else 200)):
        holder[key] = copy.deepcopy(chance.choice(WRONG))
    try:
        assert printed(damaged, plan, language="en", format="html", now=NOW)
    except PrintError as error:
        assert error.issue.key.startswith("print.")
