"""Validation: milliseconds for a CarePlan with 10 activities and a case Bundle of 15 resources.

Bars: 1 ms for the CarePlan, 2 ms for the Bundle, with profiles. `fhir.resources` (R4B models) checks structure only; it
is measured where it is installed. Run with `python -m bench.validation`.
"""

import importlib
import json
import time
from collections.abc import Callable
from typing import Any

from service.fhir.definitions import core
from service.validation import Validator

BARS = {"CarePlan": 1.0, "Bundle": 2.0}
PLAN_PROFILE = "https://yhdessa.example/fhir/StructureDefinition/bench-plan"
PATIENT_PROFILE = "https://yhdessa.example/fhir/StructureDefinition/bench-patient"
LOCAL = "https://yhdessa.example/fhir/CodeSystem/bench"


def _profile(url: str, type_name: str, elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": type_name + "Bench",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": type_name,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "derivation": "constraint",
        "differential": {"element": elements},
    }


PROFILES = [
    _profile(
        PLAN_PROFILE,
        "CarePlan",
        [
            {"id": "CarePlan.identifier", "path": "CarePlan.identifier", "min": 1},
            {"id": "CarePlan.title", "path": "CarePlan.title", "min": 1},
            {"id": "CarePlan.intent", "path": "CarePlan.intent", "fixedCode": "plan"},
            {
                "id": "CarePlan.category",
                "path": "CarePlan.category",
                "slicing": {"discriminator": [{"type": "pattern", "path": "$this"}], "rules": "open"},
                "min": 1,
            },
            {
                "id": "CarePlan.category:shared",
                "path": "CarePlan.category",
                "sliceName": "shared",
                "min": 1,
                "max": "1",
                "patternCodeableConcept": {"coding": [{"system": LOCAL, "code": "shared-plan"}]},
            },
            {"id": "CarePlan.activity.reference", "path": "CarePlan.activity.reference", "max": "0"},
            {"id": "CarePlan.activity.detail.code", "path": "CarePlan.activity.detail.code", "min": 1},
            {"id": "CarePlan.activity.detail.description", "path": "CarePlan.activity.detail.description", "min": 1},
        ],
    ),
    _profile(
        PATIENT_PROFILE,
        "Patient",
        [
            {
                "id": "Patient.identifier",
                "path": "Patient.identifier",
                "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"},
            },
            {"id": "Patient.identifier:hetu", "path": "Patient.identifier", "sliceName": "hetu", "max": "1"},
            {
                "id": "Patient.identifier:hetu.system",
                "path": "Patient.identifier.system",
                "min": 1,
                "fixedUri": "urn:oid:1.2.246.21",
            },
            {"id": "Patient.name", "path": "Patient.name", "min": 1},
        ],
    ),
]


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _reference(type_name: str, number: int) -> dict[str, Any]:
    return {"reference": f"{type_name}/{_uuid(number)}", "display": "Joku"}


def _concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": LOCAL, "code": code, "display": code}], "text": code}


def _narrative() -> dict[str, Any]:
    return {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Yhteinen suunnitelma</p></div>'}


def care_plan(activities: int = 10) -> dict[str, Any]:
    """A shared plan with that many activities."""
    detail = {
        "kind": "ServiceRequest",
        "code": _concept("activity"),
        "goal": [_reference("Goal", 10)],
        "status": "in-progress",
        "doNotPerform": False,
        "scheduledPeriod": {"start": "2026-01-01", "end": "2026-02-01"},
        "performer": [_reference("Practitioner", 2), _reference("RelatedPerson", 3)],
        "description": "Iltarutiini kotona",
    }
    activity = {"detail": detail, "progress": [{"time": "2026-01-02T10:00:00+02:00", "text": "Hyvin menee"}]}
    return {
        "resourceType": "CarePlan",
        "id": _uuid(1),
        "meta": {"profile": [PLAN_PROFILE]},
        "text": _narrative(),
        "identifier": [{"system": "urn:oid:1.2.3", "value": "plan-1"}],
        "status": "active",
        "intent": "plan",
        "category": [_concept("shared-plan")],
        "title": "Yhteinen suunnitelma",
        "subject": _reference("Patient", 4),
        "period": {"start": "2026-01-01", "end": "2026-06-01"},
        "created": "2026-01-01",
        "author": _reference("Practitioner", 2),
        "contributor": [_reference("RelatedPerson", 3)],
        "careTeam": [_reference("CareTeam", 5)],
        "goal": [_reference("Goal", 10)],
        "activity": [activity] * activities,
        "note": [{"text": "Seuraava tapaaminen helmikuussa"}],
    }


def _person(type_name: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": type_name,
        "id": _uuid(number),
        "text": _narrative(),
        "name": [{"use": "official", "family": "Meikäläinen", "given": ["Maija", "Kaisa"]}],
        "telecom": [{"system": "phone", "value": "0401234567", "use": "mobile"}],
        **more,
    }


def bundle() -> dict[str, Any]:
    """A case: the plan and all that it stands on, as a transaction of 15 resources."""
    child = _person("Patient", 4, gender="female", birthDate="2021-05-06", meta={"profile": [PATIENT_PROFILE]})
    child["identifier"] = [{"system": "urn:oid:1.2.246.21", "value": "060521A900X"}]
    child["managingOrganization"] = _reference("Organization", 6)
    goal = {
        "resourceType": "Goal",
        "text": _narrative(),
        "lifecycleStatus": "active",
        "description": _concept("sleep"),
        "subject": _reference("Patient", 4),
        "expressedBy": _reference("RelatedPerson", 3),
    }
    team = {
        "resourceType": "CareTeam",
        "id": _uuid(5),
        "text": _narrative(),
        "status": "active",
        "subject": _reference("Patient", 4),
        "participant": [{"role": [_concept("near-worker")], "member": _reference("Practitioner", 2)}] * 4,
    }
    meeting = {
        "resourceType": "Appointment",
        "id": _uuid(7),
        "text": _narrative(),
        "status": "fulfilled",
        "start": "2026-01-01T10:00:00+02:00",
        "end": "2026-01-01T11:00:00+02:00",
        "participant": [{"actor": _reference("Patient", 4), "status": "accepted"}] * 4,
    }
    organization = {"resourceType": "Organization", "id": _uuid(6), "text": _narrative(), "name": "Neuvola"}
    relation = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}
    resources = [
        care_plan(),
        child,
        _person("RelatedPerson", 3, patient=_reference("Patient", 4), relationship=[relation]),
        *(_person("Practitioner", number) for number in (2, 8, 9)),
        *({**goal, "id": _uuid(number)} for number in (10, 11, 12, 13, 14)),
        team,
        meeting,
        organization,
        {**organization, "id": _uuid(15)},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(one) for one in resources]}


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    name = f"{resource['resourceType']}/{resource['id']}"
    full_url = f"https://yhdessa.example/fhir/{name}"
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": name}}


def milliseconds(work: Callable[[], Any], seconds: float = 0.5) -> float:
    """The best time of one call."""
    work()
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best * 1000


def _others() -> list[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """The validators that are installed beside ours."""
    found: list[tuple[str, Callable[[dict[str, Any]], Any]]] = []
    for name in ("careplan", "bundle"):
        try:
            module = importlib.import_module(f"fhir.resources.R4B.{name}")
        except ImportError:
            continue
        model = getattr(module, {"careplan": "CarePlan", "bundle": "Bundle"}[name])
        found.append((f"fhir.resources {model.__name__}", model.model_validate))
    return found


def _compiled(validator: Validator, resource: dict[str, Any]) -> float:
    start = time.perf_counter()
    validator.validate(resource)
    return (time.perf_counter() - start) * 1000


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    validator = Validator(core().with_resources(PROFILES))
    cases = {"CarePlan": care_plan(), "Bundle": bundle()}
    others = _others()
    missed = False
    print(f"{'':24}{'ms':>10}{'bar':>8}{'ratio':>8}")
    for name, resource in cases.items():
        first = _compiled(validator, resource)
        errors = [found for found in validator.validate(resource) if found.severity != "information"]
        if errors:
            raise SystemExit(f"the benchmark's own {name} is not valid: {errors[0].text()}")
        ours = milliseconds(lambda resource=resource: validator.validate(resource))
        missed |= ours > BARS[name]
        print(f"{'ours, ' + name:24}{ours:10.3f}{BARS[name]:8.1f}{1:8.1f}   (first time, compiling: {first:.0f} ms)")
        plain = json.loads(json.dumps(resource))
        for label, check in others:
            if label.endswith(name):
                theirs = milliseconds(lambda check=check, plain=plain: check(plain))
                print(f"{label:24}{theirs:10.3f}{'':8}{theirs / ours:8.1f}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
