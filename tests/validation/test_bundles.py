"""Bundles of every kind, and what one of many entries costs. https://hl7.org/fhir/R4/bundle.html"""

import time
from typing import Any

import pytest

from service.validation import Validator
from tests.validation.kit import TEXT, judge, kinds

BASE = "https://yhdessa.example/fhir/"
UUID = "urn:uuid:00000000-0000-4000-8000-00000000000"
REQUEST = {"request": {"method": "PUT", "url": "Patient/1"}}


def patient(number: int = 1) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": str(number), "text": TEXT}


def entry(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"fullUrl": f"{BASE}{resource['resourceType']}/{resource['id']}", "resource": resource, **more}


def bundle(kind: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(rows), **more}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (bundle("collection", entry(patient())), []),
        (bundle("collection", {"resource": patient()}), ["full-url-missing"]),
        (bundle("transaction", {"resource": patient(), **REQUEST}), []),
        (bundle("collection", {"fullUrl": "Patient/1", "resource": patient()}), ["full-url-relative"]),
        (bundle("collection", {"fullUrl": UUID + "1", "resource": patient()}), []),
        (bundle("collection", {"fullUrl": BASE + "Patient/2", "resource": patient()}), ["full-url-mismatch"]),
        (bundle("collection", {"fullUrl": BASE + "Person/1", "resource": patient()}), ["full-url-mismatch"]),
        (
            bundle(
                "collection", {"fullUrl": BASE + "Patient/2", "resource": {"resourceType": "Patient", "text": TEXT}}
            ),
            ["full-url-without-id"],
        ),
        (bundle("collection", entry(patient()), entry(patient())), ["bdl-7"]),
        (bundle("collection", entry(patient(), **REQUEST)), ["bdl-3"]),
        (bundle("transaction", entry(patient())), ["bdl-3"]),
        (bundle("collection", entry(patient()), total=1), ["bdl-1"]),
        (bundle("collection", entry(patient(), search={"mode": "match"})), ["bdl-2"]),
        (bundle("collection", entry(patient()), link=[{"relation": "next", "url": BASE}]), ["bundle-link"]),
        (
            bundle("searchset", entry(patient()), link=[{"relation": "self", "url": BASE + "Patient"}] * 2),
            ["bundle-link-twice"],
        ),
        (bundle("searchset", {"fullUrl": UUID + "1", "search": {"mode": "match"}}), ["bdl-5", "search-no-resource"]),
        (
            bundle("searchset", entry(patient(), search={"mode": "outcome"})),
            ["search-outcome"],
        ),
        (
            bundle(
                "searchset",
                entry(patient(), search={"mode": "match"}),
                link=[{"relation": "self", "url": BASE + "Group?x=1"}],
            ),
            ["search-type"],
        ),
        (
            bundle(
                "searchset",
                {
                    "fullUrl": UUID + "1",
                    "resource": {"resourceType": "Patient", "text": TEXT},
                    "search": {"mode": "match"},
                },
            ),
            ["search-no-id"],
        ),
        (bundle("message", entry(patient())), ["bdl-12"]),
    ],
)
def test_kinds_of_bundle(resource: dict[str, Any], expected: list[str]) -> None:
    assert kinds(judge(resource)) == expected


COMPOSITION: dict[str, Any] = {
    "resourceType": "Composition",
    "id": "c",
    "text": TEXT,
    "status": "final",
    "type": {"text": "Shared plan"},
    "subject": {"reference": "Patient/1"},
    "date": "2026-01-01",
    "author": [{"reference": "Patient/1"}],
    "title": "Shared plan",
}
HEAD = {"identifier": {"system": "urn:ietf:rfc:3986", "value": UUID + "9"}, "timestamp": "2026-01-01T10:00:00+02:00"}


def test_documents() -> None:
    assert judge(bundle("document", entry(COMPOSITION), entry(patient()), **HEAD)) == []
    assert kinds(judge(bundle("document", entry(patient()), entry(COMPOSITION), **HEAD))) == ["bdl-11"]
    assert kinds(judge(bundle("document", entry(COMPOSITION), entry(patient())))) == ["bdl-9", "bdl-10"]
    assert kinds(judge(bundle("document", entry(COMPOSITION), **HEAD))) == ["bundle-incomplete"] * 2
    lonely = bundle("document", entry(COMPOSITION), entry(patient()), entry(patient(2)), **HEAD)
    assert kinds(judge(lonely)) == ["document-orphan"]
    lonely["entry"][2]["resource"] = {**patient(2), "link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]}
    assert judge(lonely) == []
    assert kinds(judge({"resourceType": "Bundle", "type": "document", **HEAD}))[-1] == "bundle-first"


def test_messages_hold_their_focus() -> None:
    header = {
        "resourceType": "MessageHeader",
        "id": "m",
        "text": TEXT,
        "eventUri": "urn:x:y",
        "source": {"endpoint": "https://yhdessa.example/"},
        "focus": [{"reference": "Patient/1"}],
    }
    assert judge(bundle("message", entry(header), entry(patient()))) == []
    assert kinds(judge(bundle("message", entry(header)))) == ["bundle-incomplete"]


def chained(count: int) -> dict[str, Any]:
    """Patients of which each refers to another."""
    rows = []
    for number in range(count):
        other = {"reference": f"Patient/{number * 7 % count}"}
        rows.append(
            entry({"resourceType": "Patient", "id": str(number), "link": [{"other": other, "type": "seealso"}]})
        )
    return bundle("collection", *rows)


def lasting(validator: Validator, resource: dict[str, Any]) -> float:
    start = time.process_time()
    validator.validate(resource)
    return time.process_time() - start


@pytest.mark.slow
def test_the_cost_is_linear_in_the_references(validator: Validator) -> None:
    small, large = chained(1000), chained(10_000)
    lasting(validator, small)
    ratios = [lasting(validator, large) / lasting(validator, small) for _ in range(3)]
    assert min(ratios) <= 12
