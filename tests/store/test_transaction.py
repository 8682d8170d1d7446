"""Transactions: all or nothing, in FHIR's order, with references between the entries."""

from typing import Any

import pytest

from service.store import EVERYTHING, Store, Stored, StoreError
from service.store.search import Found
from tests.store.conftest import OURS
from tests.store.test_search import HETU, ids, put


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **more: str) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    made |= {"resource": resource} if resource is not None else {}
    return made | ({"fullUrl": full_url} if full_url else {})


PATIENT = {"resourceType": "Patient", "identifier": [{"system": HETU, "value": "150318A9125"}]}
UUID = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


def keys(error: pytest.ExceptionInfo[StoreError]) -> list[tuple[str, str | None]]:
    return [(one.key, one.pointer) for one in error.value.issues]


def test_references_become_the_assigned_ids(store: Store) -> None:
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{UUID}">x</a></div>'}
    plan = {"resourceType": "CarePlan", "subject": {"reference": UUID}, "text": text, "status": "active"}
    done = store.transaction(
        bundle(
            entry("POST", "CarePlan", plan),
            entry("POST", "Patient", PATIENT, UUID),
            entry("GET", f"Patient?identifier={HETU}|150318A9125"),
        ),
        OURS,
        EVERYTHING,
    )
    made, patient = done[0].written, done[1].written
    assert made is not None and made.stored is not None and patient is not None and patient.stored is not None
    kept = made.stored.resource()
    assert kept["subject"]["reference"] == patient.stored.reference
    assert f'href="{patient.stored.reference}"' in kept["text"]["div"]
    # GET comes last, so it sees what was created.
    assert isinstance(done[2].found, Found) and [one.id for one in done[2].found.entries] == [patient.stored.id]
    assert ids(store, "CarePlan", [("patient.identifier", "150318A9125")]) == [made.stored.id]


def test_deletes_come_first_and_conditions_see_them(store: Store) -> None:
    put(store, {**PATIENT, "id": "old"})
    done = store.transaction(
        bundle(
            entry("POST", "Patient", PATIENT, ifNoneExist="identifier=150318A9125"),
            entry("DELETE", "Patient/old"),
        ),
        OURS,
        EVERYTHING,
    )
    assert [one.written.status for one in done if one.written] == ["created", "deleted"]


def test_a_conditional_create_that_matches_gives_its_id_to_references(store: Store) -> None:
    put(store, {**PATIENT, "id": "here"})
    done = store.transaction(
        bundle(
            entry("POST", "Patient", PATIENT, UUID, ifNoneExist="identifier=150318A9125"),
            entry("PUT", "CarePlan/p", {"resourceType": "CarePlan", "id": "p", "subject": {"reference": UUID}}),
            entry(
                "PUT",
                "CareTeam/t",
                {"resourceType": "CareTeam", "id": "t", "subject": {"reference": "Patient?identifier=150318A9125"}},
            ),
        ),
        OURS,
        EVERYTHING,
    )
    assert [one.written.status for one in done if one.written] == ["unchanged", "created", "created"]
    for type_name, id_ in (("CarePlan", "p"), ("CareTeam", "t")):
        found = store.read(type_name, id_, EVERYTHING)
        assert found is not None and found.resource()["subject"]["reference"] == "Patient/here"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("PUT", "Patient/a", {**PATIENT, "id": "a"}), entry("DELETE", "Patient/a")], "store.same-identity"),
        ([entry("PUT", "Patient/a", {**PATIENT, "id": "a"})] * 2, "store.same-identity"),
        ([entry("POST", "Patient", PATIENT, UUID), entry("POST", "Patient", PATIENT, UUID)], "store.same-full-url"),
        ([entry("POST", "Patient", PATIENT, ifNoneExist="identifier=1")] * 2, "store.same-identity"),
        ([entry("PUT", "Patient?identifier=1", PATIENT)] * 2, "store.same-identity"),
        (
            [entry("POST", "CarePlan", {"resourceType": "CarePlan", "subject": {"reference": UUID}})],
            "store.reference-unresolved",
        ),
        (
            [entry("POST", "CarePlan", {"resourceType": "CarePlan", "subject": {"reference": "Patient?identifier=7"}})],
            "store.reference-condition",
        ),
        ([entry("PUT", "Patient/a", {**PATIENT, "id": "b"})], "store.id-mismatch"),
        ([entry("PUT", "Patient/a", {**PATIENT, "id": "a"}, ifMatch='W/"4"')], "store.version-conflict"),
        ([entry("PUT", "Patient", PATIENT)], "store.entry"),
        ([entry("MOVE", "Patient", PATIENT)], "store.entry-method"),
        ([entry("POST", "CarePlan", PATIENT)], "store.entry"),
        ([entry("PATCH", "Patient?identifier=1", PATIENT)], "store.not-found"),
        ([entry("GET", "Patient/nobody")], "store.not-found"),
        ([entry("POST", "Patient", PATIENT, ifNoneExist="colour=red")], "store.condition"),
        ([{}], "store.entry"),
    ],
)
def test_what_cannot_be_done_leaves_everything_as_it_was(store: Store, entries: list[Any], expected: str) -> None:
    first = entry("PUT", "Patient/first", {"resourceType": "Patient", "id": "first"})
    with pytest.raises(StoreError) as error:
        store.transaction(bundle(first, *entries), OURS, EVERYTHING)
    assert keys(error)[0][0] == expected
    assert (keys(error)[0][1] or "").startswith(("/entry/1", "/entry/2"))
    assert store.history(EVERYTHING).entries == ()


def test_each_entry_of_a_batch_stands_alone(store: Store) -> None:
    done = store.batch(
        bundle(
            entry("GET", "Patient/a"),
            entry("PUT", "Patient/a", {**PATIENT, "id": "b"}),
            entry("PUT", "Patient/a", {**PATIENT, "id": "a"}),
        ),
        OURS,
        EVERYTHING,
    )
    assert isinstance(done[0].found, Stored)
    assert [(one.key, one.pointer) for one in done[1].issues] == [("store.id-mismatch", "/entry/1/resource/id")]
    assert done[2].written is not None and done[2].written.status == "created"


def test_a_patch_is_made_on_what_is_current(store: Store) -> None:
    put(store, {**PATIENT, "id": "a"})
    patch = entry("PATCH", "Patient/a", {"resourceType": "Binary"}, ifMatch='W/"1"')
    store.transaction(bundle(patch), OURS, EVERYTHING, lambda before, _: {**before, "active": True})
    found = store.read("Patient", "a", EVERYTHING)
    assert found is not None and found.version == 2 and found.method == "PATCH" and found.resource()["active"] is True


def test_conditional_update_and_delete(store: Store) -> None:
    where = [("identifier", "150318A9125")]
    made = store.update_where("Patient", where, PATIENT, OURS, EVERYTHING)
    assert made.status == "created" and made.stored is not None
    again = store.update_where("Patient", where, {**PATIENT, "active": True}, OURS, EVERYTHING)
    assert again.status == "updated" and again.stored is not None and again.stored.id == made.stored.id
    put(store, {**PATIENT, "id": "second"})
    for call in (
        lambda: store.update_where("Patient", where, PATIENT, OURS, EVERYTHING),
        lambda: store.delete_where("Patient", where, OURS, EVERYTHING),
    ):
        with pytest.raises(StoreError) as error:
            call()
        assert [one.key for one in error.value.issues] == ["store.multiple"]
        assert "150318A9125" not in error.value.issues[0].text()
    store.delete("Patient", "second", OURS, EVERYTHING)
    assert store.delete_where("Patient", where, OURS, EVERYTHING).status == "deleted"
    assert store.delete_where("Patient", where, OURS, EVERYTHING).status == "absent"
