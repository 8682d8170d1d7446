"""A map as text, as a StructureMap resource, and back: nothing is lost on the way."""

from pathlib import Path

import pytest

from service import assets
from service.fhir.definitions import core
from service.fhir.json import encode, parse
from service.mapping import Map, Shapes, compile_maps, counted_uuids, parse_map
from service.mapping.render import render
from service.mapping.structuremap import to_resource
from service.mapping.structuremap_read import from_resource
from tests.mapping.test_cases import CASES, NOW

OURS = [*sorted(CASES.glob("*/*.map")), *sorted(assets.mappings().glob("*/*.map"))]


def read(file: Path) -> Map:
    found, issues = parse_map(file.read_text("utf-8"), file.name)
    assert found is not None, [one.text() for one in issues]
    return found


@pytest.mark.parametrize("file", OURS, ids=lambda one: f"{one.parent.name}/{one.name}")
def test_text_and_resource_round_trip(file: Path) -> None:
    found = read(file)
    assert read_text(render(found)) == found
    resource = parse(encode(to_resource(found)))
    assert resource["resourceType"] == "StructureMap"
    back, issues = from_resource(resource)
    assert back == found, [one.text() for one in issues]
    assert parse(encode(to_resource(back))) == resource


def read_text(text: str) -> Map | None:
    return parse_map(text, "rendered.map")[0]


@pytest.mark.parametrize("name", ["target-share", "transforms-evaluate", "translate-embedded", "groups-dependent"])
def test_the_engine_runs_the_resource(name: str) -> None:
    resource = to_resource(read(CASES / name / "map.map"))
    found, _ = from_resource(parse(encode(resource)))
    assert found is not None
    compiled, issues = compile_maps([found], [Shapes(core().structure)])
    assert compiled is not None, [one.text() for one in issues]
    result = compiled.run(parse((CASES / name / "in.json").read_bytes()), uuid=counted_uuids("test"), now=NOW)
    assert result.target == parse((CASES / name / "out.json").read_bytes())


def test_simple_rules_look_as_other_engines_write_them() -> None:
    found = read_text('map "urn:x" = "X"\ngroup A(source s, target t) {\n  s.a -> t.b;\n}\n')
    assert found is not None
    (rule,) = to_resource(found)["group"][0]["rule"]
    assert rule["source"] == [{"context": "s", "element": "a", "variable": "vvv"}]
    assert rule["target"] == [
        {"context": "t", "contextType": "variable", "element": "b", "variable": "vvv", "transform": "create"}
    ]


def test_what_is_no_structuremap_is_refused() -> None:
    for resource in ({}, {"resourceType": "StructureMap"}):
        found, issues = from_resource(resource)
        assert found is None
        assert [one.key for one in issues] == ["fml.no-structuremap"]


def test_what_is_out_of_shape_is_told_with_its_place() -> None:
    group = {"name": "A", "input": [{"name": "s", "mode": "source"}], "rule": [{"source": [{"context": 1}]}]}
    found, issues = from_resource({"resourceType": "StructureMap", "group": [group]}, "x")
    assert found is None
    assert [(one.key, one.where) for one in issues] == [
        ("fml.structuremap-shape", "x#/group/0/rule/0/source/0/context")
    ]


def test_hostile_names_stay_text() -> None:
    resource = {
        "resourceType": "StructureMap",
        "url": 'urn:"x"',
        "name": "a\nb",
        "group": [
            {
                "name": "A; group B",
                "input": [{"name": "s", "mode": "source"}, {"name": "t", "mode": "target"}],
                "rule": [
                    {
                        "name": 'r"',
                        "source": [{"context": "s", "element": "a b", "variable": "v"}],
                        "target": [
                            {
                                "context": "t",
                                "element": "x'); import os; ('",
                                "transform": "copy",
                                "parameter": [{"valueString": "'''\"\\\n"}],
                            }
                        ],
                    }
                ],
            }
        ],
    }
    found, issues = from_resource(resource)
    assert found is not None, [one.text() for one in issues]
    compiled, issues = compile_maps([found])
    assert compiled is not None, [one.text() for one in issues]
    assert compiled.run({"a b": 1}).target == {"x'); import os; ('": "'''\"\\\n"}
