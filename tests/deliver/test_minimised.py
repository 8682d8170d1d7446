"""Every example, for every recipient that may get it, in every form: made of the minimised copy alone, and guarded."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from service.clock import HELSINKI
from service.deliver.receivers import make
from service.deliver.receivers.base import Auth, Json, ReceiverSettings
from service.deliver.settings import read
from service.pipeline import Converter
from service.policy import Permitted, Policy, Recipient, may, withdrawal
from tests.deliver.shipments import EXAMPLES, TOOLS, collection, shipment
from tests.shared import ROOT

NOW = datetime(2025, 10, 10, 12, tzinfo=HELSINKI)
POLICY = Policy.load()
DROP = read(ROOT / "receivers" / "early-education-sftp.toml")
DOCUMENT = ReceiverSettings("neuvola", "1.2.3", "health", "fhir_document", "https://receiver.example", Auth())
FORMS = {
    "drop": DROP,
    "document": DOCUMENT,
    "reference": replace(DOCUMENT, options={"form": "reference"}),
    "inline": replace(DOCUMENT, options={"form": "reference", "attachment": "inline"}),
}


def _recipients(case: Json) -> Iterator[Recipient]:
    for one in (entry["resource"] for entry in case["entry"]):
        if one["resourceType"] == "Organization":
            oids = [row["value"].removeprefix("urn:oid:") for row in one["identifier"] if "urn:oid:" in row["value"]]
            sector = one.get("type", [{"coding": [{"code": "other"}]}])[0]["coding"][0]["code"]
            if oids:
                yield Recipient(oids[0], sector, "receiver")


def _permitted() -> Iterator[Any]:
    for file in sorted(EXAMPLES.glob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        if "plan" not in document and not document.get("plans"):
            continue
        case = collection(file.stem)
        consents = [entry["resource"] for entry in case["entry"] if entry["resource"]["resourceType"] == "Consent"]
        for recipient in _recipients(case):
            found = may(recipient, case, consents, NOW, policy=POLICY)
            if isinstance(found, Permitted):
                yield pytest.param(found, recipient, id=f"{file.stem}-{recipient.sector}")


CASES = list(_permitted())


def test_there_are_cases() -> None:
    assert {case.values[1].sector for case in CASES} >= {"health", "early-education"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("found", "recipient"), CASES)
def test_nothing_leaves_that_must_not(found: Permitted, recipient: Recipient, form: str) -> None:
    what = shipment(bundle=found.bundle, recipient=recipient, bases=found.bases, protected=found.guard.protected)
    parts = make(FORMS[form]).parts(what, TOOLS)
    assert parts
    for part in parts:
        assert found.guard.check(part.name.encode()) == []
        if part.content_type != "application/pdf":
            assert found.guard.check(part.body) == [], part.name
            assert all(found.guard.check(data) == [] for data in _packed(json.loads(part.body)))


@pytest.mark.parametrize("form", ["document", "reference", "inline"])
@pytest.mark.parametrize(("found", "recipient"), CASES)
def test_what_leaves_is_valid(found: Permitted, recipient: Recipient, form: str, converter: Converter) -> None:
    sent = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in found.bundle["entry"]]
    for payload, bundle in (("shared-plan", found.bundle), ("withdrawal", withdrawal(found.bundle, sent))):
        what = shipment(bundle=bundle, recipient=recipient, payload=payload)
        (part,) = make(FORMS[form]).parts(what, TOOLS)
        issues = converter.validator.validate(json.loads(part.body))
        assert [one.text() for one in issues if one.is_error] == []


@pytest.mark.parametrize("form", ["document", "reference"])
@pytest.mark.parametrize(("found", "recipient"), CASES)
def test_references_inside_resolve(found: Permitted, recipient: Recipient, form: str) -> None:
    what = shipment(bundle=found.bundle, recipient=recipient)
    made = json.loads(make(FORMS[form]).parts(what, TOOLS)[0].body)
    held = {f"{one['resource']['resourceType']}/{one['resource'].get('id')}" for one in made["entry"]}
    assert set(_references(made)) <= held


def _packed(node: Any) -> Iterator[bytes]:
    """What is packed in base64 somewhere inside."""
    if isinstance(node, list):
        for one in node:
            yield from _packed(one)
    elif isinstance(node, dict):
        if isinstance(node.get("data"), str):
            yield base64.b64decode(node["data"])
        for one in node.values():
            yield from _packed(one)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for one in node.values():
            yield from _references(one)
