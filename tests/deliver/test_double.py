"""The receiver double itself: what it says it does."""

import contextlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deliver.certificates import Authority
from tests.deliver.double import double, tls
from tests.deliver.records import Records

PLAN = {"resourceType": "CarePlan", "identifier": [{"system": "s", "value": "1"}], "status": "active"}
HEADERS = {"Content-Type": "application/fhir+json"}
CONDITION = "CarePlan?identifier=s|1"


def _put(url: str, resource: dict[str, Any] = PLAN) -> requests.Response:
    return requests.put(f"{url}/{CONDITION}", json=resource, headers=HEADERS, timeout=30)


def _transaction(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def _entry(resource: dict[str, Any], url: str, method: str = "PUT", **more: str) -> dict[str, Any]:
    return {
        "fullUrl": f"urn:uuid:{resource['resourceType']}",
        "resource": resource,
        "request": {"method": method, "url": url, **more},
    }


def test_a_conditional_update_is_one_resource() -> None:
    with double() as receiver:
        answers = [_put(receiver.url), _put(receiver.url), _put(receiver.url, PLAN | {"status": "revoked"})]
        assert [one.status_code for one in answers] == [201, 200, 200]
        assert receiver.effects() == ["create CarePlan", "update CarePlan"]
        assert [one["status"] for one in receiver.records.all("CarePlan")] == ["revoked"]


def test_a_conditional_create_is_one_resource() -> None:
    with double() as receiver:
        for status in (201, 200):
            headers = HEADERS | {"If-None-Exist": "identifier=s|1"}
            answer = requests.post(f"{receiver.url}/CarePlan", json=PLAN, headers=headers, timeout=30)
            assert answer.status_code == status
        assert receiver.effects() == ["create CarePlan"]


def test_a_transaction_resolves_its_references() -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": "p", "value": "1"}]}
    plan = PLAN | {"subject": {"reference": "urn:uuid:Patient"}}
    bundle = _transaction(_entry(plan, CONDITION), _entry(patient, "Patient", "POST", ifNoneExist="identifier=p|1"))
    with double() as receiver:
        for statuses in (["201", "201"], ["200", "200"]):
            answer = requests.post(receiver.url, json=bundle, headers=HEADERS, timeout=30)
            assert [one["response"]["status"] for one in answer.json()["entry"]] == statuses
        kept = receiver.records.all("CarePlan")[0]
        assert kept["subject"]["reference"] == f"Patient/{receiver.records.all('Patient')[0]['id']}"
        assert len(receiver.changes) == 2


def test_a_transaction_is_all_or_nothing() -> None:
    bad = {"resourceType": "Goal", "subject": {"reference": "Patient?identifier=p|none"}}
    with double() as receiver:
        bundle = _transaction(_entry(PLAN, CONDITION), _entry(bad, "Goal/1"))
        assert requests.post(receiver.url, json=bundle, headers=HEADERS, timeout=30).status_code == 412
        assert receiver.changes == []
        assert receiver.records.search("CarePlan", "identifier=s|1") == []


def test_several_that_match_are_a_412() -> None:
    with double() as receiver:
        for _ in range(2):
            requests.post(f"{receiver.url}/CarePlan", json=PLAN, headers=HEADERS, timeout=30)
        assert _put(receiver.url).status_code == 412
        assert len(receiver.changes) == 2


@pytest.mark.parametrize(
    ("step", "effects"),
    [("drop", 0), ("lose-reply", 1), ("close-mid", 1)],
)
def test_broken_connections(step: str, effects: int) -> None:
    with double([{"do": step}]) as receiver:
        with pytest.raises(requests.exceptions.RequestException):
            _put(receiver.url)
        assert len(receiver.changes) == effects
        assert _put(receiver.url).status_code == (200 if effects else 201)
        assert len(receiver.changes) == 1


def test_a_receiver_that_never_answers() -> None:
    with double([{"do": "hang"}]) as receiver:
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.put(f"{receiver.url}/{CONDITION}", json=PLAN, headers=HEADERS, timeout=0.2)
        assert receiver.changes == []


def test_scripted_answers() -> None:
    steps = [
        {"do": "answer", "status": 429, "retry_after": 2},
        {"do": "answer", "status": 503, "retry_date": 60},
        {"do": "wrong-json"},
        {"do": "answer", "status": 422, "times": 2},
    ]
    with double(steps) as receiver:
        assert requests.get(f"{receiver.url}/metadata", timeout=30).json()["fhirVersion"] == "4.0.1"
        answers = [_put(receiver.url) for _ in range(6)]
        assert [one.status_code for one in answers] == [429, 503, 201, 422, 422, 200]
        assert answers[0].headers["Retry-After"] == "2"
        assert answers[1].headers["Retry-After"].endswith("GMT")
        assert b"<html>" in answers[2].content
        assert [one["step"] for one in receiver.requests][1:4] == ["answer", "answer", "wrong-json"]


def test_the_log_outlives_the_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with double(log=log) as receiver:
        _put(receiver.url)
    with double(log=log) as receiver:
        assert _put(receiver.url).status_code == 200
        assert receiver.effects() == ["create CarePlan"]
    with contextlib.closing(Records(log)) as records:
        assert len(records.changes) == 1
    assert json.loads(log.read_text("utf-8"))["change"] == "create"


def test_a_client_must_show_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.client("yhdessa")
    with double(context=tls(authority.server(), authority.file)) as receiver:
        shown = (str(client.certificate), str(client.key))
        good = requests.get(f"{receiver.url}/metadata", verify=str(authority.file), cert=shown, timeout=30)
        assert good.status_code == 200
        with pytest.raises((requests.exceptions.ConnectionError, ssl.SSLError)):
            requests.get(f"{receiver.url}/metadata", verify=str(authority.file), timeout=30)


def test_over_http_for_another_process() -> None:
    with double() as receiver:
        steps = [{"do": "answer", "status": 500}]
        assert requests.put(f"{receiver.url}/_script", json=steps, timeout=30).json() == {"left": 1}
        assert [_put(receiver.url).status_code for _ in range(2)] == [500, 201]
        assert len(requests.get(f"{receiver.url}/_changes", timeout=30).json()) == 1
