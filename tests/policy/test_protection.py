"""Non-disclosure for safety (turvakielto): nothing that tells where the family is leaves, however it is said."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.fhir.json import encode, parse
from service.policy import Permitted, Refused, protects
from service.print import narrative
from tests.policy import kit
from tests.policy.kit import (
    EXAMPLES,
    Json,
    consent,
    decide,
    example,
    extensions,
    permitted,
    plan,
    reference,
    refused,
    resources,
    with_recipient,
)
from tests.policy.oracle import SECTORS, leaves

OID = "2.999.77.1"
NAME = "tiimi-shared-plan-non-disclosure"
EVERYTHING = [
    "situation", "child-view", "strengths", "assessment", "needs", "measures-home", "measures-everyday-environment",
    "measures-elsewhere", "services", "follow-up", "team", "responsible-workers", "meeting", "feedback", "notes",
]  # fmt: skip
LABEL = {
    "system": "https://hl7.fi/fhir/finnish-base-profiles/CodeSystem/fi-base-security-label-cs",
    "code": "TURVAKIELTO",
    "display": "Turvakielto",
}
# What the example's documents say of the place, and how somebody could write it.
TOLD = (
    "Hamina", "Haminassa", "HAMINAN", "haminalainen", "Suojakatu 1", "Suojakadulla", "49400", "050 000 0601",
    "+358 50 000 0602", "0500000602", "Haminan esimerkkikoulu", "Fredrikshamn", "Kotkassa", "Kymenlaaksosta",
)  # fmt: skip


def case(sector: str, name: str = NAME, style: str = "detail") -> Json:
    return with_recipient(example(name, style), OID, sector)


def given_everything(bundle: Json, sector: str) -> Permitted:
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    return permitted(bundle, OID, sector, [consent(bundle, OID, EVERYTHING, kind)])


def labelled(bundle: Json) -> Json:
    """The case with the label on its first child."""
    child = resources(bundle, "Patient")[0]
    child["meta"].setdefault("security", []).append(LABEL)
    return bundle


@pytest.mark.parametrize("style", ["detail", "reference"])
@pytest.mark.parametrize("sector", [*SECTORS, "archive"])
def test_no_place_leaves(sector: str, style: str) -> None:
    bundle = case(sector, style=style)
    if sector == "archive":
        found = permitted(bundle, "2.999.10.10.1", sector)
    else:
        found = given_everything(bundle, sector)
    payload = encode(found.bundle)
    text = payload.decode().casefold()
    for told in ("hamin", "suojak", "49400", "050 000 060", "kotka", "kymenl", '"075"', '"10"'):
        assert told not in text, told
    for one in resources(found.bundle):
        assert one["resourceType"] != "Location" and "address" not in one
        assert one["resourceType"] not in ("Patient", "RelatedPerson") or "telecom" not in one
    assert protects(payload, bundle) == [] and found.guard.check(payload) == []


@pytest.mark.parametrize("sector", [*SECTORS])
def test_the_label_follows_the_person(sector: str) -> None:
    found = given_everything(case(sector), sector)
    (child,) = resources(found.bundle, "Patient")
    assert LABEL in child["meta"]["security"]


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("where", ["situation", "title", "need", "measure", "note", "who", "follow-up"])
def test_a_text_that_tells_is_withheld(told: str, where: str) -> None:
    bundle = case("health")
    said = f"Sovittiin, että tavataan: {told}, kello kahdelta."
    if where in ("situation", "title"):
        plan(bundle)["description" if where == "situation" else "title"] = said
    elif where == "need":
        resources(bundle, "Goal")[0]["description"]["text"] = said
    elif where == "measure":
        plan(bundle)["activity"][0]["detail"]["description"] = said
    elif where == "who":
        plan(bundle)["activity"][0]["detail"]["performer"] = [{"display": said}]
    elif where == "note":
        plan(bundle)["note"][1]["text"] = said
    else:
        plan(bundle)["extension"].append(
            {"url": "https://yhdessa.example/fhir/StructureDefinition/follow-up", "valueString": said}
        )
    found = given_everything(bundle, "health")
    assert said not in encode(found.bundle).decode()
    assert "policy.text-withheld" in {one.why for one in found.explained}
    assert protects(encode(found.bundle), bundle) == []


def test_a_text_that_tells_a_place_makes_nothing_be_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, made = case("health"), list[Json]()
    plan(bundle)["description"] = "Tavataan Haminassa."

    def told(one: Json, others: list[Json]) -> Json:
        made.append(one)
        return narrative(one, others)

    monkeypatch.setattr(kit, "narrative", told)
    found = given_everything(bundle, "health")
    assert "Hamina" not in plan(found.bundle)["text"]["div"] and len(made) == 1


def test_what_tells_nothing_goes() -> None:
    found = given_everything(case("health"), "health")
    text = encode(found.bundle).decode()
    assert "Lumi uskaltaa jäädä iltapäiväkerhoon" in text and "Lumin turvallinen arki" in text
    assert "Leena Suojala" in text  # A worker, by name.


def test_a_worker_keeps_the_phone_and_not_the_mailbox() -> None:
    bundle = labelled(with_recipient(example("aika-shared-plan-measures-abc"), OID, "health"))
    found = given_everything(bundle, "health")
    text = encode(found.bundle).decode()
    assert "040 000 0022" in text and "@" not in text and "040 000 0101" not in text
    organisations = resources(found.bundle, "Organization")
    assert organisations and not [one for one in organisations if "name" in one or "telecom" in one]
    assert all(one["identifier"][0]["value"].startswith("urn:oid:") for one in organisations)


def test_a_guardian_s_label_protects_the_child_too() -> None:
    bundle = with_recipient(example("aika-shared-plan-measures-abc"), OID, "health")
    resources(bundle, "RelatedPerson")[0]["meta"]["security"] = [LABEL]
    found = given_everything(bundle, "health")
    assert "017 000" not in encode(found.bundle).decode() and "Kuopio" not in encode(found.bundle).decode()


def test_a_name_that_a_place_is_found_in_stays_a_name() -> None:
    bundle = case("health")
    worker = resources(bundle, "Practitioner")[0]
    worker["name"] = [{"use": "official", "text": "Leena Haminainen", "family": "Haminainen", "given": ["Leena"]}]
    found = given_everything(bundle, "health")
    assert "Leena Haminainen" in encode(found.bundle).decode()


def test_ids_that_somebody_wrote_are_texts_too() -> None:
    bundle = case("health")
    plan(bundle)["activity"][0]["id"] = "measure-haminan-kerho"
    plan(bundle)["identifier"][0]["value"] = "suunnitelma-hamina-7"
    found = given_everything(bundle, "health")
    assert "hamina" not in encode(found.bundle).decode()
    resources(bundle, "Goal")[0]["id"] = "hamina-1"
    plan(bundle)["goal"][0]["reference"] = "Goal/hamina-1"
    kinds = [consent(bundle, OID, EVERYTHING, "luovutuslupa")]
    assert refused(bundle, OID, "health", kinds) == "policy.place-leaves"


@pytest.mark.parametrize("sector", SECTORS)
@pytest.mark.parametrize("name", sorted(one.stem for one in EXAMPLES.glob("*shared-plan*.json")))
def test_every_example_with_the_label(name: str, sector: str) -> None:
    bundle = labelled(case(sector, name, "reference"))
    kinds = [consent(bundle, OID, EVERYTHING, kind) for kind in ("luovutuslupa", "suostumus")]
    found = decide(bundle, OID, sector, kinds)
    if plan(bundle)["status"] == "draft":
        assert isinstance(found, Refused)
        return
    assert isinstance(found, Permitted), found.issue.text()
    assert protects(encode(found.bundle), bundle) == []


# --- The last look at the bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("form", ["json", "escaped", "lines", "deep", "text", "html", "key of data"])
def test_the_bytes_are_looked_at(told: str, form: str) -> None:
    bundle = case("early-education")
    if form == "text":
        payload = f"Yhteinen suunnitelma\nLumi\n{told}\n".encode()
    elif form == "html":
        payload = f"<html><body><p>Tavataan: {told}</p></body></html>".encode()
    elif form in ("escaped", "lines"):
        payload = ('{"a": "' + "".join(f"\\u{ord(one):04x}" for one in told) + '"}').encode()
        payload = b'{"b": 1}\n' + payload + b"\n" if form == "lines" else payload
    elif form == "deep":
        payload = encode([{"a": [{"b": [{"text": {"div": f"<div><b>{told}</b></div>"}}]}]}])
    elif form == "key of data":
        payload = encode({"document": {"Missä?": told}})
    else:
        payload = encode({"child": {"first_name": "Lumi"}, "document": {"Paikka": f"Päiväkoti, {told}"}})
    assert [one.key for one in protects(payload, bundle)] == ["policy.place-leaves"]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Location", "id": "x"},
        {"resourceType": "Patient", "address": [{"use": "home"}]},
        {"resourceType": "RelatedPerson", "telecom": [{"system": "phone"}]},
        {"extension": [{"url": "x", "valueCoding": {"system": "urn:oid:1.2.246.537.6.21", "code": "997"}}]},
    ],
)
def test_places_without_words(resource: Json) -> None:
    assert [one.key for one in protects(encode({"entry": [{"resource": resource}]}), case("health"))] == [
        "policy.place-leaves"
    ]


def test_bytes_that_are_no_text() -> None:
    assert protects(b"\xff\xfe\x00Haminassa\x80", case("health"))
    assert not protects(b"\xff\xfe\x00\x80", case("health"))


def test_a_family_without_the_label_has_places() -> None:
    bundle = with_recipient(example("aika-shared-plan-measures-abc"), OID, "health")
    assert protects(encode(bundle), bundle) == []
    assert protects(b"Kuopio", bundle) == []


def test_a_personal_identity_code_in_the_bytes() -> None:
    bundle = with_recipient(example("aika-shared-plan-measures-abc"), OID, "early-education")
    found = permitted(bundle, OID, "early-education", [consent(bundle, OID, ["responsible-workers"])])
    assert [one.key for one in found.guard.check(b"tunnus 021120A900B")] == ["policy.hetu-leaves"]
    health = with_recipient(example("aika-shared-plan-measures-abc"), OID, "health")
    found = permitted(health, OID, "health", [consent(health, OID, ["needs"], "luovutuslupa")])
    assert found.guard.check(b"tunnus 021120A900B") == []
    assert [one.key for one in found.guard.check(b"isan tunnus 121288-970D")] == ["policy.hetu-leaves"]


def test_a_withheld_text_in_the_bytes() -> None:
    bundle = with_recipient(example("aika-shared-plan-measures-abc"), OID, "early-education")
    found = permitted(bundle, OID, "early-education", [consent(bundle, OID, ["responsible-workers"])])
    leak = "Isä tekee\n   matkatyötä, ja äiti vie arkiaamut yksin."
    whole = plan(bundle)["description"]
    assert [one.key for one in found.guard.check(whole.replace(" ", "\n").encode())] == ["policy.text-leaves"]
    assert leak.encode() and found.guard.check(b"Riku Sarastus, perheohjaaja") == []


def test_what_a_payload_says_beyond_the_copy() -> None:
    """What the copy says was looked at when it was made; all else in the payload is looked at, wherever it stands."""
    bundle = with_recipient(example("aika-shared-plan-measures-abc"), OID, "early-education")
    found = permitted(bundle, OID, "early-education", [consent(bundle, OID, ["responsible-workers"])])
    whole = plan(bundle)["description"]
    copy_ = encode(found.bundle)[1:]
    assert found.guard.check(b"{" + copy_) == []
    told = {
        "description": whole,
        "description ": f"Alku. {whole} Loppu.",
        "div": f"<div>{whole.replace(' ', ' <b/> ')}</div>",
    }
    for name, text in told.items():
        # Also where another member of the same name comes after it, which is all that a parser would see.
        said = encode({name: text})[1:-1]
        for first in (said, said.replace(b"e", b"\\u0065")):
            payload = b"{" + first + b"," + encode({name: "-"})[1:-1] + b"," + copy_
            assert [one.key for one in found.guard.check(payload)] == ["policy.text-leaves"], first
    hidden = rb'{"ifNoneExist":"identifier=urn:oid:1.2.246.21|0211\u00320A900B",' + copy_
    assert [one.key for one in found.guard.check(hidden)] == ["policy.hetu-leaves"]
    assert (
        found.guard.check(rb'{"ifNoneExist":"identifier=urn:oid:1.2.246.537.6.202|urn:oid:2.999.13.10.1",' + copy_)
        == []
    )


# --- Whatever is written where ---------------------------------------------------------------------------------------

SAID = st.sampled_from(TOLD)
PLACES_OF_TEXT = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SECTORS), st.sampled_from(["detail", "reference"]), SAID, st.lists(PLACES_OF_TEXT, min_size=1))
def test_a_place_in_any_text_of_the_case(sector: str, style: str, told: str, numbers: list[int]) -> None:
    """Put into any texts of the case: either it stays there or nothing goes at all; what goes is valid."""
    bundle = case(sector, style=style)
    texts = [path for path in _texts(bundle) if path[0] not in _KNOWN]
    for number in numbers:
        _write(bundle, texts[number % len(texts)], told)
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    found = decide(bundle, OID, sector, [consent(bundle, OID, EVERYTHING, kind)])
    assert isinstance(found, Permitted), found.issue.text()
    assert f"merkki {told}" not in encode(found.bundle).decode()


_KNOWN = ("Patient", "RelatedPerson", "Organization", "Location", "Practitioner", "Consent")


def _texts(bundle: Json) -> list[tuple[str, str, tuple[Any, ...]]]:
    found: list[tuple[str, str, tuple[Any, ...]]] = []
    for one in resources(bundle):
        for path in _paths(one, ()):
            if path[-1] in ("text", "valueString", "title", "description", "display", "comment") and path[0] != "text":
                found.append((one["resourceType"], reference(one), path))
    return found


def _paths(node: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, (*path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _paths(value, (*path, number))
    elif isinstance(node, str):
        yield path


def _write(bundle: Json, at: tuple[str, str, tuple[Any, ...]], told: str) -> None:
    holder: Any = next(one for one in resources(bundle) if reference(one) == at[1])
    for step in at[2][:-1]:
        holder = holder[step]
    holder[at[2][-1]] = f"tapaaminen merkki {told}"


def test_the_case_itself_is_not_changed() -> None:
    bundle = case("health")
    before = copy.deepcopy(bundle)
    given_everything(bundle, "health")
    assert bundle == before
    assert parse(encode(bundle)) and list(leaves(bundle))
    assert extensions(plan(bundle), "copy-of") == []
