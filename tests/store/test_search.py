"""Search: every kind of parameter, modifiers, chains, includes, pages."""

from collections.abc import Iterable
from typing import Any

import pytest

from service.store import EVERYTHING, Store, StoreError, Visibility
from tests.store.conftest import OURS

HETU = "urn:oid:1.2.246.21"


def put(store: Store, *resources: dict[str, Any]) -> None:
    for one in resources:
        store.update(one["resourceType"], one["id"], one, OURS, EVERYTHING)


def ids(store: Store, type_name: str, query: Iterable[tuple[str, str]], who: Visibility = EVERYTHING) -> list[str]:
    return [one.id for one in store.search(store.query(type_name, query), who).entries]


@pytest.fixture
def family(store: Store) -> Store:
    put(
        store,
        {
            "resourceType": "Patient",
            "id": "aino",
            "meta": {"tag": [{"system": "s", "code": "a"}], "profile": ["http://p/1"], "source": "urn:x"},
            "identifier": [{"system": HETU, "value": "150318A9125"}],
            "name": [{"family": "Hämäläinen", "given": ["Aino", "Sofia"]}],
            "birthDate": "2018-03-15",
            "gender": "female",
            "telecom": [{"system": "email", "value": "aino@example.org"}],
        },
        {
            "resourceType": "Patient",
            "id": "veikko",
            "identifier": [{"system": HETU, "value": "150318A9136"}, {"value": "1"}],
            "name": [{"family": "Sinivuokko", "given": ["Veikko"]}],
            "birthDate": "2018-05",
            "generalPractitioner": [{"reference": "Practitioner/p1"}, {"identifier": {"system": "q", "value": "9"}}],
        },
        {"resourceType": "Practitioner", "id": "p1", "name": [{"family": "Luoto, Paula|X$"}]},
        {
            "resourceType": "CarePlan",
            "id": "plan1",
            "status": "active",
            "intent": "plan",
            "subject": {"reference": "Patient/aino"},
            "careTeam": [{"reference": "CareTeam/team1"}],
            "period": {"start": "2026-01-01", "end": "2026-06-30"},
            "created": "2026-01-01",
        },
        {
            "resourceType": "CarePlan",
            "id": "plan2",
            "status": "draft",
            "intent": "plan",
            "subject": {"reference": "Patient/veikko"},
            "period": {"start": "2026-05-01"},
        },
        {
            "resourceType": "CareTeam",
            "id": "team1",
            "status": "active",
            "subject": {"reference": "Patient/aino"},
            "participant": [{"member": {"reference": "Practitioner/p1"}}],
        },
        {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "code": {"coding": [{"system": "l", "code": "weight"}]},
            "subject": {"reference": "Patient/aino"},
            "valueQuantity": {"value": 15, "system": "http://unitsofmeasure.org", "code": "kg", "unit": "kilo"},
            "component": [
                {"code": {"coding": [{"code": "a"}]}, "valueQuantity": {"value": 1}},
                {"code": {"coding": [{"code": "b"}]}, "valueQuantity": {"value": 2}},
            ],
        },
    )
    return store


@pytest.mark.parametrize(
    ("type_name", "name", "value", "expected"),
    [
        ("Patient", "identifier", f"{HETU}|150318A9125", ["aino"]),
        ("Patient", "identifier", "150318A9125", ["aino"]),
        ("Patient", "identifier", f"{HETU}|", ["aino", "veikko"]),
        ("Patient", "identifier", "|1", ["veikko"]),
        ("Patient", "identifier", "|150318A9125", []),
        ("Patient", "identifier", f"{HETU}|150318A9125,1", ["aino", "veikko"]),
        ("Patient", "gender", "female", ["aino"]),
        ("Patient", "gender", "http://hl7.org/fhir/administrative-gender|female", ["aino"]),
        ("Patient", "gender", "http://wrong|female", []),
        ("Patient", "gender:not", "female", ["veikko"]),
        ("Patient", "gender:missing", "true", ["veikko"]),
        ("Patient", "gender:missing", "false", ["aino"]),
        ("Patient", "email", "aino@example.org", ["aino"]),
        ("Patient", "family", "hamal", ["aino"]),
        ("Patient", "family", "HÄMÄL", ["aino"]),
        ("Patient", "family:exact", "Hämäläinen", ["aino"]),
        ("Patient", "family:exact", "hämäläinen", []),
        ("Patient", "family:contains", "vuok", ["veikko"]),
        ("Patient", "family:contains", "%", []),
        ("Patient", "name", "sofia", ["aino"]),
        ("Patient", "birthdate", "2018-03-15", ["aino"]),
        ("Patient", "birthdate", "2018", ["aino", "veikko"]),
        ("Patient", "birthdate", "ge2018-04", ["veikko"]),
        ("Patient", "birthdate", "lt2018-04-01", ["aino"]),
        ("Patient", "birthdate", "ne2018-03", ["veikko"]),
        ("Patient", "birthdate", "sa2018-03-15", ["veikko"]),
        ("Patient", "birthdate", "eb2018-05", ["aino"]),
        ("Patient", "birthdate", "ap2018-01", ["aino", "veikko"]),
        ("Patient", "_id", "aino,nobody", ["aino"]),
        ("Patient", "_lastUpdated", "2026-03-28", ["aino", "veikko"]),
        ("Patient", "_lastUpdated", "gt2026-03-28", []),
        ("Patient", "_tag", "s|a", ["aino"]),
        ("Patient", "_profile", "http://p/1", ["aino"]),
        ("Patient", "_profile:below", "http://p", ["aino"]),
        ("Patient", "_source", "urn:x", ["aino"]),
        ("Patient", "general-practitioner", "Practitioner/p1", ["veikko"]),
        ("Patient", "general-practitioner", "p1", ["veikko"]),
        ("Patient", "general-practitioner:Practitioner", "p1", ["veikko"]),
        ("Patient", "general-practitioner:Organization", "p1", []),
        ("Patient", "general-practitioner:identifier", "q|9", ["veikko"]),
        ("Patient", "general-practitioner", "https://yhdessa.example/fhir/Practitioner/p1", ["veikko"]),
        ("Practitioner", "family", "luoto\\, paula\\|x\\$", ["p1"]),
        ("CarePlan", "status", "active,draft", ["plan1", "plan2"]),
        ("CarePlan", "date", "ge2026-07-01", ["plan2"]),
        ("CarePlan", "date", "2026", ["plan1"]),
        ("CarePlan", "patient.identifier", f"{HETU}|150318A9125", ["plan1"]),
        ("CarePlan", "subject:Patient.family", "sini", ["plan2"]),
        ("CarePlan", "patient.general-practitioner.family", "luoto", ["plan2"]),
        ("CarePlan", "care-team.participant:Practitioner.family", "luoto", ["plan1"]),
        ("CarePlan", "patient.gender:missing", "true", ["plan2"]),
        ("Patient", "_has:CarePlan:patient:status", "active", ["aino"]),
        ("Patient", "_has:CarePlan:subject:care-team.status", "active", ["aino"]),
        ("Practitioner", "_has:CareTeam:participant:_has:CarePlan:care-team:status", "active", ["p1"]),
        ("Observation", "value-quantity", "15|http://unitsofmeasure.org|kg", ["o1"]),
        ("Observation", "value-quantity", "gt14.5||kilo", ["o1"]),
        ("Observation", "value-quantity", "15.1", []),
        ("Observation", "value-quantity", "ap16", ["o1"]),
        ("Observation", "component-code-value-quantity", "a$1", ["o1"]),
        ("Observation", "component-code-value-quantity", "a$2", []),
        ("Observation", "component-code-value-quantity", "a$2,b$2", ["o1"]),
    ],
)
def test_finds(family: Store, type_name: str, name: str, value: str, expected: list[str]) -> None:
    assert ids(family, type_name, [(name, value)]) == expected


def test_several_criteria_must_all_hold(family: Store) -> None:
    both = [("patient.identifier", f"{HETU}|150318A9125"), ("status", "active")]
    assert ids(family, "CarePlan", both) == ["plan1"]
    assert ids(family, "CarePlan", [*both, ("status", "draft")]) == []


def test_includes_what_is_referred_to_and_what_refers(family: Store) -> None:
    def found(query: list[tuple[str, str]]) -> list[str]:
        page = family.search(family.query("CarePlan", [("_id", "plan1"), *query]), EVERYTHING)
        return sorted(one.reference for one in page.included)

    assert found([("_include", "CarePlan:care-team"), ("_include", "CarePlan:subject")]) == [
        "CareTeam/team1",
        "Patient/aino",
    ]
    assert found([("_include", "CarePlan:care-team"), ("_include:iterate", "CareTeam:participant")]) == [
        "CareTeam/team1",
        "Practitioner/p1",
    ]
    assert found([("_include", "CarePlan:*")]) == ["CareTeam/team1", "Patient/aino"]
    assert found([("_include", "CarePlan:subject:Group")]) == []
    page = family.search(family.query("Patient", [("_id", "aino"), ("_revinclude", "CarePlan:subject")]), EVERYTHING)
    assert [one.reference for one in page.included] == ["CarePlan/plan1"]


@pytest.mark.parametrize(
    "sort", ["", "birthdate", "-birthdate", "family,-_id", "-_lastUpdated", "_id", "gender,birthdate"]
)
def test_pages_show_everything_once_while_data_change(store: Store, sort: str) -> None:
    for number in range(23):
        one = {"resourceType": "Patient", "id": f"p{number}", "active": True, "name": [{"family": f"F{number % 5}"}]}
        put(store, one | ({"birthDate": f"20{10 + number % 7}-01-01"} if number % 4 else {}))
    query = store.query("Patient", [("active", "true"), ("_count", "5"), *([("_sort", sort)] if sort else [])])
    seen: list[str] = []
    page = None
    turn = 0
    while True:
        found = store.search(query, EVERYTHING, page)
        seen += [one.id for one in found.entries]
        page = found.next
        turn += 1
        put(store, {"resourceType": "Patient", "id": f"new{turn}", "active": True, "birthDate": "2030-01-01"})
        if page is None:
            break
    assert sorted(seen) == sorted(f"p{number}" for number in range(23))


@pytest.mark.parametrize(
    ("type_name", "name", "value", "key"),
    [
        ("Patient", "birthdate", "yesterday", "store.search-value"),
        ("Patient", "birthdate", "2018-13-01", "store.search-value"),
        ("Patient", "identifier", "a|b|c", "store.search-value"),
        ("Patient", "family:above", "x", "store.search-modifier"),
        ("Patient", "gender:text", "x", "store.search-modifier"),
        ("Patient", "gender.x", "x", "store.search-chain"),
        ("Patient", "gender:in", "http://nowhere", "store.search-value-set"),
        ("Patient", "_count", "-1", "store.search-value"),
        ("Patient", "_has:CarePlan", "x", "store.search-has"),
        ("Patient", "_include", "Patient:nothing", "store.search-include"),
    ],
)
def test_refuses_what_cannot_be_meant(store: Store, type_name: str, name: str, value: str, key: str) -> None:
    with pytest.raises(StoreError) as error:
        store.query(type_name, [(name, value)])
    assert [one.key for one in error.value.issues] == [key]


def test_reports_unknown_parameters(store: Store) -> None:
    query = store.query("Patient", [("colour", "red"), ("_sort", "colour"), ("gender", "male")])
    assert [one.key for one in query.ignored] == ["store.search-unknown", "store.search-sort"]
    assert ("gender", "male") in query.used and ("colour", "red") not in query.used


def test_a_page_token_from_elsewhere_is_refused(store: Store) -> None:
    put(store, *({"resourceType": "Patient", "id": f"p{number}"} for number in range(3)))
    token = store.search(store.query("Patient", [("_count", "1")]), EVERYTHING).next
    assert token is not None
    for query, page in ((store.query("Patient", [("_count", "2")]), token), (store.query("Patient", []), "x!")):
        with pytest.raises(StoreError) as error:
            store.search(query, EVERYTHING, page)
        assert [one.key for one in error.value.issues] == ["store.page"]


@pytest.mark.parametrize("strange", ["\x00", "\x01", "\x1f", "\ud800"])
@pytest.mark.parametrize(
    "shape", ["name={}", "n{}ame=x", "patient.name={}", "_sort={}", "_id={}", "_has:Goal:patient:_id={}"]
)
def test_characters_that_no_resource_can_hold(family: Store, shape: str, strange: str) -> None:
    name, _, value = shape.replace("{}", f"a{strange}b").partition("=")
    with pytest.raises(StoreError) as error:
        family.query("CarePlan" if "patient." in shape else "Patient", [(name, value)])
    assert [one.key for one in error.value.issues] == ["store.search-value"]
    assert all(strange not in one.text() for one in error.value.issues)


def test_line_breaks_and_tabs_are_text(family: Store) -> None:
    assert ids(family, "Patient", [("name", "a\tb\r\nc")]) == []


def test_what_is_included_is_whole_and_in_order_however_much_it_is(store: Store) -> None:
    """More than is asked about at once, and among other types with the same ids."""
    ids = [f"x{number}" for number in range(150)]
    entries = [{"resourceType": kind, "id": id_} for id_ in ids for kind in ("Practitioner", "Patient")]
    entries += [
        {"resourceType": "CarePlan", "id": id_, "subject": {"reference": f"Patient/{id_}"}} for id_ in reversed(ids)
    ]
    requests = [{"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"} for one in entries]
    pairs = zip(requests, entries, strict=True)
    bundle = {"resourceType": "Bundle", "entry": [{"request": request, "resource": one} for request, one in pairs]}
    store.transaction({**bundle, "type": "transaction"}, OURS, EVERYTHING)

    def included(type_name: str, how: str) -> list[tuple[str, str]]:
        query = store.query(type_name, [("_count", "200"), (how, "CarePlan:subject")])
        return [(one.type, one.id) for one in store.search(query, EVERYTHING).included]

    assert included("CarePlan", "_include") == [("Patient", id_) for id_ in ids]
    assert included("Patient", "_revinclude") == [("CarePlan", id_) for id_ in reversed(ids)]
    assert included("Practitioner", "_revinclude") == []
