"""Searches share their statements by shape: what was searched for before must not change what is found."""

import itertools

import pytest
from sqlalchemy import text

from service.store import EVERYTHING, Store, Visibility, clauses, recipient, source
from service.store.shapes import SHAPES
from tests.store.conftest import OURS, THEIRS

Pairs = list[tuple[str, str]]
# Of as many values as others here, and meant differently.
SEARCHES: list[tuple[str, Pairs]] = [
    ("Patient", [("identifier", "urn:s|1")]),
    ("Patient", [("identifier", "urn:s|2")]),
    ("Patient", [("identifier:not", "urn:s|1")]),
    ("Patient", [("identifier", "1,2")]),
    ("Patient", [("identifier", "urn:s|")]),
    ("Patient", [("birthdate", "gt2001-01-01")]),
    ("Patient", [("birthdate", "lt2002-01-01")]),
    ("Patient", [("birthdate", "ne2001-01-01")]),
    ("Patient", [("family", "fam1")]),
    ("Patient", [("family:contains", "m2")]),
    ("Patient", [("family:exact", "Fam2")]),
    ("Patient", [("family", "fam"), ("identifier", "1")]),
    ("Patient", [("identifier", "1"), ("family", "fam")]),
    ("Patient", [("_id", "p1")]),
    ("Patient", [("_id:not", "p1")]),
    ("Patient", [("_lastUpdated", "gt2000")]),
    ("Patient", [("_lastUpdated", "lt2000")]),
    ("Patient", [("_sort", "family")]),
    ("Patient", [("_sort", "-family")]),
    ("Patient", [("_count", "1")]),
    ("Patient", [("_has:CarePlan:subject:status", "active")]),
    ("CarePlan", [("subject", "Patient/p1")]),
    ("CarePlan", [("subject:Patient.identifier", "urn:s|2")]),
    ("CarePlan", [("subject:Patient.family", "fam1")]),
    ("CarePlan", [("status", "active")]),
]
EVERYBODY = (EVERYTHING, source(OURS.organisation), source(THEIRS.organisation), recipient(THEIRS.organisation))


@pytest.fixture
def filled(store: Store) -> Store:
    for number, author in ((1, OURS), (2, OURS), (3, THEIRS)):
        patient = {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": "urn:s", "value": str(number)}],
            "name": [{"family": f"Fam{number}"}],
            "birthDate": f"200{number}-01-01",
        }
        subject = {"reference": f"Patient/p{number}"}
        status = "active" if number < 3 else "draft"
        plan = {"resourceType": "CarePlan", "id": f"c{number}", "status": status, "subject": subject}
        store.update("Patient", f"p{number}", patient, author, EVERYTHING)
        store.update("CarePlan", f"c{number}", plan, author, EVERYTHING)
    return store


def found(store: Store, type_name: str, pairs: Pairs, who: Visibility) -> tuple[list[str], int | None, bool]:
    page = store.search(store.query(type_name, pairs), who)
    return [one.id for one in page.entries], page.total, page.next is not None


def test_a_search_finds_the_same_after_any_other(filled: Store) -> None:
    asked = list(itertools.product(SEARCHES, EVERYBODY))
    alone = []
    for (type_name, pairs), who in asked:
        SHAPES.forget()
        alone.append(found(filled, type_name, pairs, who))
    assert len({str(one) for one in alone}) > len(SEARCHES) / 2
    SHAPES.forget()
    for (type_name, pairs), who in [*asked, *reversed(asked)]:
        assert found(filled, type_name, pairs, who) == alone[asked.index(((type_name, pairs), who))], (pairs, who)


def test_only_values_differ_within_a_shape(filled: Store) -> None:
    SHAPES.forget()
    assert found(filled, "Patient", [("identifier", "urn:s|1")], source(OURS.organisation))[0] == ["p1"]
    made = len(SHAPES)
    assert found(filled, "Patient", [("identifier", "urn:x|7")], source(THEIRS.organisation))[0] == []
    assert len(SHAPES) == made
    assert found(filled, "Patient", [("identifier", "7")], source(THEIRS.organisation))[0] == []
    assert len(SHAPES) > made


def test_shapes_without_end_are_not_all_kept(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.shapes.MOST", 5)
    for many in range(1, 40):
        value = ",".join(str(number) for number in range(many))
        assert found(filled, "Patient", [("identifier", value)], EVERYTHING)[0] == ["p1", "p2", "p3"][: many - 1]
        assert len(SHAPES) <= 5
    SHAPES.forget()
    long = ",".join(str(number) for number in range(300))
    assert found(filled, "Patient", [("identifier", long)], EVERYTHING)[0] == ["p1", "p2", "p3"]
    assert len(SHAPES) == 0


# SQLite plans a statement when it is prepared.
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_only_what_leads_to_few_rows_is_planned_once_for_all_values(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned(most: int) -> set[str]:
        monkeypatch.setattr(clauses, "ENOUGH", most)
        query = filled.query("CarePlan", [("status", "active")])
        for _ in range(10):
            assert len(filled.search(query, EVERYTHING).entries) == 2
        with filled.database.read() as connection:
            rows = connection.execute(text("SELECT statement FROM pg_prepared_statements"))
            return {one for (one,) in rows if "AS found" in one}

    assert planned(1) == set()
    assert len(planned(200)) == 1
