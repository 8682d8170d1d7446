"""Search: what is found, paged, sorted and included; what is not understood; hostile values."""

import pytest
from flask.testing import FlaskClient

from service.fhir.json import parse
from tests.api.rest import goal, ids, keys, link, patient


@pytest.fixture
def filled(record: FlaskClient) -> FlaskClient:
    for number in range(7):
        one = patient(id=f"p-{number}", birthDate=f"202{number % 3}-01-0{number + 1}", active=number != 3)
        record.put(f"/fhir/Patient/p-{number}", json=one)
        record.put(f"/fhir/Goal/g-{number}", json=goal(f"Patient/p-{number}", id=f"g-{number}"))
    return record


def test_pages_stay_right_while_data_change(filled: FlaskClient) -> None:
    page = filled.get("/fhir/Patient?_count=2&_sort=birthdate&_total=accurate")
    assert parse(page.data)["total"] == 7
    seen = ids(page)
    filled.put("/fhir/Patient/new", json=patient(id="new", birthDate="2020-01-02"))
    filled.delete("/fhir/Patient/p-6")
    while following := link(page, "next"):
        assert "birthdate" not in following
        page = filled.get(following)
        seen += ids(page)
    assert seen == [f"Patient/p-{number}" for number in (0, 3, 1, 4, 2, 5)]


def test_the_self_link_says_what_was_used(filled: FlaskClient) -> None:
    answer = filled.get("/fhir/Patient?active=true&frobnicate=1&_count=3")
    assert link(answer, "self") == "/fhir/Patient?active=true&_count=3"
    outcome = parse(answer.data)["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert "frobnicate" in outcome["resource"]["issue"][0]["details"]["text"]
    strict = filled.get("/fhir/Patient?frobnicate=1", headers={"Prefer": "handling=strict"})
    assert (strict.status_code, keys(strict)) == (400, ["store.search-unknown"])


def test_by_get_and_by_post(filled: FlaskClient) -> None:
    got = filled.get("/fhir/Patient?active=false")
    posted = filled.post("/fhir/Patient/_search", data={"active": "false"})
    both = filled.post("/fhir/Patient/_search?active=false", data={"_id": "p-3,p-4"})
    assert ids(got) == ids(posted) == ids(both) == ["Patient/p-3"]
    wrong = filled.post("/fhir/Patient/_search", json={"active": False})
    assert wrong.status_code == 415


def test_includes_chains_and_summaries(filled: FlaskClient) -> None:
    found = filled.get("/fhir/Goal?patient.birthdate=2020-01-01&_include=Goal:patient&_revinclude=Goal:patient")
    assert (ids(found), ids(found, "include")) == (["Goal/g-0"], ["Patient/p-0"])
    back = filled.get("/fhir/Patient?_id=p-1&_revinclude=Goal:patient")
    assert ids(back, "include") == ["Goal/g-1"]
    counted = parse(filled.get("/fhir/Goal?_summary=count").data)
    assert counted["total"] == 7 and "entry" not in counted
    short = parse(filled.get("/fhir/Patient?_id=p-1&_elements=active").data)["entry"][0]["resource"]
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED" and "birthDate" not in short


@pytest.mark.parametrize(
    "query",
    [
        "birthdate=soon",
        "birthdate=ge",
        "active:above=true",
        "_count=many",
        "_count=-1",
        "_total=some",
        "_summary=x",
        "_include=Patient",
        "_include=Patient:nothing",
        "_has:Goal=1",
        "name.family=x",
        "_sort=birthdate&_page=x",
        "link.link.link.link.link.link.link.name=x",
        "identifier:in=https://nowhere.example/ValueSet/x",
    ],
)
def test_searches_that_are_not_good(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/fhir/Patient?{query}")
    assert answer.status_code == 400, answer.data
    assert keys(answer)


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE resource; --",
        "%",
        "\\",
        "\x00",
        "😀" * 500,
        "a,b,c" * 300,
        "|",
        "$",
        "ä" * 5000,
        "\ud83d",
        "%c3%28",
    ],
)
def test_hostile_values_find_nothing(record: FlaskClient, value: str) -> None:
    record.put("/fhir/Patient/p-0", json=patient(id="p-0", name=[{"family": "Testi"}]))
    for name in ("name", "name:exact", "name:contains", "identifier", "_id", "general-practitioner", "_tag"):
        text = value.encode("utf-8", "surrogatepass")
        answer = record.get(f"/fhir/Patient?{name}=" + "".join(f"%{byte:02x}" for byte in text))
        assert answer.status_code in (200, 400), (name, answer.data)
        if answer.status_code == 200 and name != "name:contains":
            assert ids(answer) == [], name
    assert parse(record.get("/fhir/Patient").data)["total"] == 1


def test_a_page_that_is_too_long_is_made_shorter(client: FlaskClient) -> None:
    answer = client.get("/fhir/Patient?_count=999999999")
    assert answer.status_code == 200
    assert client.get("/fhir/Patient?_count=9999999999").status_code == 400
