"""Groups by county, municipality, model and organisation, from the headers of documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.export import groups
from service.export.groups import Group
from service.fhir.json import encode, parse
from service.store import EVERYTHING, NOTHING, Store, recipient, source
from tests.api.backend import store_of
from tests.api.rest import ids, link
from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"


@pytest.fixture
def client(face: Flask) -> Iterator[FlaskClient]:
    with face.test_client() as one:
        yield one


@pytest.fixture
def store(face: Flask) -> Store:
    return store_of(face)


def post(client: FlaskClient, name: str, **changed: object) -> None:
    document = {**parse((EXAMPLES / name).read_bytes()), **changed}
    answer = client.post("/documents", data=encode(document), content_type="application/json")
    assert answer.status_code == 201, answer.data


def patients(store: Store, kind: groups.Kind, value: str, who: object = EVERYTHING) -> set[str]:
    found = groups.members(store, Group(kind, value), who)  # type: ignore[arg-type]
    return {one for some in found for one in some}


def test_groups_follow_the_documents(client: FlaskClient, store: Store) -> None:
    post(client, "tiimi-shared-plan-non-disclosure.json")
    protected = patients(store, "county", "10")
    assert len(protected) >= 1
    catalogue = groups.catalogue(store.database)
    first = {one.id for one in catalogue.groups(EVERYTHING)}
    assert {"county-10", "model-yhdessa-tiimi", "organisation-2.999.10.10.1"} <= first
    post(client, "tiimi-meeting-no-show.json")
    post(client, "aika-meeting-cancelled-by-family.json")
    later = {one.id for one in catalogue.groups(EVERYTHING)}
    assert first < later
    assert {"county-13", "model-yhdessa-aika", "organisation-2.999.13.10.1"} <= later
    both = patients(store, "county", "10")
    assert protected < both
    assert both == patients(store, "model", "yhdessa-tiimi") == patients(store, "organisation", "2.999.10.10.1")
    assert both.isdisjoint(patients(store, "county", "13"))


def test_no_municipality_of_who_is_protected(client: FlaskClient, store: Store) -> None:
    post(client, "tiimi-shared-plan-non-disclosure.json")
    protected = patients(store, "county", "10")
    shown = parse(client.get("/fhir/Patient?_security=TURVAKIELTO").data)
    labelled = {f"Patient/{one['resource']['id']}" for one in shown["entry"]}
    assert labelled
    towns = [one for one in groups.catalogue(store.database).groups(EVERYTHING) if one.kind == "municipality"]
    everyone = {one for town in towns for one in patients(store, "municipality", town.value)}
    assert labelled <= protected
    assert labelled.isdisjoint(everyone)


def test_each_sees_its_own(client: FlaskClient, store: Store) -> None:
    post(client, "tiimi-meeting-no-show.json")
    post(client, "aika-meeting-cancelled-by-family.json")
    catalogue = groups.catalogue(store.database)
    seen = {one.id for one in catalogue.groups(source("2.999.10.10.1"))}
    assert "county-10" in seen
    assert "county-13" not in seen
    assert catalogue.groups(recipient("2.999.31")) == []
    assert catalogue.groups(NOTHING) == []
    assert patients(store, "county", "13", source("2.999.10.10.1")) == set()
    assert patients(store, "county", "10", NOTHING) == set()


def test_they_are_read_and_searched_as_groups(client: FlaskClient, store: Store, tmp_path: Path) -> None:
    post(client, "tiimi-meeting-no-show.json")
    one = parse(client.get("/fhir/Group/county-10").data)
    assert (one["type"], one["actual"], one["id"]) == ("person", False, "county-10")
    checked = parse(client.post("/fhir/Group/$validate", json=one).data)
    assert not [row for row in checked["issue"] if row["severity"] in ("error", "fatal")]
    for query in ("_id=county-10", "identifier=county-10", "characteristic-value=x$10", "_id=county-10&type=person"):
        expected = [] if "$" in query else ["Group/county-10"]
        assert ids(client.get(f"/fhir/Group?{query}")) == expected
    everyone = client.get("/fhir/Group?_count=1")
    assert len(ids(everyone)) > 3
    assert link(everyone, "next") is None
    counted = parse(client.get("/fhir/Group?_summary=count").data)
    assert counted["total"] == len(ids(everyone))
    assert client.get("/fhir/Group/county-99").status_code == 404
