"""Non-disclosure (turvakielto): nothing on the paper tells where a protected family is."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from service.print import narrative, printed
from tests.print.conftest import NOW, PLANS, bundle, care_plan
from tests.print.pdf_reading import document, flat, tree
from tests.print.test_content import text_of

LABEL = {
    "system": "https://hl7.fi/fhir/finnish-base-profiles/CodeSystem/fi-base-security-label-cs",
    "code": "TURVAKIELTO",
}
SHIELDED = ("tiimi-shared-plan-non-disclosure", "lumi-1")


def _labelled(name: str, kind: str) -> dict[str, Any]:
    """An example in which the last Patient or RelatedPerson has the label."""
    found: dict[str, Any] = copy.deepcopy(bundle(name))
    people = [one["resource"] for one in found["entry"] if one["resource"]["resourceType"] == kind]
    people[-1].setdefault("meta", {})["security"] = [LABEL]
    return found


def _secrets(resources: dict[str, Any]) -> Iterator[str]:
    """Addresses, towns, places, employers' names and the family's numbers, straight from the resources."""
    for resource in (one["resource"] for one in resources["entry"]):
        family = resource["resourceType"] in ("Patient", "RelatedPerson")
        if resource["resourceType"] in ("Organization", "Location"):
            yield from (resource["name"], resource.get("description", ""))
        if family:
            yield from (one["value"] for one in resource.get("telecom", ()))
        if family or resource["resourceType"] in ("Organization", "Location"):
            given = resource.get("address", [])
            for address in given if isinstance(given, list) else [given]:
                yield from (*address.get("line", ()), address.get("postalCode", ""), address.get("city", ""))


def _everything(resources: dict[str, Any], plan: str) -> Iterator[str]:
    for language in ("fi", "sv", "en"):
        pdf = document(printed(resources, plan, language=language, now=NOW))
        yield flat(tree(pdf).whole()) + flat(str(pdf.docinfo["/Title"]))
        yield text_of(printed(resources, plan, language=language, format="html", now=NOW))
        yield flat(narrative(care_plan(resources, plan), resources, language)["div"])
        yield text_of(printed(resources, plan, language=language, format="html", child=True, now=NOW))


@pytest.mark.parametrize("kind", ["Patient", "RelatedPerson"])
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_no_place_of_a_protected_family_is_printed(name: str, plan: str, kind: str) -> None:
    resources = _labelled(name, kind)
    secrets = {flat(one) for one in _secrets(resources) if len(one) > 3}
    assert secrets
    for said in _everything(resources, plan):
        assert [one for one in secrets if one in said] == []


@pytest.mark.parametrize(("language", "says"), [
    ("fi", "Kysykää ne vastuutyöntekijältä: Leena Suojala."),
    ("sv", "Fråga den ansvariga arbetaren: Leena Suojala."),
    ("en", "Ask the responsible worker for them: Leena Suojala."),
])  # fmt: skip
def test_the_family_is_told_whom_to_ask(language: str, says: str) -> None:
    paper = printed(bundle(SHIELDED[0]), SHIELDED[1], language=language, now=NOW)
    assert flat(says) in flat(tree(document(paper)).whole())


def test_the_worker_stays_within_reach() -> None:
    resources = _labelled("tiimi-case-twins-services-and-responsible-pair", "RelatedPerson")
    said = flat(tree(document(printed(resources, language="fi", now=NOW))).whole())
    for there in ("Tiina Rantakivi", "044 000 0001", "Paula Luoto", "4.11.2025", "terveydenhuolto"):
        assert flat(there) in said
    assert flat("Karhulan perhekeskus") not in said


@pytest.mark.parametrize("text", [
    "Perhe asuu nyt osoitteessa Suojakatu 1, Haminassa.",
    "Soittakaa 050-000 0602 tai 0500000601.",
    "HAMINAN ESIMERKKIKOULU tietää asian.",
    "Postinumero on 49400.",
])  # fmt: skip
def test_places_and_numbers_are_struck_out_of_free_text(text: str) -> None:
    resources: dict[str, Any] = copy.deepcopy(bundle(SHIELDED[0]))
    care_plan(resources, SHIELDED[1])["description"] = f"Alku. {text} Loppu."
    said = text_of(printed(resources, SHIELDED[1], language="en", format="html", now=NOW))
    assert flat("Alku.") in said
    assert flat("Loppu.") in said
    assert flat("[place withheld]") in said
    assert not re.search("Suojakatu|Hamin|ESIMERKKIKOULU|0500000602|0500000601|050-0000602|49400", said)


def test_other_free_text_stays_as_it_was_written() -> None:
    said = text_of(printed(bundle(SHIELDED[0]), SHIELDED[1], format="html", now=NOW))
    assert flat("Perhe on muuttanut. Osoitetta ei kerrota kenellekään.") in said
    assert flat("Perhekeskuksen palvelutiskiltä voi pyytää Leenaa.") in said
