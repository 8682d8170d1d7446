"""Maps: an FML map compiled by us against Python written by hand for the same output, and against jsonata-python.

Bar: at most 3 × the hand-written Python. Run alone with `python -m bench.fml`; `python -m bench.fml SOURCE MAP…` times
any maps on any JSON source (the first group of the first map), without a comparison.
"""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.fhir.definitions import core
from service.fhir.json import parse
from service.mapping import Compiled, Shapes, compile_maps, parse_map

BAR = 3.0
MAP = """
map "http://example.org/fml/bench" = "bench"
conceptmap "#status" {
  prefix s = "urn:s"
  prefix t = "http://hl7.org/fhir/care-plan-activity-status"
  s:planned == t:"not-started"
  s:done == t:completed
}
uses "http://example.org/sd/BenchPlan" alias Plan as source
uses "http://hl7.org/fhir/StructureDefinition/CarePlan" alias CarePlan as target

group Plan(source src : Plan, target tgt : CarePlan) {
  src -> tgt.status = 'active', tgt.intent = 'plan' "fixed";
  src.id as id -> tgt.identifier as i, i.system = 'urn:plans', i.value = id "id";
  src.title as title -> tgt.title = title "title";
  src.child as child -> tgt.subject as ref, ref.reference = append('Patient/', child) "child";
  src.start as start -> tgt.period as p, p.start = start "start";
  src.needs as need -> tgt.goal as goal, goal.display = need "need";
  src.measures as measure -> tgt.activity as a, a.detail as detail then Measure(measure, detail) "measure";
  src.notes as note -> tgt.note as n then { note.text as t -> n.text = t; note.at as w -> n.time = w; } "note";
}

group Measure(source measure, target detail) {
  measure.text as text -> detail.description = text "text";
  measure.status as status -> detail.status = translate(status, '#status', 'code') "status";
  measure where (where = 'home') -> detail.location as l, l.display = 'Home' "home";
  measure where (where = 'elsewhere') -> detail.location as l then { measure.place as p -> l.display = p; } "elsewhere";
  measure.who as who -> detail.performer as ref, ref.reference = append('Practitioner/', who) "who";
  measure.code as code -> detail.code = cc('urn:measures', code) "code";
}
"""
_ROWS = (
    "id:string title:string child:string start:date needs:string* measures:BackboneElement* measures.text:string "
    "measures.status:code measures.where:code measures.place:string measures.who:string* measures.code:code "
    "notes:BackboneElement* notes.text:string notes.at:dateTime"
)
SOURCE: dict[str, Any] = {
    "id": "p1",
    "title": "Plan",
    "child": "c1",
    "start": "2026-01-01",
    "needs": ["sleep", "daily rhythm", "friends"],
    "measures": [
        {
            "text": f"measure {number}",
            "status": ("planned", "done")[number % 2],
            "where": ("home", "elsewhere")[number % 2],
            "place": "library",
            "who": ["w1", "w2"],
            "code": f"m{number}",
        }
        for number in range(10)
    ],
    "notes": [{"text": "first", "at": "2026-01-02T10:00:00+02:00"}, {"text": "second"}],
}
STATUS = {"planned": "not-started", "done": "completed"}


def model() -> dict[str, Any]:
    """The logical model of the source."""
    rows = [row.partition(":") for row in _ROWS.split()]
    elements = [
        {
            "id": f"BenchPlan.{path}",
            "path": f"BenchPlan.{path}",
            "max": "*" if type_.endswith("*") else "1",
            "type": [{"code": type_.rstrip("*")}],
        }
        for path, _, type_ in rows
    ]
    url = "http://example.org/sd/BenchPlan"
    root: list[dict[str, Any]] = [{"id": "BenchPlan", "path": "BenchPlan"}]
    about = {"url": url, "name": "BenchPlan", "type": url, "kind": "logical"}
    return about | {"snapshot": {"element": root + elements}}


def by_hand(plan: dict[str, Any]) -> dict[str, Any]:
    """What a programmer would write for the same output."""
    made: dict[str, Any] = {"resourceType": "CarePlan", "status": "active", "intent": "plan"}
    if plan.get("id") is not None:
        made["identifier"] = [{"system": "urn:plans", "value": plan["id"]}]
    if plan.get("title") is not None:
        made["title"] = plan["title"]
    if plan.get("child") is not None:
        made["subject"] = {"reference": f"Patient/{plan['child']}"}
    if plan.get("start") is not None:
        made["period"] = {"start": plan["start"]}
    if plan.get("needs"):
        made["goal"] = [{"display": need} for need in plan["needs"]]
    activities = [{"detail": detail} for measure in plan.get("measures", ()) if (detail := _detail(measure))]
    if activities:
        made["activity"] = activities
    notes = []
    for note in plan.get("notes", ()):
        row = {}
        if note.get("text") is not None:
            row["text"] = note["text"]
        if note.get("at") is not None:
            row["time"] = note["at"]
        if row:
            notes.append(row)
    if notes:
        made["note"] = notes
    return made


def _detail(measure: dict[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if measure.get("text") is not None:
        detail["description"] = measure["text"]
    if measure.get("status") in STATUS:
        detail["status"] = STATUS[measure["status"]]
    if measure.get("where") == "home":
        detail["location"] = {"display": "Home"}
    elif measure.get("where") == "elsewhere" and measure.get("place") is not None:
        detail["location"] = {"display": measure["place"]}
    if measure.get("who"):
        detail["performer"] = [{"reference": f"Practitioner/{who}"} for who in measure["who"]]
    if measure.get("code") is not None:
        detail["code"] = {"coding": [{"system": "urn:measures", "code": measure["code"]}]}
    return detail


JSONATA = """{"resourceType": "CarePlan", "status": "active", "intent": "plan",
 "identifier": [{"system": "urn:plans", "value": id}], "title": title, "subject": {"reference": "Patient/" & child},
 "period": {"start": start}, "goal": needs.{"display": $},
 "activity": measures.{"detail": {"description": text,
   "status": $lookup({"planned": "not-started", "done": "completed"}, status),
   "location": {"display": where = "home" ? "Home" : place}, "performer": [who.{"reference": "Practitioner/" & $}],
   "code": {"coding": [{"system": "urn:measures", "code": code}]}}},
 "note": notes.{"text": text, "time": at}}"""


def best(function: Callable[[], object], seconds: float = 1.0) -> float:
    """The best time of one call in microseconds, over about `seconds`."""
    function()
    found = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(20):
            function()
        found = min(found, (time.perf_counter() - start) / 20)
    return found * 1e6


def compiled(texts: list[tuple[str, str]], models: list[dict[str, Any]]) -> Compiled:
    """The compiled maps; every issue is printed."""
    maps = []
    for name, text in texts:
        found, issues = parse_map(text, name)
        for one in issues:
            print(one.where, one.text())
        maps += [found] if found else []
    made, issues = compile_maps(maps, [Shapes(core().structure, models)])
    for one in issues:
        print(one.where, one.text())
    if made is None:
        sys.exit(1)
    return made


def main() -> int:
    """Print the table; 1 where the bar is missed."""
    maps = compiled([("bench.map", MAP)], [model()])
    expected = by_hand(SOURCE)
    assert maps.run(SOURCE).target == expected
    hand = best(lambda: by_hand(SOURCE))
    ours = best(lambda: maps.run(SOURCE))
    print(f"{'plan with 10 measures':28}{'µs':>9}{'ratio':>8}")
    print(f"{'hand-written Python':28}{hand:9.1f}{1.0:8.2f}")
    print(f"{'our FML, compiled':28}{ours:9.1f}{ours / hand:8.2f}   bar {BAR}")
    _jsonata(expected, hand)
    return int(ours / hand > BAR)


def _jsonata(expected: dict[str, Any], hand: float) -> None:
    try:
        jsonata = importlib.import_module("jsonata")
    except ImportError:
        print("jsonata-python is not installed: left out")
        return
    expression = jsonata.Jsonata(JSONATA)
    assert expression.evaluate(SOURCE) == expected
    theirs = best(lambda: expression.evaluate(SOURCE))
    print(f"{'jsonata-python':28}{theirs:9.1f}{theirs / hand:8.2f}")


def _given(source: Path, files: list[Path]) -> int:
    maps = compiled([(file.name, file.read_text("utf-8")) for file in files], [])
    document = parse(source.read_bytes())
    for one in maps.run(document).issues:
        print(one.where, one.pointer, one.text())
    print(f"{best(lambda: maps.run(document)):.1f} µs")
    return 0


if __name__ == "__main__":
    arguments = [Path(one) for one in sys.argv[1:]]
    sys.exit(_given(arguments[0], arguments[1:]) if arguments else main())
