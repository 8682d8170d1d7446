"""What the tests of the REST face share: small valid resources, and what an answer says."""

from typing import Any

from werkzeug.test import TestResponse

from service.fhir.json import parse

Json = dict[str, Any]
OID = "urn:oid:2.999.13.10.1"


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "identifier": [{"system": OID, "value": "p-1"}], **more}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "hours of sleep"}, **more}


def goal(subject: str, **more: Any) -> Json:
    described = {"text": "a calm evening"}
    made = {"resourceType": "Goal", "lifecycleStatus": "active", "description": described}
    return made | {"subject": {"reference": subject}} | more


def entry(method: str, url: str, resource: Json | None = None, full_url: str | None = None, **more: str) -> Json:
    made: Json = {"fullUrl": full_url} if full_url else {}
    made |= {"resource": resource} if resource else {}
    return made | {"request": {"method": method, "url": url, **more}}


def bundle(kind: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def keys(answer: TestResponse) -> list[str]:
    """The keys of the issues in an OperationOutcome."""
    found = parse(answer.data)
    assert found["resourceType"] == "OperationOutcome", found
    return [one["details"]["coding"][0]["code"] for one in found["issue"]]


def pointers(answer: TestResponse) -> list[str]:
    return [
        row["valueString"]
        for one in parse(answer.data)["issue"]
        for row in one.get("extension", ())
        if row["url"].endswith("issue-pointer")
    ]


def ids(answer: TestResponse, mode: str = "match") -> list[str]:
    """The relative references of the entries of a searchset."""
    entries = parse(answer.data).get("entry", [])
    return [
        f"{one['resource']['resourceType']}/{one['resource']['id']}"
        for one in entries
        if one.get("search", {}).get("mode", "match") == mode
    ]


def link(answer: TestResponse, relation: str) -> str | None:
    """The address of a link without the part that the test client does not need."""
    found = [one["url"] for one in parse(answer.data)["link"] if one["relation"] == relation]
    return found[0].removeprefix("http://localhost") if found else None
