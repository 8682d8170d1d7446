"""The PDF: tags, reading order, language, title, fonts, archive marks, the same bytes every time."""

import itertools
import re
from datetime import timedelta
from typing import Any

import pytest

from service.print import printed
from tests.print.conftest import NOW, PLANS, bundle, source
from tests.print.pdf_reading import Node, document, flat, shown, tree

LANGUAGES = ("fi", "sv", "en")
ABC = ("aika-shared-plan-measures-abc", "suunnitelma-eino")


def _printed(name: str, plan: str, **options: Any) -> bytes:
    return printed(bundle(name), plan, now=NOW, **{"language": "fi", **options})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_every_example_is_tagged_titled_and_in_its_language(name: str, plan: str, language: str) -> None:
    pdf = document(_printed(name, plan, language=language))
    assert bool(pdf.Root.MarkInfo.Marked)
    assert str(pdf.Root.Lang) == language
    assert str(pdf.docinfo["/Title"])
    assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
    with pdf.open_metadata() as xmp:
        assert xmp["pdfuaid:part"] == "1"
        assert "pdfaid:part" not in xmp
        assert xmp["dc:title"] == str(pdf.docinfo["/Title"])
    nodes = list(tree(pdf).walk())
    heads = [(int(one.tag[1]), flat(one.whole())) for one in nodes if re.fullmatch(r"H[1-6]", one.tag)]
    assert heads[0][0] == 1
    assert [level for level, _ in heads].count(1) == 1
    for (before, _), (after, _) in itertools.pairwise(heads):
        assert after <= before + 1
    assert all(text for _, text in heads)


@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_fonts_are_embedded_and_ours(name: str, plan: str) -> None:
    pdf = document(_printed(name, plan))
    fonts = [font for page in pdf.pages for font in page.Resources.get("/Font", {}).values()]
    assert fonts
    for font in fonts:
        below = font.DescendantFonts[0]
        assert "NotoSans" in str(below.BaseFont)
        assert {"/FontFile2", "/FontFile3"} & set(below.FontDescriptor.keys())
        assert "/ToUnicode" in font


@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_a_plan_of_usual_size_takes_two_pages_at_most(name: str, plan: str) -> None:
    facts = next(one for one in _plans(name) if one["id"] == plan)
    pages = len(document(_printed(name, plan)).pages)
    assert pages <= (2 if len(facts["measures"]) <= 8 else 4)


def _plans(name: str) -> list[dict[str, Any]]:
    found = source(name)
    return [found["plan"]] if "plan" in found else found["plans"]


def test_reading_order_is_the_familys() -> None:
    text = flat(tree(document(_printed(*ABC))).whole())
    order = [
        "Einon yhteinen suunnitelma", "Lapsen omin sanoin", "Haluan että iskä lukee", "Seuraava yhteydenotto",
        "Keskiviikkona 1.10.2025", "klo 16.30–17.00", "Vastuutyöntekijänne", "Riku Sarastus", "Mihin sovimme muutosta",
        "Eino nukahtaa", "Kotona", "Sama iltajärjestys", "Varhaiskasvatuksessa tai koulussa", "Lepohetki", "Muualla",
        "Mummola", "Palvelut ja työnjako", "Näin pidämme yhteyttä", "Näin otamme teihin yhteyttä",
        "Näin tavoitatte meidät", "Kenellä tämä suunnitelma on ja miksi", "Näin perutte luvan",
        "Mitä arvioimme yhdessä", "Tapaaminen ja tiimi", "Muistiinpanot",
    ]  # fmt: skip
    at = 0
    for one in order:
        at = text.index(flat(one), at) + 1


def _tagged(root: Node, tag: str) -> list[Node]:
    return [one for one in root.walk() if one.tag == tag]


def test_measures_are_a_list_and_the_team_is_a_table() -> None:
    root = tree(document(_printed("tiimi-case-twins-services-and-responsible-pair", "suunnitelma-sinivuokko")))
    items = [flat(one.whole()) for one in _tagged(root, "LI")]
    assert any(flat("Vanhemmat kirjoittavat viisi yhteistä sääntöä") in one for one in items)
    (table,) = _tagged(root, "Table")
    assert [flat(one.whole()) for one in _tagged(table, "TH")] == ["Nimi", "Rooli", "Työpaikka"]
    assert flat("Heidi Simpukka") in flat(table.whole())


def test_the_plans_own_words_keep_their_language() -> None:
    root = tree(document(_printed(*ABC, language="en")))
    marked = {one.lang: flat(one.whole()) for one in root.walk() if one.lang}
    assert any(lang == "fi" for lang in marked)
    finnish = "".join(flat(one.whole()) for one in root.walk() if one.lang == "fi")
    assert flat("Sama iltajärjestys joka arki-ilta") in finnish
    assert flat("What we do") not in finnish


def test_archive_is_pdf_a_2a_and_still_accessible() -> None:
    pdf = document(_printed(*ABC, archive=True))
    with pdf.open_metadata() as xmp:
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"], xmp["pdfuaid:part"]) == ("2", "A", "1")
    assert "/OutputIntents" in pdf.Root


def test_the_same_plan_gives_the_same_bytes() -> None:
    first = _printed(*ABC)
    _printed("tiimi-shared-plan-pa-svenska", _plans("tiimi-shared-plan-pa-svenska")[0]["id"])
    assert _printed(*ABC) == first
    assert _printed(*ABC, archive=True) == _printed(*ABC, archive=True)
    assert printed(bundle(ABC[0]), ABC[1], language="fi", now=NOW + timedelta(days=1)) != first


def test_the_file_says_when_it_was_printed() -> None:
    pdf = document(_printed(*ABC))
    assert str(pdf.docinfo["/CreationDate"]) == "D:20250920123000Z"
    assert flat("Tulostettu 20.9.2025") in flat(_everything(pdf))


def _everything(pdf: Any) -> str:
    """All text, with what stands outside the tags: the foot of the page."""
    return "".join(text for _, _, text in shown(pdf))


def test_every_letter_of_our_scripts_is_drawn() -> None:
    letters = "Čáhci ŋŊ đĐ ŧŦ ǥ ǧ ǩ ʒ ǯ Nguyễn Thị Ượng Đặng Ж щ ѝ Ђ Ў ґ Ω ή ϊ ẞ ß ø å Ð þ ł ő ș ț ğ ı"
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "title": letters, "language": "fi"}
    text = flat(tree(document(printed(plan, now=NOW))).whole())
    assert flat(letters) in text
    assert "\ufffd" not in text
