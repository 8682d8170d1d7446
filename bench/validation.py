"""Validation: processor milliseconds for a CarePlan with 10 activities, a Bundle of 12 resources and a full case.

Bars: 0.6 ms for the CarePlan, 1.2 ms for the case, with profiles; 1000 ms to compile all definitions that these use.
Other validators are measured beside ours where they are there: `fhir.resources` and `fhirkit-rs` (structure only) if
installed, npm's `fhir` and `@medplum/core` from the `node_modules` in the folder that the environment variable
`BENCH_NODE` names, the Java validator where Maven can run it. Run with `python -m bench.validation`.
"""

import functools
import importlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service import assets
from service.fhir.definitions import ours
from service.fhir.json import encode, parse
from service.pipeline import OURS
from service.validation import Validator, narrative

BARS = {"CarePlan, 10 activities": 0.6, "Bundle of 12": None, "case Bundle": 1.2}
COMPILED = 1000.0
CASE = Path("yhdessa-aika") / "cases" / "case-without-client-relationship" / "out.json"
PLAN = Path("yhdessa-aika") / "cases" / "shared-plan-version-2" / "out.json"
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
    """The plan and what it stands on, as a transaction of 12 resources."""
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
        *({**goal, "id": _uuid(number)} for number in (10, 11)),
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


def milliseconds(work: Callable[[], Any], seconds: float = 1.0) -> float:
    """The best processor time of one call."""
    work()
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.process_time_ns()
        work()
        best = min(best, (time.process_time_ns() - start) / 1e6)
    return best


def outputs() -> dict[str, dict[str, Any]]:
    """What is measured: a plan of ours with 10 activities, the Bundle of 12, a whole case of ours."""
    resources = [one["resource"] for one in parse((assets.mappings() / PLAN).read_bytes())["entry"]]
    plan = next(one for one in resources if one["resourceType"] == "CarePlan")
    given = [_unnamed(one) for one in plan["activity"]]
    plan["activity"] = [given[number % len(given)] for number in range(10)]
    case = parse((assets.mappings() / CASE).read_bytes())
    return dict(zip(BARS, (plan, bundle(), case), strict=True))


def _unnamed(value: Any) -> Any:
    """`value` without the ids of its elements, which must not stand twice."""
    if isinstance(value, dict):
        return {key: _unnamed(one) for key, one in value.items() if key != "id"}
    return [_unnamed(one) for one in value] if isinstance(value, list) else value


def judged(validator: Validator, resource: dict[str, Any]) -> float:
    """Our time; no narrative is remembered from one turn to the next, for no two resources have the same."""

    def work() -> None:
        narrative.problems.cache_clear()
        validator.validate(resource, options=OURS)

    return milliseconds(work)


def in_python(cases: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, float] | None]]:
    """The other Python validators."""
    plain = {name: encode(one) for name, one in cases.items()}
    try:
        find = importlib.import_module("fhir.resources.R4B").get_fhir_model_class
        times = {}
        for name, text in plain.items():
            resource = json.loads(text)
            model = find(resource["resourceType"])
            times[name] = milliseconds(functools.partial(model.model_validate, resource))
        yield "fhir.resources (structure)", times
    except ImportError:
        yield "fhir.resources (structure)", None
    try:
        check = importlib.import_module("fhirkit").validate
        texts = {name: text.decode() for name, text in plain.items()}
        yield (
            "fhirkit-rs (structure)",
            {name: milliseconds(functools.partial(check, text)) for name, text in texts.items()},
        )
    except ImportError:
        yield "fhirkit-rs (structure)", None


_TURNS = """
const cases = JSON.parse(require("fs").readFileSync(process.argv[2])), found = {};
for (const [name, one] of Object.entries(cases)) {
  let best = Infinity;
  const until = performance.now() + 1500;
  while (performance.now() < until) {
    const start = process.cpuUsage();
    for (let i = 0; i < 5; i++) { try { check(one); } catch (error) { if (!error.outcome) throw error; } }
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / 5000);
  }
  found[name] = best;
}
console.log(JSON.stringify(found));
"""
_NODE = {
    "npm fhir": 'const { Fhir } = require("fhir"); const f = new Fhir(); const check = one => f.validate(one);',
    "@medplum/core": (
        'const m = require("@medplum/core"); const sds = JSON.parse(require("fs").readFileSync(process.argv[3]));'
        "m.indexStructureDefinitionBundle(sds); const check = one => m.validateResource(one);"
    ),
}


def in_node(cases: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, float] | None]]:
    """The validators of npm, in the folder that BENCH_NODE names."""
    folder = os.environ.get("BENCH_NODE")
    node = shutil.which("node")
    for name, begin in _NODE.items():
        if not folder or not node or not (Path(folder) / "node_modules" / name.removeprefix("npm ")).is_dir():
            yield name, None
            continue
        with tempfile.TemporaryDirectory() as scratch:
            given, types = Path(scratch) / "cases.json", Path(scratch) / "types.json"
            given.write_bytes(encode(cases))
            types.write_bytes(encode(_types()))
            script = Path(folder) / "bench-validation.cjs"
            script.write_text(begin + _TURNS)
            done = subprocess.run([node, script, given, types], capture_output=True, check=False, cwd=folder)
            script.unlink()
        yield name, json.loads(done.stdout) if done.returncode == 0 else None


def _types() -> list[dict[str, Any]]:
    """R4's own StructureDefinitions."""
    definitions = ours()
    return [one for name in definitions.types() if (one := definitions.structure(name)) is not None]


def in_java(cases: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, float] | None]]:
    """The Java validator, warm, with our definitions."""
    timings = None
    if os.environ.get("BENCH_JAVA"):
        timings = importlib.import_module("tests.interop.validator").hapi_timings(cases)
    yield "HAPI (warm; set BENCH_JAVA=1)", timings


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    cases = outputs()
    start = time.process_time_ns()
    validator = Validator(ours().with_resources(PROFILES))
    wrong = {
        name: [one for one in validator.validate(given, options=OURS) if one.is_error] for name, given in cases.items()
    }
    compiled = (time.process_time_ns() - start) / 1e6
    for name, errors in wrong.items():
        if errors:
            raise SystemExit(f"the benchmark's own {name} is not valid: {errors[0].text()}")
    times = {name: judged(validator, given) for name, given in cases.items()}
    print(f"{'processor ms (x ours)':32}" + "".join(f"{name:>26}" for name in cases))
    print(f"{'ours, with all profiles':32}" + "".join(f"{times[name]:>26.3f}" for name in cases))
    for name, theirs in (*in_python(cases), *in_node(cases), *in_java(cases)):
        shown = (f"{theirs[one]:.3f} ({theirs[one] / times[one]:.1f} x)" for one in cases) if theirs else ("absent",)
        print(f"{name:32}" + "".join(f"{one:>26}" for one in shown))
    print(f"{'bar':32}" + "".join(f"{bar or '-':>26}" for bar in BARS.values()))
    print(f"\ndefinitions loaded and compiled: {compiled:.0f} ms (bar {COMPILED:.0f}); load {os.getloadavg()[0]:.1f}")
    return int(compiled > COMPILED or any(bar is not None and times[name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    raise SystemExit(main())
