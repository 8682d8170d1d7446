"""Resources: exact JSON, versions without gaps, conditions."""

import pytest

from service.fhir.json import parse
from service.store import EVERYTHING, Store, StoreError
from tests.store.conftest import OURS


def keys(error: pytest.ExceptionInfo[StoreError]) -> list[str]:
    return [one.key for one in error.value.issues]


def test_a_resource_keeps_its_exact_numbers(store: Store) -> None:
    body = parse(b'{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueQuantity":{"value":1.50}}')
    made = store.create(body, OURS, EVERYTHING)
    assert made.status == "created" and made.stored is not None
    found = store.read("Observation", made.stored.id, EVERYTHING)
    assert found is not None and found.body is not None
    assert b'"value":1.50' in found.body
    assert found.body == made.stored.body
    assert found.resource()["meta"] == {"versionId": "1", "lastUpdated": "2026-03-28T10:00:01.000Z"}
    assert found.etag == 'W/"1"'


def test_versions_follow_each_other_without_gaps(store: Store) -> None:
    made = store.create({"resourceType": "Patient", "active": True}, OURS, EVERYTHING).stored
    assert made is not None
    for active in (False, False, True):
        store.update("Patient", made.id, {"resourceType": "Patient", "id": made.id, "active": active}, OURS, EVERYTHING)
    assert store.delete("Patient", made.id, OURS, EVERYTHING).status == "deleted"
    assert store.delete("Patient", made.id, OURS, EVERYTHING).status == "absent"
    again = store.update("Patient", made.id, {"resourceType": "Patient", "id": made.id}, OURS, EVERYTHING)
    assert again.status == "created"
    page = store.history(EVERYTHING, type_name="Patient", id_=made.id)
    assert [(one.version, one.method, one.deleted) for one in page.entries] == [
        (5, "PUT", False),
        (4, "DELETE", True),
        (3, "PUT", False),
        (2, "PUT", False),
        (1, "POST", False),
    ]
    old = store.vread("Patient", made.id, 2, EVERYTHING)
    assert old is not None and old.resource()["active"] is False


def test_a_stale_version_changes_nothing(store: Store) -> None:
    made = store.create({"resourceType": "Patient"}, OURS, EVERYTHING).stored
    assert made is not None
    new = {"resourceType": "Patient", "id": made.id, "active": True}
    store.update("Patient", made.id, new, OURS, EVERYTHING, if_match=made.etag)
    with pytest.raises(StoreError) as error:
        store.update("Patient", made.id, {**new, "active": False}, OURS, EVERYTHING, if_match=made.etag)
    assert keys(error) == ["store.version-conflict"]
    with pytest.raises(StoreError):
        store.delete("Patient", made.id, OURS, EVERYTHING, if_match=made.etag)
    found = store.read("Patient", made.id, EVERYTHING)
    assert found is not None and found.version == 2
