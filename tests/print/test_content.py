"""What stands on the paper: every field of the source that the family may see, in both activity styles."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from service.print import missing, printed
from tests.print.conftest import NOW, PLANS, bundle, care_plan, plans, source
from tests.print.pdf_reading import document, flat, tree

# Somebody's own notes stay off a paper that others may see.
OWN = ("parents-own", "family-counselling")


class _Text(HTMLParser):
    said = ""

    def handle_data(self, data: str) -> None:
        self.said += data


def text_of(page: bytes) -> str:
    """The text of an HTML page, without white space."""
    reader = _Text()
    reader.feed(page.decode().split("</style>")[-1])
    return flat(reader.said)


def _plan(name: str, plan_id: str) -> dict[str, Any]:
    return next(one for one in plans(source(name)) if one["id"] == plan_id)


def _names(name: str) -> dict[str, dict[str, Any]]:
    document = source(name)
    family = document["family"]
    every = [*family["children"], *family.get("guardians", ()), *family.get("others", ()), *document["professionals"]]
    return {one["id"]: one for one in (*every, *document["organisations"])}


def _shielded(name: str) -> bool:
    family = source(name)["family"]
    people = [*family["children"], *family.get("guardians", ()), *family.get("others", ())]
    return any(one.get("nonDisclosure") for one in people)


def _expected(name: str, plan_id: str) -> Iterator[str]:
    """What the paper must say of one plan, straight from the source document."""
    plan, names, shielded = _plan(name, plan_id), _names(name), _shielded(name)
    yield plan["title"]
    yield from plan.get("situation", "").split("\n")
    yield from plan.get("strengths", ())
    for view in plan.get("childsView", ()):
        yield view["text"]
    for need in plan["needs"]:
        yield from (need["text"], need.get("note", ""))
    for measure in plan["measures"]:
        yield from (measure["text"], measure.get("whoText", ""), measure.get("statusReason", ""))
        yield "" if shielded else measure.get("where", "")
        yield from (_called(names[one], shielded) for one in measure.get("who", ()))
        yield from (one["text"] for one in measure.get("progress", ()))
    for service in plan.get("services", ()):
        yield from (service["name"], service.get("task", ""), service.get("followUp", ""))
        yield from (_called(names[one], shielded) for one in service.get("who", ()))
        yield _called(names[service["organisation"]], shielded) if "organisation" in service else ""
    yield from _follow_up(plan["followUp"], shielded)
    for worker in plan["responsibleWorkers"]:
        yield f"{' '.join(names[worker]['name']['given'])} {names[worker]['name']['family']}"
        yield from (one["value"] for one in names[worker].get("telecom", ()) if one["system"] in ("phone", "sms"))
    for recipient in plan.get("recipients", ()):
        yield from (recipient.get("purpose", ""), recipient.get("provision", ""))
        yield from (
            _called(names[recipient["organisation"]], shielded),
            recipient.get("permission", {}).get("text", ""),
        )
    yield from (note["text"] for note in plan.get("notes", ()) if note["kind"] not in OWN)
    for form in plan.get("assessments", ()):
        yield from (one["text"] for one in form["items"] if "text" in one)


def _follow_up(follow: dict[str, Any], shielded: bool) -> Iterator[str]:
    yield follow.get("text", "")
    for way in (follow.get("workerContactsFamily", {}), follow.get("familyReachesWorker", {})):
        yield way.get("text", "")
    yield follow.get("familyReachesWorker", {}).get("telecom", {}).get("value", "")
    contact = follow.get("nextContact", {})
    yield contact.get("text", "")
    if not shielded:
        yield follow.get("workerContactsFamily", {}).get("telecom", {}).get("value", "")
        yield contact.get("place", {}).get("name", "")
        yield from contact.get("remote", {}).values()


def _called(party: dict[str, Any], shielded: bool) -> str:
    name = party["name"]
    if isinstance(name, str):
        return "" if shielded else name
    return str(name.get("call") or name["given"][0])


@pytest.mark.parametrize("style", ["detail", "reference"])
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_every_field_the_family_may_see_is_there(name: str, plan: str, style: str) -> None:
    expected = [flat(one) for one in _expected(name, plan) if one]
    assert len(expected) > 3
    paper = flat(tree(document(printed(bundle(name, style), plan, language="sv", now=NOW))).whole())
    page = text_of(printed(bundle(name, style), plan, language="sv", format="html", now=NOW))
    assert [one for one in expected if one not in paper] == []
    assert [one for one in expected if one not in page] == []


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_both_activity_styles_print_the_same(name: str, plan: str, language: str) -> None:
    papers = [
        printed(bundle(name, style), plan, language=language, format="html", now=NOW)
        for style in ("detail", "reference")
    ]
    assert papers[0] == papers[1]


@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_nobodys_own_notes_and_no_identity_code(name: str, plan: str) -> None:
    hidden = [one["text"] for one in _plan(name, plan).get("notes", ()) if one["kind"] in OWN]
    family = source(name)["family"]
    hidden += [one["hetu"] for one in (*family["children"], *family.get("guardians", ())) if "hetu" in one]
    paper = flat(tree(document(printed(bundle(name), plan, now=NOW))).whole())
    assert [one for one in hidden if flat(one) in paper] == []


def test_next_contact_is_the_first_still_ahead() -> None:
    name, plan = "aika-shared-plan-measures-abc", "suunnitelma-eino"
    before = text_of(printed(bundle(name), plan, language="en", format="html", now=NOW))
    assert flat("Wednesday 1 October 2025 16:30–17:00") in before
    assert flat("already passed") not in before
    after = text_of(printed(bundle(name), plan, language="en", format="html", now=NOW.replace(year=2026)))
    assert flat("This time has already passed.") in after


def test_a_cancelled_contact_is_not_the_next(twins: dict[str, Any]) -> None:
    for entry in twins["entry"]:
        if entry["resource"]["resourceType"] == "Appointment":
            entry["resource"]["status"] = "cancelled"
    page = text_of(printed(twins, language="en", format="html", now=NOW))
    assert flat("The agreed time was cancelled.") in page
    assert "2025-11-04" not in page
    assert flat("4 November") not in page
    assert "print.no-next-contact" in [one.key for one in missing(twins, now=NOW)]


def test_what_is_over_comes_last_and_has_no_box_to_tick() -> None:
    name, plan = "aika-shared-plan-version-2", "suunnitelma-eino-2"
    page = printed(bundle(name), plan, language="en", format="html", now=NOW.replace(year=2026)).decode()
    going_on, over = page.split("Done, or no longer done")
    assert "Tutustumiskäynti uuteen ryhmään" not in going_on
    assert 'class="tick"' in going_on
    assert flat("Tutustumiskäynti uuteen ryhmään kahdesti ennen joululomaa.") in text_of(over.encode())
    assert flat("Where: In early education or school") in text_of(over.encode())
    assert 'class="tick"' not in over


def test_a_worker_who_calls_and_a_parent_who_is_called_are_told_apart() -> None:
    name = "aika-shared-plan-version-1"
    page = text_of(printed(bundle(name), language="en", format="html", now=NOW))
    assert flat("How we contact you How: Message in an e-service To whom: Ilona (mother)") in page
    page = text_of(printed(bundle("aika-shared-plan-measures-abc"), language="en", format="html", now=NOW))
    assert flat("Who: Riku Sarastus (family counsellor)") in page


def test_permissions_say_who_why_and_how_to_withdraw() -> None:
    name, plan = "tiimi-case-twins-services-and-responsible-pair", "suunnitelma-sinivuokko"
    page = text_of(printed(bundle(name), plan, language="en", format="html", now=NOW))
    gets, closed = page.index(flat("Karhulan neuvola (esimerkki), health care")), page.index(flat("Who is not given"))
    assert gets < closed < page.index(flat("Päiväkoti Majakka (esimerkki), early education"))
    assert flat("Withdrawn 14 October 2025, 08:15. Nothing more is given.") in page
    assert flat("You can withdraw your permission at any time.") in page
    shielded = text_of(printed(bundle("tiimi-shared-plan-non-disclosure"), language="en", format="html", now=NOW))
    assert flat("The law gives the right to this: 703/2023 6 §. No permission is needed.") in shielded


def test_a_copy_says_so_and_of_what() -> None:
    name, plan = "aika-shared-plan-version-1", PLANS[[one for one, _ in PLANS].index("aika-shared-plan-version-1")][1]
    original = "Pohjois-Savon perhekeskus, <b>suunnitelma</b> 1"
    paper = flat(tree(document(printed(bundle(name), plan, language="fi", now=NOW, copy_of=original))).whole())
    assert paper.startswith(flat(f"Tämä on kopio. Alkuperäinen: {original}"))
    assert flat("Tämä on kopio") not in flat(tree(document(printed(bundle(name), plan, now=NOW))).whole())


def test_what_a_copy_lacks_is_not_told_as_missing(twins: dict[str, Any]) -> None:
    plan = next(one["resource"] for one in twins["entry"] if one["resource"]["resourceType"] == "CarePlan")
    plan["meta"]["tag"] = [{"system": "https://yhdessa.example/fhir/CodeSystem/copy", "code": "copy"}]
    plan["extension"] = []
    plan["activity"] = [
        one for one in plan["activity"] if "Appointment" not in one.get("reference", {}).get("reference", "")
    ]
    alone = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": plan}]}
    said = printed(alone, format="html", language="en", now=NOW).decode()
    assert "This is a copy for one recipient" in said
    for claim in ("No time has been agreed", "No responsible worker", "What is missing", "no permission in force"):
        assert claim not in said


def test_the_childs_sheet_is_short_and_without_grown_up_matters() -> None:
    name, plan = "aika-shared-plan-measures-abc", "suunnitelma-eino"
    pdf = document(printed(bundle(name), plan, language="fi", child=True, now=NOW))
    said = flat(tree(pdf).whole())
    assert len(pdf.pages) == 1
    for there in ("Minun suunnitelmani", "Haluan että iskä lukee", "Mikä auttaa", "Kuka auttaa", "Ilona", "1.10.2025"):
        assert flat(there) in said
    for absent in ("Luovutuslupa", "väsyneenä", "040 000", "Perheohjaus kotona", "Kolmena iltana"):
        assert flat(absent) not in said


def test_members_who_have_left_are_no_responsible_workers(twins: dict[str, Any]) -> None:
    team = next(one["resource"] for one in twins["entry"] if one["resource"]["resourceType"] == "CareTeam")
    for participant in team["participant"]:
        if participant["member"] == care_plan(twins, "suunnitelma-sinivuokko")["author"]:
            participant["period"] = {"end": "2025-09-01"}
    page = text_of(printed(twins, language="en", format="html", now=NOW))
    assert flat("Your responsible worker Paula Luoto") in page


def test_assessments_are_written_as_the_language_writes_numbers() -> None:
    name, plan = "aika-shared-plan-measures-abc", "suunnitelma-eino"
    pages = {one: text_of(printed(bundle(name), plan, language=one, format="html", now=NOW)) for one in ("fi", "en")}
    assert flat("sanamuoto 3 (asetus, ei valtakunnallinen): 3,5") in pages["fi"]
    assert flat("sanamuoto 3 (asetus, ei valtakunnallinen): 3.5") in pages["en"]
    assert flat("Perheen omin sanoin: Nukkuminen on nyt se vaikein asia.") in pages["fi"]
