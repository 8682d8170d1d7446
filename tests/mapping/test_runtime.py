"""What goes wrong while a map runs is an issue with the map place and the source pointer, never a traceback."""

from typing import Any

import pytest

from service.fhir.definitions import core
from service.mapping import Compiled, Shapes, compile_maps, counted_uuids, parse_map

HEAD = """
uses "http://hl7.org/fhir/StructureDefinition/Patient" alias Patient as source
uses "http://hl7.org/fhir/StructureDefinition/Patient" alias Target as target
conceptmap "#cm" {
  prefix s = "urn:s"
  prefix t = "urn:t"
  s:a == t:b
  s:two == t:one
  s:two == t:other
}
group Main(source src : Patient, target tgt : Target) {
"""
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "x",
    "language": "two",
    "gender": "zz",
    "birthDate": "2020",
    "name": [{"family": "A"}, {"family": "B", "given": ["c", "d"]}],
}


def compiled(text: str) -> Compiled:
    found, issues = parse_map(text, "m.map")
    assert found is not None, [one.text() for one in issues]
    made, issues = compile_maps([found], [Shapes(core().structure)])
    assert made is not None, [(one.where, one.text()) for one in issues]
    return made


@pytest.mark.parametrize(
    ("rule", "key", "pointer"),
    [
        ("src.name as n check (given.exists()) -> tgt.name = n;", "fml.check", "/name/0"),
        ("src.name only_one as n -> tgt.name = n;", "fml.cardinality", "/name"),
        ("src.name 0..1 as n -> tgt.name = n;", "fml.cardinality", "/name"),
        ("src.contact 1..* as n -> tgt.contact = n;", "fml.cardinality", "/contact"),
        ("src.id as i -> tgt.multipleBirth = cast(i, 'integer');", "fml.cast", "/id"),
        ("src.birthDate as b -> tgt.birthDate = toDate(b, 'dd.MM.yyyy');", "fml.date", "/birthDate"),
        ("src.language as l -> tgt.language = translate(l, '#cm', 'code');", "fml.translate-several", "/language"),
        ("src.name as n -> tgt.gender = (n.given);", "fml.several-values", "/name/1"),
        ("src.id as i -> tgt.deceased = create('dateTime') as d, d.value = dateOp();", "fml.no-clock", "/id"),
        ("src.name as n -> tgt.text as t, t.id = reference(n);", "fml.no-resource", "/name/0"),
        ("src.name as n -> tgt.gender = (n.family.toInteger() + '1'.toInteger() + n.given);", "fml.fhirpath-run", None),
    ],
)
def test_failures_say_where(rule: str, key: str, pointer: str | None) -> None:
    result = compiled(f"{HEAD}  {rule}\n}}\n").run(PATIENT)
    assert result.target is None
    (found,) = result.issues
    assert found.key == key
    assert found.where is not None and found.where.startswith("m.map:12:")
    assert found.pointer == pointer


def test_a_code_without_a_row_is_a_warning_and_left_out() -> None:
    made = compiled(HEAD + "  src.gender as g -> tgt.gender = translate(g, '#cm', 'code');\n}\n")
    result = made.run(PATIENT)
    assert result.target == {"resourceType": "Patient"}
    assert [(one.key, one.severity, one.pointer) for one in result.issues] == [
        ("fml.untranslated", "warning", "/gender")
    ]


def test_log_keeps_the_map_place() -> None:
    made = compiled(HEAD + "  src.name as n log ('family ' + family) -> tgt.name = n;\n}\n")
    assert made.run(PATIENT).log == (("m.map:12:22", "family A"), ("m.map:12:22", "family B"))


@pytest.mark.parametrize("source", [None, 1, "x", [], [1], {"name": "x"}, {"name": {"given": 3}}, {"name": [[1]]}])
def test_a_source_of_another_shape_gives_an_issue_or_less(source: Any) -> None:
    made = compiled(HEAD + "  src.name as n -> tgt.name as m then { n.given as g -> m.given = g; };\n}\n")
    result = made.run(source)
    assert result.target is None or result.target["resourceType"] == "Patient"
    assert all(one.key == "fml.shape" and one.where for one in result.issues)


def test_endless_recursion_ends() -> None:
    made = compiled("group A(source s, target t) {\n  s then A(s, t);\n}\n")
    assert [one.key for one in made.run({}).issues] == ["fml.too-deep-run"]


def test_ids_come_from_the_factory_also_when_there_is_something_to_say() -> None:
    text = "  src -> tgt.id = uuid() \"id\";\n  src.gender as g -> tgt.gender = translate(g, '#cm', 'code');\n}\n"
    made = compiled(HEAD + text)
    assert made.run(PATIENT, uuid=counted_uuids("a")).target == {
        "resourceType": "Patient",
        "id": counted_uuids("a")(),
    }
    assert made.run(PATIENT).target == made.run(PATIENT).target


def test_groups_are_run_by_name_and_variables_reach_fhirpath() -> None:
    made = compiled(
        "group A(source s, target t) {\n}\ngroup B(source s, source more, target t) {\n"
        '  s -> t.x = (%given) "x";\n  more.y as y -> t.y = y;\n}\n'
    )
    assert made.run({}, group="B", variables={"given": 7, "more": {"y": 8}}).target == {"x": 7, "y": 8}
    assert [one.key for one in made.run({}, group="C").issues] == ["fml.unknown-group"]


def test_trace_explains_and_finds_what_nothing_used() -> None:
    made = compiled(
        HEAD + "  src.name as n where (given.exists()) -> tgt.name as m then {\n"
        '    n.family as f -> m.family = f "family";\n    n -> m.text = (given.first()) "text";\n'
        '    n -> m.period as p, p.start = (n.given.last()) "period";\n  } "name";\n}\n'
    )
    result, trace = made.run_traced(PATIENT)
    assert result.target["name"] == [{"family": "B", "period": {"start": "d"}}]
    (step,) = trace.explain("/name/0/family")
    assert (step.where, step.rule, step.group, step.sources) == ("m.map:13:22", "family", "Main", ("/name/1/family",))
    assert trace.explain("/name/0/period/start")[0].sources == ("/name/1", "/name/1/given/0", "/name/1/given/1")
    assert trace.explain("/name/0/period/start/x") == trace.explain("/name/0/period/start")
    assert trace.unused(PATIENT) == ["/resourceType", "/id", "/language", "/gender", "/birthDate", "/name/0/family"]


def test_first_shifts_the_pointers_of_the_trace() -> None:
    made = compiled(
        HEAD + "  src.name as n -> tgt.name as m, m.text = 'plain' \"plain\";\n"
        "  src.id as i -> tgt.name as m first, m.text = 'front' \"front\";\n}\n"
    )
    result, trace = made.run_traced(PATIENT)
    assert [one["text"] for one in result.target["name"]] == ["front", "plain", "plain"]
    assert [one.rule for one in trace.explain("/name/0/text")] == ["front"]
    assert [one.sources for one in trace.explain("/name/2/text")] == [("/name/1",)]
