"""The HTML page and the narrative: valid, in the right language, and deaf to what texts try to do."""

import copy
from typing import Any
from xml.etree import ElementTree

import pytest

from service.fhir.definitions import ours
from service.print import narrative, printed
from service.validation import Validator
from tests.print.conftest import NOW, PLANS, bundle, care_plan
from tests.print.pdf_reading import document, flat, placed, tree
from tests.print.test_content import text_of

HOSTILE = (
    '#typst $x^2$ #image("/etc/passwd") = heading *bold* _it_ `raw` \\ @label <label> // note /* c */ '
    '<script>alert(1)</script> <b onclick="x">&amp;amp; \'q\' "d" ]]> --> {page} %(name)s %s'
)
TURNED = "a\u202eb\u2066c\u200ed\x07e\ufeff"
TEXTS = ("description", "title")


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(ours())


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_narratives_validate(name: str, plan: str, language: str, validator: Validator) -> None:
    found: dict[str, Any] = copy.deepcopy(care_plan(bundle(name), plan))
    before = {(one.key, one.expression) for one in validator.validate(found)}
    found["text"] = narrative(care_plan(bundle(name), plan), bundle(name), language)
    after = {(one.key, one.expression, one.constraint) for one in validator.validate(found)}
    assert {one for one in after if one[:2] not in before} == set()
    assert "dom-6" not in {constraint for _, _, constraint in after}
    div = ElementTree.fromstring(found["text"]["div"])
    assert div.tag == "{http://www.w3.org/1999/xhtml}div"
    assert div.get("lang") == language


def test_the_validator_would_see_a_bad_narrative(validator: Validator) -> None:
    found: dict[str, Any] = copy.deepcopy(care_plan(bundle("tiimi-shared-plan-non-disclosure"), "lumi-1"))
    found["text"] = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}
    assert any(one.is_error for one in validator.validate(found))


def test_narrative_and_page_say_the_same() -> None:
    name, plan = "aika-shared-plan-measures-abc", "suunnitelma-eino"
    page = text_of(printed(bundle(name), plan, language="fi", format="html", now=NOW))
    div = flat(
        "".join(ElementTree.fromstring(narrative(care_plan(bundle(name), plan), bundle(name))["div"]).itertext())
    )
    assert div in page


@pytest.mark.parametrize("name", ["page", "narrative", "pdf"])
def test_texts_are_data(name: str, validator: Validator) -> None:
    plan = {
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "language": "fi",
        "subject": {"display": HOSTILE}, "title": HOSTILE, "description": f"{HOSTILE}\n{TURNED}",
        "activity": [{"detail": {"status": "scheduled", "description": HOSTILE, "performer": [{"display": HOSTILE}]}}],
        "note": [{"text": HOSTILE, "authorString": HOSTILE}],
    }  # fmt: skip
    if name == "pdf":
        pdf = document(printed(plan, now=NOW, copy_of=HOSTILE))
        said = flat(tree(pdf).whole())
        assert str(pdf.docinfo["/Title"]) == HOSTILE
    elif name == "page":
        page = printed(plan, format="html", now=NOW, copy_of=HOSTILE)
        assert b"<script" not in page
        assert b' onclick="' not in page
        said = text_of(page)
    else:
        made = narrative(plan, plan)
        assert not [
            one.text()
            for one in validator.validate({**plan, "text": made})
            if one.is_error and "text" in str(one.expression)
        ]
        said = flat("".join(ElementTree.fromstring(made["div"]).itertext()))
    assert said.count(flat(HOSTILE)) >= 5
    assert "abcde" in said


def test_pages_stand_alone_and_have_landmarks() -> None:
    page = printed(bundle("tiimi-shared-plan-non-disclosure"), "lumi-1", language="sv", format="html", now=NOW).decode()
    assert page.startswith('<!DOCTYPE html>\n<html lang="sv">')
    for part in ("<header>", "<main>", "<footer>", '<h1 lang="fi"', 'aria-labelledby="doing"', "default-src 'none'"):
        assert part in page
    assert "http" not in page.replace("http-equiv", "")


def _long() -> dict[str, Any]:
    """Twenty measures, the odd ones with 5,000 characters and one word without a space."""
    activities = [
        {"detail": {"status": "scheduled", "description": f"Toimenpide {n}. " + ("sana " * 1000 if n % 2 else "")}}
        for n in range(20)
    ]
    return {
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "language": "fi", "title": "Pitkä " * 60,
        "description": "x" * 5000, "activity": activities,
    }  # fmt: skip


def test_long_plans_flow_over_pages() -> None:
    pdf = document(printed(_long(), now=NOW))
    said = flat(tree(pdf).whole())
    assert said.count("sana") == 10_000
    assert "x" * 5000 in said
    assert all(f"Toimenpide{n}." in said for n in range(20))
    assert 10 < len(pdf.pages) < 40


def test_a_word_without_end_stays_between_the_margins() -> None:
    """Where pieces of the word begin: none so far to the right that it would leave the page."""
    starts = [start for start, text in placed(document(printed(_long(), now=NOW))) if set(flat(text)) == {"x"}]
    assert len(starts) > 300
    assert 40 < min(starts) < max(starts) < 595 - 51


def test_characters_without_a_glyph_are_told_and_do_not_stop_the_print() -> None:
    from service.print import missing

    plan = {"resourceType": "CarePlan", "title": "Hymy 🙂 ja 漢字", "description": "👨\u200d👩\u200d👧 ❤\ufe0f"}
    said = flat(tree(document(printed(plan, now=NOW, archive=True))).whole())
    assert flat("Hymy \ufffd ja \ufffd\ufffd") in said
    (found,) = [one for one in missing(plan, now=NOW) if one.key == "print.characters"]
    assert "漢" in found.params["value"]
    assert "🙂" in text_of(printed(plan, format="html", now=NOW))
