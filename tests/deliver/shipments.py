"""Shipments made of the examples, as the worker makes them, and the tools it brings."""

import copy
import functools
import json
from datetime import UTC, datetime
from typing import Any

from service import pipeline
from service.deliver.receivers.base import Json, Shipment, Tools
from service.policy import Basis, Recipient
from service.policy import withdrawal as taken_back
from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"
CREATED = datetime(2026, 11, 21, 22, 30, 5, 123456, tzinfo=UTC)
RECIPIENT = Recipient("2.999.13.30.7", "early-education", "paivakoti-vanamo")
BASIS = Basis("suostumus", "Consent/1", "703/2023 6 §", "Lapsen arki", ("measures-everyday-environment",))
ABC = "aika-shared-plan-measures-abc"
TWINS = "tiimi-case-twins-services-and-responsible-pair"
PROTECTED = "tiimi-shared-plan-non-disclosure"


@functools.cache
def _converted(name: str, style: str) -> Json:
    document = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    made = pipeline.convert(document, key=b"a key for tests only", activity_style=style)
    assert made.bundle is not None
    return made.bundle


def collection(name: str = ABC, style: str = "detail") -> Json:
    """An example as a collection Bundle, its plan first."""
    resources = [copy.deepcopy(entry["resource"]) for entry in _converted(name, style)["entry"]]
    resources.sort(key=lambda one: one["resourceType"] != "CarePlan")
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def shipment(name: str = ABC, *, style: str = "detail", **changes: Any) -> Shipment:
    """A shipment of an example's plan; `changes` are fields of it."""
    bundle = changes.pop("bundle", None) or collection(name, style)
    plan = bundle["entry"][0]["resource"]
    fields: dict[str, Any] = {
        "row": 7,
        "payload": "shared-plan",
        "reference": f"CarePlan/{plan['id']}",
        "version": 2,
        "family": "family",
        "created": CREATED,
        "recipient": RECIPIENT,
        "bundle": bundle,
        "language": plan.get("language", "fi"),
        "bases": (BASIS,),
    }
    return Shipment(**fields | changes)


def withdrawal(name: str = ABC) -> Shipment:
    """What takes back a plan, as the policy makes it."""
    case = collection(name)
    sent = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in case["entry"]]
    bundle = taken_back(case, sent)
    return shipment(bundle=bundle, payload="withdrawal", bases=())


def pdf(bundle: Json, language: str) -> bytes:
    """A PDF's stand-in: it differs when the plan does."""
    return f"%PDF-1.7 {language} {bundle['entry'][0]['resource'].get('title', '')}".encode()


TOOLS = Tools(pdf=pdf)
