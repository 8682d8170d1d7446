"""Visibility: what one may not see is nowhere – not in reads, searches, counts, chains, includes or history."""

import pytest

from service.store import EVERYTHING, NOTHING, Author, Store, StoreError, Visibility, recipient, source
from service.store.disclosures import Given, disclose, withdraw
from tests.store.conftest import OURS, THEIRS
from tests.store.test_search import ids

WE, THEY = source(OURS.organisation), source(THEIRS.organisation)
RECEIVER = "2.999.10.30.1"


@pytest.fixture
def two(store: Store) -> Store:
    """A patient of each organisation; a plan of theirs about our patient, and one of ours about theirs."""

    def put(author: Author, type_name: str, id_: str, **rest: object) -> None:
        store.update(type_name, id_, {"resourceType": type_name, "id": id_, **rest}, author, EVERYTHING)

    put(OURS, "Patient", "ours", gender="female")
    put(THEIRS, "Patient", "theirs", gender="female")
    put(THEIRS, "CarePlan", "p-theirs", status="active", intent="plan", subject={"reference": "Patient/ours"})
    put(OURS, "CarePlan", "p-ours", status="active", intent="plan", subject={"reference": "Patient/theirs"})
    return store


def test_reads_and_history_show_only_ones_own(two: Store) -> None:
    assert two.read("Patient", "ours", WE) is not None
    assert two.read("Patient", "theirs", WE) is None
    assert two.vread("Patient", "theirs", 1, WE) is None
    assert two.history(WE, type_name="Patient", id_="theirs").entries == ()
    assert {one.id for one in two.history(WE).entries} == {"ours", "p-ours"}
    assert two.history(NOTHING).entries == () and two.read("Patient", "ours", NOTHING) is None


@pytest.mark.parametrize(
    ("type_name", "query", "expected"),
    [
        ("Patient", [("gender", "female")], ["ours"]),
        ("Patient", [("gender:not", "male")], ["ours"]),
        ("Patient", [("_id", "ours,theirs")], ["ours"]),
        ("Patient", [], ["ours"]),
        ("CarePlan", [("patient.gender", "female")], []),
        ("CarePlan", [("patient.gender:missing", "false")], []),
        ("Patient", [("_has:CarePlan:patient:status", "active")], []),
        ("CarePlan", [("subject", "Patient/theirs")], ["p-ours"]),
    ],
)
def test_searches_and_counts_know_only_ones_own(
    two: Store, type_name: str, query: list[tuple[str, str]], expected: list[str]
) -> None:
    assert ids(two, type_name, query, WE) == expected
    counted = two.search(two.query(type_name, [*query, ("_summary", "count")]), WE)
    assert counted.total == len(expected)
    assert two.search(two.query(type_name, [*query, ("_total", "accurate")]), NOTHING).total == 0


def test_includes_bring_only_ones_own(two: Store) -> None:
    forward = two.search(two.query("CarePlan", [("_include", "CarePlan:subject")]), WE)
    assert [one.id for one in forward.entries] == ["p-ours"] and forward.included == ()
    back = two.search(two.query("Patient", [("_revinclude", "CarePlan:subject")]), WE)
    assert [one.id for one in back.entries] == ["ours"] and back.included == ()


def test_writes_touch_only_ones_own(two: Store) -> None:
    stranger = {"resourceType": "Patient", "id": "theirs"}
    for call in (
        lambda: two.update("Patient", "theirs", stranger, OURS, WE),
        lambda: two.delete("Patient", "theirs", OURS, WE),
    ):
        with pytest.raises(StoreError) as error:
            call()
        assert next(one.key for one in error.value.issues) in ("store.id-not-own", "store.not-found")
    made = two.create({"resourceType": "Patient", "gender": "female"}, OURS, WE, [("gender", "female")])
    assert made.status == "unchanged" and made.stored is not None and made.stored.id == "ours"


def test_a_recipient_sees_what_was_disclosed_up_to_that_version(two: Store) -> None:
    they: Visibility = recipient(RECEIVER)
    assert ids(two, "CarePlan", [("status", "active")], they) == []
    two.database.write(lambda connection: disclose(connection, RECEIVER, [Given("CarePlan", "p-ours", 1, None)], 0))
    assert ids(two, "CarePlan", [("status", "active")], they) == ["p-ours"]
    assert ids(two, "CarePlan", [], they) == ["p-ours"]
    assert ids(two, "CarePlan", [("patient.gender", "female")], they) == []
    with pytest.raises(StoreError) as error:
        two.delete("CarePlan", "p-ours", THEIRS, they)
    assert [one.key for one in error.value.issues] == ["store.forbidden"]
    plan = {"resourceType": "CarePlan", "id": "p-ours", "status": "active", "intent": "plan", "subject": {}}
    two.update("CarePlan", "p-ours", plan, OURS, WE)
    assert two.read("CarePlan", "p-ours", they) is None
    assert two.vread("CarePlan", "p-ours", 1, they) is not None
    assert two.vread("CarePlan", "p-ours", 2, they) is None
    assert ids(two, "CarePlan", [("status", "active")], they) == []
    two.database.write(lambda connection: disclose(connection, RECEIVER, [Given("CarePlan", "p-ours", 2, None)], 0))
    assert ids(two, "CarePlan", [("status", "active")], they) == ["p-ours"]
    two.database.write(lambda connection: withdraw(connection, RECEIVER, [("CarePlan", "p-ours")]))
    assert two.vread("CarePlan", "p-ours", 1, they) is None


def test_of_a_resource_that_was_given_in_part_only_the_copy_is_seen(two: Store) -> None:
    they: Visibility = recipient(RECEIVER)
    copy = b'{"resourceType":"CarePlan","id":"p-ours","status":"active","intent":"plan","subject":{}}'
    two.database.write(lambda connection: disclose(connection, RECEIVER, [Given("CarePlan", "p-ours", 1, copy)], 0))
    found = two.read("CarePlan", "p-ours", they)
    assert found is not None and found.body == copy
    # Anything that looks into the resource itself would tell what the copy lacks.
    assert ids(two, "CarePlan", [("status", "active")], they) == []
    assert ids(two, "CarePlan", [], they) == []
    assert two.vread("CarePlan", "p-ours", 1, they) is None
    assert two.history(they, type_name="CarePlan", id_="p-ours").entries == ()
    assert two.read("CarePlan", "p-ours", recipient("2.999.4711")) is None
    two.delete("CarePlan", "p-ours", OURS, WE)
    assert two.read("CarePlan", "p-ours", they) is None
