"""FHIRPath: time per evaluation of typical R4 invariants, and the ratio to fhirpathpy where that is installed.

Bar: a typical invariant takes at most 5 µs. Run alone with `python -m bench.fhirpath`.
"""

import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from service.fhir.definitions import core
from service.fhir.json import parse
from service.fhir.path import Env, compile_test

BAR = 5.0
# What fhirpathpy does not have, or prints to standard output each time.
THEY_LACK = ("hasValue(", "trace(")

PATIENT_CONTACT = {"name": {"family": "Virtanen"}, "telecom": [{"system": "phone", "value": "0401234567"}]}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "valueQuantity": {"value": 185, "unit": "lb"},
    "component": [
        {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueString": "a"},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueString": "b"},
    ],
}
PLAN = {
    "resourceType": "CarePlan",
    "contained": [{"resourceType": "Goal", "id": "g", "description": {"text": "Sleep"}}],
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/1"},
    "goal": [{"reference": "#g"}],
}
# The place of each invariant in the definitions, and a value to try it on.
CASES: tuple[tuple[str, str, Any], ...] = (
    ("Period", "per-1", {"start": "2026-01-01", "end": "2026-06-30"}),
    ("Period", "per-1", {"start": "2026-01-01T10:00:00+02:00", "end": "2026-01-01T11:00:00+02:00"}),
    ("Extension", "ext-1", {"url": "http://example.org/x", "valueString": "a"}),
    ("Quantity", "qty-3", {"value": 1, "code": "mg", "system": "http://unitsofmeasure.org"}),
    ("ContactPoint", "cpt-2", {"system": "phone", "value": "0401234567"}),
    ("Reference", "ref-1", {"reference": "Patient/1"}),
    ("Patient.contact", "pat-1", PATIENT_CONTACT),
    ("CarePlan.activity", "cpl-3", {"detail": {"status": "in-progress"}}),
    ("Appointment", "app-3", {"resourceType": "Appointment", "status": "booked", "start": "a", "end": "b"}),
    ("Appointment.participant", "app-1", {"actor": {"reference": "Patient/1"}, "status": "accepted"}),
    ("Observation", "obs-6", OBSERVATION),
    ("Observation", "obs-7", OBSERVATION),
    ("CarePlan", "dom-2", PLAN),
    ("CarePlan", "dom-4", PLAN),
    ("CarePlan", "dom-3", PLAN),
)


def expression(type_name: str, key: str) -> str:
    """The text of the invariant `key` on the element `type_name`."""
    structure = core().structure(type_name.partition(".")[0])
    if structure is None:
        raise KeyError(type_name)
    for element in structure["snapshot"]["element"]:
        for one in element.get("constraint", ()):
            if element["path"] == type_name and one["key"] == key:
                return str(one["expression"])
    raise KeyError(f"{type_name} {key}")


def microseconds(run: Callable[[], object], rounds: int = 7) -> float:
    """The time of one call, the best of several rounds: others use the machine as well."""
    start = time.perf_counter()
    run()
    count = max(5, min(20_000, int(0.02 / max(time.perf_counter() - start, 1e-7))))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(count):
            run()
        times.append((time.perf_counter() - start) / count)
    return min(times) * 1e6


def other_engine() -> Callable[[str, Any, str], Callable[[], object]] | None:
    """How fhirpathpy evaluates a compiled expression, `None` where it is not installed."""
    try:
        fhirpathpy = importlib.import_module("fhirpathpy")
        model = importlib.import_module("fhirpathpy.models").models["r4"]
    except ImportError:
        return None

    def prepare(text: str, value: Any, type_name: str) -> Callable[[], object]:
        evaluate = fhirpathpy.compile(text, model)
        return lambda: evaluate(value, {"resource": value})

    return prepare


def main() -> int:
    """Print the table; 1 where the bar is missed."""
    model, other = core().model, other_engine()
    print(f"{'invariant':28}{'µs':>8}{'fhirpathpy µs':>15}{'ratio':>8}")
    own: list[float] = []
    for type_name, key, value in CASES:
        text, focus = expression(type_name, key), parse(json.dumps(value))
        test, env = compile_test(text, model=model, context=type_name), Env(resource=focus)
        assert test(focus, env) is True, (type_name, key)
        ours = microseconds(lambda test=test, focus=focus, env=env: test(focus, env))
        own.append(ours)
        theirs = _theirs(other, text, focus, type_name)
        shown = f"{theirs:15.1f}{theirs / ours:8.1f}" if theirs else f"{'–':>15}{'–':>8}"
        print(f"{type_name + ' ' + key:28}{ours:8.2f}{shown}")
    middle = statistics.median(own)
    print(f"\nmedian {middle:.2f} µs (bar: {BAR} µs)" + ("" if other else "; fhirpathpy is not installed: no ratio"))
    return int(middle > BAR)


def _theirs(other: Any, text: str, focus: Any, type_name: str) -> float | None:
    if other is None or any(name in text for name in THEY_LACK):
        return None
    return microseconds(other(text, focus, type_name), 3)


if __name__ == "__main__":
    raise SystemExit(main())
