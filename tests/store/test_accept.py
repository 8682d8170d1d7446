"""Accept: a document and all that follows from it, once."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from service.accept import accept
from service.clock import HELSINKI
from service.fhir.json import encode, parse
from service.pipeline import Converter, default
from service.store import EVERYTHING, Author, Store, audit, tables
from service.store.audit import Detail, Event
from service.store.keeping import Accepted
from tests.shared import ROOT

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=HELSINKI)
CLIENT = Author("tests", "2.999.10.10.1")
EXAMPLE = ROOT / "schemas" / "source" / "examples" / "tiimi-case-twins-services-and-responsible-pair.json"
EVENT = Event("tests", "2.999.10.10.1", "C", "0", Detail("document"))
Take = Callable[[Any], Accepted]


@pytest.fixture(scope="session")
def converter() -> Converter:
    return default(b"yhdessa-test-key-for-synthetic-data-only")


@pytest.fixture
def take(store: Store, converter: Converter) -> Take:
    return lambda document: accept(converter, store, encode(document), now=NOW, author=CLIENT, event=EVENT)


@pytest.fixture
def case() -> Any:
    return parse(EXAMPLE.read_bytes())


def rows(store: Store) -> dict[str, int]:
    with store.database.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


def keys(done: Accepted) -> list[str]:
    return [one.key for one in done.issues if one.key.startswith("store.")]


def test_a_new_document_brings_everything_in_one_go(store: Store, take: Take, case: Any) -> None:
    done = take(case)
    assert done.status == "created" and len(done.resources) == len(done.written) > 30
    found = store.read("CarePlan", next(one for one in done.resources if "CarePlan" in one)[9:], EVERYTHING)
    assert found is not None and found.resource()["meta"]["versionId"] == "1"
    # r1 is a permission; r2 was revoked.
    assert [(one.receiver, one.version, one.state) for one in done.deliveries] == [("2.999.10.10.2", 1, "waiting")]
    counted = rows(store)
    assert counted["document"] == counted["document_version"] == counted["audit"] == counted["outbox"] == 1
    assert counted["document_resource"] == counted["resource"] == counted["version"] == len(done.resources)
    with store.database.read() as connection:
        body = connection.execute(select(tables.document_version.c.body)).scalar_one()
        event = audit.find(connection)[0].event()
    assert body == encode(case)
    assert len(event.detail.patients) == 2 and len(event.detail.entities) == len(done.resources) - 2


@pytest.mark.parametrize("is_here", [False, True])
def test_only_documents_of_one_organisation(
    store: Store, take: Take, converter: Converter, case: Any, is_here: bool
) -> None:
    """Who may bring only their own learns nothing of another's document, be it here already or not."""
    if is_here:
        take(case)
    before = rows(store)
    for organisation in ("2.999.10.10.2", ""):
        done = accept(converter, store, encode(case), now=NOW, author=CLIENT, event=EVENT, only=organisation)
        assert (done.status, [one.key for one in done.issues]) == ("invalid", ["auth.other-organisation"])
        assert (done.resources, done.id, done.version) == ((), None, None)
    assert rows(store) == before
    own = case["source"]["organisation"]
    done = accept(converter, store, encode(case), now=NOW, author=CLIENT, event=EVENT, only=own)
    assert done.status == ("unchanged" if is_here else "created")
    with store.database.read() as connection:
        assert audit.find(connection)[0].event().detail.provider == own


def test_the_same_again_changes_nothing(store: Store, take: Take, converter: Converter, case: Any) -> None:
    first, before = take(case), rows(store)
    reordered = dict(reversed(case.items()))
    for document, shortcut in ((case, True), (case, False), (reordered, True)):
        again = accept(converter, store, encode(document), now=NOW, author=CLIENT, event=EVENT, shortcut=shortcut)
        assert again.status == "unchanged"
        assert sorted(again.resources) == sorted(first.resources)
        assert again.deliveries == first.deliveries
    assert rows(store) == before


def test_a_newer_version_changes_what_changed_and_retires_what_vanished(store: Store, take: Take, case: Any) -> None:
    first = take(case)
    newer = deepcopy(case)
    newer["version"] = 2
    plan = newer["plans"][0]
    dropped = plan["needs"].pop()
    for one in [*plan["measures"], *plan["services"]]:
        if "needs" in one:
            one["needs"] = [need for need in one["needs"] if need != dropped["id"]] or [plan["needs"][0]["id"]]
    done = take(newer)
    assert done.status == "updated", done.issues
    statuses = {reference: one.status for reference, one in done.written.items()}
    assert [one for one, status in statuses.items() if status == "deleted" and one.startswith("Goal/")]
    assert {"CarePlan", "Provenance"} <= {
        one.partition("/")[0] for one, status in statuses.items() if status == "updated"
    }
    assert not [one for one in statuses if one.startswith(("Patient/", "Organization/"))]
    goal = next(one for one, status in statuses.items() if status == "deleted")
    history = store.history(EVERYTHING, type_name="Goal", id_=goal.partition("/")[2])
    assert [(one.version, one.deleted) for one in history.entries] == [(2, True), (1, False)]
    # The new version of the plan goes to its recipient instead of the old one, which nobody had sent yet.
    assert [(one.version, one.state) for one in done.deliveries] == [(1, "cancelled"), (2, "waiting")]
    assert take(case).status == "older" and keys(take(case)) == ["store.older"]
    assert goal in first.resources and goal not in take(newer).resources


def test_the_same_version_with_other_content_is_refused_with_places_only(store: Store, take: Take, case: Any) -> None:
    take(case)
    before = rows(store)
    other = deepcopy(case)
    other["family"]["children"][0]["name"]["call"] = "Sofia"
    other["municipality"] = "286"
    done = take(other)
    assert done.status == "clash"
    assert [(one.key, one.pointer) for one in done.issues if one.key.startswith("store.")] == [
        ("store.clash", "/version"),
        ("store.clash-at", "/municipality"),
        ("store.clash-at", "/family/children/0/name/call"),
    ]
    assert "Sofia" not in "".join(one.text() for one in done.issues)
    assert rows(store) == before


def test_an_invalid_document_leaves_nothing(store: Store, take: Take, case: Any) -> None:
    before = rows(store)
    case["unknown"] = 1
    done = take(case)
    assert done.status == "invalid" and done.issues
    assert rows(store) == before


def test_what_another_document_still_has_is_not_retired(store: Store, take: Take, case: Any) -> None:
    take(case)
    second = deepcopy(case)
    second["id"] = "asia-toinen"
    assert take(second).status == "created"
    smaller = deepcopy(case)
    smaller["version"] = 2
    smaller["professionals"] = [*smaller["professionals"], deepcopy(smaller["professionals"][0])]
    smaller["professionals"][-1]["id"] = "uusi"
    smaller["professionals"][-1]["otherIds"] = [{"system": "urn:oid:2.999.10.40.1", "value": "77"}]
    third = take(smaller)
    assert third.status == "updated", third.issues
    back = deepcopy(case)
    back["version"] = 3
    done = take(back)
    gone = [one for one, written in done.written.items() if written.status == "deleted"]
    assert {one.partition("/")[0] for one in gone} == {"Practitioner", "PractitionerRole"}
    assert take({**second, "version": 2}).status == "updated"


def test_a_revoked_permission_cancels_what_waits(store: Store, take: Take, case: Any) -> None:
    take(case)
    newer = deepcopy(case)
    newer["version"] = 2
    for plan in newer["plans"]:
        for recipient in plan["recipients"]:
            recipient["permission"] |= {"status": "revoked", "revoked": "2025-10-14T08:15:00+03:00"}
    done = take(newer)
    assert done.status == "updated", done.issues
    assert {(one.state, one.reason) for one in done.deliveries} == {("cancelled", "no-longer-permitted")}


def test_what_is_referred_to_and_not_there_is_listed(store: Store, take: Take) -> None:
    alone = parse((EXAMPLE.parent / "aika-shared-plan-measures-abc.json").read_bytes())
    done = take(alone)
    assert done.status == "created", done.issues
    dangling = [one for one in done.issues if one.key == "store.dangling"]
    assert dangling and all(one.severity == "warning" and one.expression for one in dangling)


def test_another_organisations_resource_is_not_overwritten(store: Store, take: Take, case: Any) -> None:
    reference = take(case).resources[0]
    type_name, _, id_ = reference.partition("/")
    with store.database.engine.begin() as connection:
        connection.execute(tables.resource.update().where(tables.resource.c.id == id_).values(organisation="2.999.99"))
    before = rows(store)
    done = take({**case, "version": 2})
    assert done.status == "invalid" and keys(done) == ["store.other-owner"]
    assert rows(store) == before
    assert type_name
