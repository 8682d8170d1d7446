"""Any text as a map: read, compiled, run, and written as a StructureMap; or issues with places."""

import functools
from random import Random
from typing import Any

from service import assets
from service.fhir.definitions import core
from service.mapping import Compiled, Map, Shapes, compile_maps, parse_map
from service.mapping.render import render
from service.mapping.structuremap import to_resource
from service.mapping.structuremap_read import from_resource
from tests.fuzz.kit import told
from tests.fuzz.mutation import text_mutant
from tests.mapping.test_cases import CASES
from tests.mapping.test_robust import WORDS

SOURCES: tuple[Any, ...] = (
    {"a": [1, {"b": "x"}], "name": [{"family": "F", "given": ["A", "B"]}], "date": "2026-01-01", "deep": {"er": {}}},
    {"resourceType": "Patient", "id": "p", "name": [{"family": "F", "_family": {"id": "x"}}], "active": True},
    [],
    None,
)


@functools.cache
def shapes() -> Shapes:
    return Shapes(core().structure)


def seeds() -> list[bytes]:
    files = [*CASES.glob("*/*.map"), *assets.mappings().glob("*/*.map")]
    return [data for file in sorted(files) if len(data := file.read_bytes()) < 20_000]


def mutate(data: bytes, rng: Random) -> bytes:
    return text_mutant(data, rng, WORDS)


def once(data: bytes) -> None:
    found, issues = parse_map(data.decode("utf-8", "surrogateescape"), "x.map")
    assert found is not None or issues
    assert all(one.where for one in issues)
    told(issues)
    if found is not None:
        ran(found)
        again(found)


def ran(found: Map) -> None:
    """The map compiled with and without types, and run on a few sources."""
    for models in ([shapes()], []):
        compiled, issues = compile_maps([found], models)
        assert compiled is not None or issues
        told(issues)
        if compiled is not None:
            run(compiled)


def run(compiled: Compiled) -> None:
    targets = any(one.mode == "target" for one in compiled.maps[0].groups[0].inputs)
    for source in SOURCES:
        result = compiled.run(source)
        assert result.target is not None or result.issues or not targets
        told(list(result.issues))
    compiled.run_traced(SOURCES[0])


def again(found: Map) -> None:
    """As text and as a resource the map is still a map."""
    other, issues = parse_map(render(found), "x.map")
    assert other is not None, [one.text() for one in issues]
    back, issues = from_resource(to_resource(found), "x.map")
    assert back is not None or issues
    told(issues)


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("fml")
