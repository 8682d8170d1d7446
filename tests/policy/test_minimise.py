"""What of a plan goes to whom: the policies' own promises, one at a time, on the examples."""

from typing import Any

import pytest

from service import pipeline
from service.fhir.json import encode
from service.policy import Step
from tests.policy.kit import (
    KEY,
    children,
    consent,
    decide,
    example,
    extensions,
    permitted,
    plan,
    reference,
    references,
    resources,
    with_recipient,
)
from tests.policy.oracle import SECTORS, is_named, leaves, maximum, named_paths

OID = "2.999.77.1"
EVERYTHING = sorted(maximum("archive"))
ABC = "aika-shared-plan-measures-abc"
STYLES = ("detail", "reference")
HETU = "021120A900B"


def given(sector: str, parts: list[str], name: str = ABC, style: str = "detail", *, of: Any = None) -> Any:
    """The case and what goes of it where the family has permitted `parts`."""
    case = with_recipient(example(name, style), OID, sector)
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    return case, permitted(case, OID, sector, [consent(case, OID, parts, kind, of=of)])


def why(found: Any, expression: str) -> list[Step]:
    return [one for one in found.explained if one.expression == expression]


@pytest.mark.parametrize("style", STYLES)
def test_early_education_gets_measures_b_and_the_needs_they_serve(style: str) -> None:
    case, found = given("early-education", ["measures-everyday-environment", "needs"], style=style)
    text = encode(found.bundle).decode()
    assert "Lepohetki päiväkodissa" in text and "oma pikkuauto" in text
    assert "Eino nukahtaa arki-iltoina" in text and "Aamut sujuvat" in text
    for stays in ("iltajärjestys", "videopuhelussa", "yökylässä", "Perheohjaus kotona", "oma ilta", "matkatyötä"):
        assert stays not in text
    assert plan(found.bundle)["title"] == plan(case)["title"]


def test_needs_that_nothing_serves_stay() -> None:
    case, found = given("early-education", ["measures-everyday-environment", "needs"])
    unserved = next(one for one in resources(case, "Goal") if "oma ilta" in one["description"]["text"])
    assert [one.why for one in found.explained if one.resource == reference(unserved)] == ["policy.need-not-served"]


def test_health_gets_every_need_that_is_permitted() -> None:
    _, found = given("health", ["needs"])
    assert len(resources(found.bundle, "Goal")) == 3


@pytest.mark.parametrize("sector", ["early-education", "school"])
def test_what_only_the_family_can_name(sector: str) -> None:
    for name, text in (("assessment", "Nukkuminen on nyt se vaikein asia"), ("situation", "matkatyötä")):
        _, without = given(sector, ["measures-everyday-environment"])
        _, named = given(sector, ["measures-everyday-environment", name])
        assert text not in encode(without.bundle).decode()
        assert text in encode(named.bundle).decode()


@pytest.mark.parametrize("sector", SECTORS)
def test_the_parents_own_matters_never_go(sector: str) -> None:
    """Not even where the family names everything that has a name."""
    _, found = given(sector, EVERYTHING, "tiimi-shared-plan-non-disclosure")
    text = encode(found.bundle).decode()
    assert "Äidin oma asia" not in text
    assert ("Perheneuvolan keskustelun" in text) == (sector in ("health", "social"))


@pytest.mark.parametrize("sector", SECTORS)
def test_an_assessment_of_a_parent_stays(sector: str) -> None:
    case = with_recipient(example(ABC), OID, sector)
    parent = next(one for one in resources(case, "RelatedPerson"))
    for one in resources(case, "QuestionnaireResponse"):
        one["subject"] = {"reference": reference(parent)}
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    found = permitted(case, OID, sector, [consent(case, OID, EVERYTHING, kind)])
    assert "Nukkuminen" not in encode(found.bundle).decode()


@pytest.mark.parametrize(("sector", "goes"), [("health", True), ("social", True), ("school", False), ("other", False)])
def test_the_personal_identity_code(sector: str, goes: bool) -> None:
    _, found = given(sector, ["measures-elsewhere", "needs", "responsible-workers"])
    assert (HETU in encode(found.bundle).decode()) is goes


@pytest.mark.parametrize("text", ["Isän tunnus on 121288-970D.", "Isän tunnus:\n121288-970D", '"121288-970D"'])
def test_a_personal_identity_code_in_a_text_is_withheld(text: str) -> None:
    case = with_recipient(example(ABC), OID, "health")
    plan(case)["description"] = text
    found = permitted(case, OID, "health", [consent(case, OID, ["situation", "needs"], "luovutuslupa")])
    assert "121288-970D" not in encode(found.bundle).decode()
    assert "description" not in plan(found.bundle) and "_description" in plan(found.bundle)
    assert [one.why for one in why(found, "CarePlan.description")][-1] == "policy.text-withheld"


def test_relatives_who_are_no_guardians() -> None:
    grandmother = "Kerttu"
    _, health = given("health", ["measures-elsewhere"])
    _, daycare = given("early-education", ["measures-elsewhere"])
    assert grandmother in encode(health.bundle).decode()
    assert grandmother not in encode(daycare.bundle).decode()


def test_staff_are_named_with_their_numbers() -> None:
    _, found = given("early-education", ["responsible-workers"])
    text = encode(found.bundle).decode()
    assert "Riku Sarastus" in text and "040 000 0022" in text
    assert "Sari Kuutamo" not in text  # The public health nurse is not the responsible worker.


def test_the_parents_numbers_do_not_go_to_early_education() -> None:
    _, daycare = given("early-education", ["follow-up"])
    _, health = given("health", ["follow-up"])
    assert "040 000 0101" in encode(health.bundle).decode()
    assert extensions(plan(daycare.bundle), "worker-contacts-family")
    assert "arkisin klo 16" not in str(extensions(plan(daycare.bundle), "worker-contacts-family"))


@pytest.mark.parametrize("sector", SECTORS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "name", [ABC, "tiimi-case-twins-services-and-responsible-pair", "tiimi-shared-plan-pa-svenska"]
)
def test_a_copy_stands_on_its_own(sector: str, style: str, name: str) -> None:
    """Valid, nothing leads out of it, nothing in it that no file names, and it says that it is a copy."""
    case, found = given(sector, EVERYTHING, name, style)
    errors = [one for one in pipeline.default(KEY).validator.validate(found.bundle) if one.is_error]
    assert not errors, [one.text() for one in errors]
    known = references(found.bundle)
    for one in resources(found.bundle):
        assert {
            "system": "https://yhdessa.example/fhir/CodeSystem/copy",
            "code": "copy",
            "display": "Jäljennös",
        } in one["meta"]["tag"]
        named = named_paths(sector, one["resourceType"], maximum(sector))
        for path, value in leaves(one):
            if path[-1] == "reference":
                assert value in known, (reference(one), path, value)
            if not _of_a_copy(path):
                assert is_named(path, named), (one["resourceType"], path)
    (row,) = extensions(plan(found.bundle), "copy-of")
    said = {one["url"]: one for one in row["extension"]}
    assert said["original"]["valueIdentifier"]["value"] == plan(case)["identifier"][0]["value"]
    assert said["controller"]["valueIdentifier"]["value"] and said["documentVersion"]["valuePositiveInt"] >= 1


def _of_a_copy(path: tuple[str, ...]) -> bool:
    """What the copy has of its own: its marks, its narrative, and the marks of what was withheld."""
    own = path[0] in ("resourceType", "meta", "text") or path[0] == "extension:copy-of"
    return own or "extension:data-absent-reason" in path


def test_the_store_s_version_is_named() -> None:
    case = with_recipient(example(ABC), OID, "school")
    plan(case)["meta"]["versionId"] = "7"
    found = permitted(case, OID, "school", [consent(case, OID, ["measures-everyday-environment"])])
    (row,) = extensions(plan(found.bundle), "copy-of")
    assert {"url": "version", "valueString": "7"} in row["extension"]
    assert "versionId" not in plan(found.bundle)["meta"]


def test_the_narrative_is_made_anew() -> None:
    case, found = given("early-education", ["measures-everyday-environment"])
    plan(case)["text"] = {"status": "additional", "div": "<div>kaikki perheen asiat</div>"}
    again = permitted(case, OID, "early-education", [consent(case, OID, ["measures-everyday-environment"])])
    assert plan(again.bundle)["text"] == plan(found.bundle)["text"]
    assert "Lepohetki" in plan(again.bundle)["text"]["div"] and "matkatyötä" not in plan(again.bundle)["text"]["div"]


def test_no_consent_goes_along() -> None:
    for sector in SECTORS:
        _, found = given(sector, EVERYTHING)
        assert not resources(found.bundle, "Consent")


def test_the_same_question_gets_the_same_answer() -> None:
    case = with_recipient(example(ABC), OID, "health")
    permission = consent(case, OID, EVERYTHING, "luovutuslupa")
    first = permitted(case, OID, "health", [permission])
    before = encode(case)
    assert encode(permitted(case, OID, "health", [permission]).bundle) == encode(first.bundle)
    assert encode(case) == before, "the case was changed"


def test_a_foreign_element_stays() -> None:
    """What our maps never make may come by the API."""
    case = with_recipient(example(ABC), OID, "health")
    plan(case)["extension"].append({"url": "urn:x", "valueString": "vieras"})
    plan(case)["addresses"] = [{"display": "vieras"}]
    plan(case)["contained"] = [{"resourceType": "Basic", "id": "vieras"}]
    plan(case)["modifierExtension"] = [{"url": "urn:vieras", "valueString": "vieras"}]
    plan(case)["activity"][0]["outcomeCodeableConcept"] = [{"text": "vieras"}]
    goal = resources(case, "Goal")[0]
    goal["description"]["extension"] = [{"url": "urn:x", "valueString": "vieras"}]
    goal["description"]["coding"] = [{"system": "urn:x", "code": "y", "extension": [{"url": "urn:vieras"}]}]
    goal["_startDate"] = {"extension": [{"url": "urn:x", "valueString": "vieras"}]}
    case["entry"].append({"resource": {"resourceType": "Observation", "id": "o", "valueString": "vieras"}})
    found = permitted(case, OID, "health", [consent(case, OID, EVERYTHING, "luovutuslupa")])
    assert b"vieras" not in encode(found.bundle)
    assert [one.kept for one in found.explained if one.resource == "Observation/o"] == [False]


def test_a_personal_identity_code_is_one_whatever_its_use() -> None:
    case = with_recipient(example(ABC), OID, "school")
    child, worker = resources(case, "Patient")[0], resources(case, "Practitioner")[0]
    for use in ("usual", "secondary", "temp"):
        child["identifier"].append({"use": use, "system": "urn:oid:1.2.246.21", "value": HETU})
    worker["identifier"] = [{"use": "official", "system": "urn:oid:1.2.246.21", "value": HETU}]
    subject = {"identifier": {"use": "usual", "system": "urn:oid:1.2.246.21", "value": HETU}, "display": "Eino"}
    plan(case)["contributor"].append(subject)
    found = permitted(case, OID, "school", [consent(case, OID, EVERYTHING)])
    assert HETU not in encode(found.bundle).decode()


def test_what_is_hidden_in_a_reference_or_an_extension_stays() -> None:
    case = with_recipient(example(ABC), OID, "health")
    plan(case)["contributor"].append({
        "display": "Pentti", "extension": [{"url": "urn:x", "valueString": "vieras"}],
        "identifier": {"system": "urn:x", "value": "1", "assigner": {"display": "vieras"}},
    })  # fmt: skip
    strength = next(one for one in plan(case)["extension"] if one["url"].endswith("/strength"))
    plan(case)["extension"].append({"url": strength["url"], "valueAddress": {"text": "vieras"}})
    plan(case)["extension"].append({"url": strength["url"], "valueString": "vahva", "extension": [{"url": "vieras"}]})
    found = permitted(case, OID, "health", [consent(case, OID, EVERYTHING, "luovutuslupa")])
    text = encode(found.bundle).decode()
    assert "vieras" not in text and "vahva" in text and "Pentti" in text


def test_a_note_without_a_kind_stays() -> None:
    case = with_recipient(example(ABC), OID, "health")
    plan(case)["note"].append({"text": "lajiton muistiinpano"})
    found = permitted(case, OID, "health", [consent(case, OID, EVERYTHING, "luovutuslupa")])
    assert b"lajiton" not in encode(found.bundle)


def test_every_resource_is_explained() -> None:
    case, found = given("early-education", ["measures-everyday-environment", "team"])
    told = {one.resource for one in found.explained}
    assert references(case) <= told | {one for one in references(case) if one.startswith("Consent/")}
    for one in found.explained:
        for language in ("fi", "sv", "en"):
            assert one.text(language) and "…" not in one.text(language), (one.why, one.text(language))


def test_a_guardian_of_two_children_is_named_by_the_entry_of_the_child_that_it_is_about() -> None:
    name = "tiimi-case-twins-services-and-responsible-pair"
    case = with_recipient(example(name), OID, "health")
    _, second = children(case)
    found = permitted(case, OID, "health", [consent(case, OID, EVERYTHING, "luovutuslupa", of=[second])])
    for one in resources(found.bundle, "RelatedPerson"):
        assert one["patient"]["reference"] == second


@pytest.mark.parametrize("sector", [*SECTORS, "archive"])
@pytest.mark.parametrize("name", [ABC, "tiimi-shared-plan-non-disclosure"])
def test_the_case_is_not_changed(sector: str, name: str) -> None:
    """Others are made from the same resources at the same time."""
    case = with_recipient(example(name), OID, sector) if sector != "archive" else example(name)
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    before = encode(case)
    decide(case, OID, sector, [consent(case, OID, EVERYTHING, kind)])
    assert encode(case) == before


@pytest.mark.parametrize("place", [0, 1])
def test_what_stays_of_a_list_is_told_wherever_it_stands_in_it(place: int) -> None:
    case = with_recipient(example(ABC), OID, "health")
    plan(case)["identifier"].insert(place, {"use": "secondary", "system": "urn:s", "value": "1"})
    found = permitted(case, OID, "health", [consent(case, OID, EVERYTHING, "luovutuslupa")])
    assert [one.kept for one in why(found, f"CarePlan.identifier[{place}]")] == [False]
    assert [one["use"] for one in plan(found.bundle)["identifier"]] == ["usual"]
