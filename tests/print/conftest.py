"""The examples as Bundles in both activity styles, and a day in Helsinki on which they are printed."""

import copy
import functools
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service import pipeline
from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"
NOW = datetime(2025, 9, 20, 15, 30, tzinfo=ZoneInfo("Europe/Helsinki"))
STYLES = ("detail", "reference")


def plans(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The shared plans in a source document."""
    return [document["plan"]] if "plan" in document else document.get("plans", [])


@functools.cache
def source(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    return loaded


WITH_PLANS = sorted(one.stem for one in EXAMPLES.glob("*.json") if plans(source(one.stem)))
# One id for every plan of every example.
PLANS = [(name, plan["id"]) for name in WITH_PLANS for plan in plans(source(name))]


@functools.cache
def bundle(name: str, style: str = "reference") -> dict[str, Any]:
    """The Bundle of an example, as the pipeline makes it."""
    made = pipeline.convert(source(name), key=b"a key for tests only", activity_style=style)
    assert made.bundle is not None, [one.text() for one in made.issues]
    return made.bundle


def care_plan(resources: dict[str, Any], plan_id: str) -> dict[str, Any]:
    """The CarePlan that was made of a source plan."""
    for entry in resources["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "CarePlan" and resource["identifier"][0]["value"] == plan_id:
            found: dict[str, Any] = resource
            return found
    raise AssertionError(plan_id)


@pytest.fixture
def twins() -> dict[str, Any]:
    """A Bundle that a test may change."""
    return copy.deepcopy(bundle("tiimi-case-twins-services-and-responsible-pair"))
