"""Any JSON as a StructureMap: a map that compiles and runs, or issues with places."""

from random import Random

from service.fhir import json
from service.mapping import parse_map
from service.mapping.structuremap import to_resource
from service.mapping.structuremap_read import from_resource
from tests.fuzz.fml import ran
from tests.fuzz.fml import seeds as texts
from tests.fuzz.kit import told
from tests.fuzz.mutation import json_mutant


def seeds() -> list[bytes]:
    maps = [parse_map(text.decode(), "x.map")[0] for text in texts()]
    return [json.encode(to_resource(one)) for one in maps if one is not None]


def mutate(data: bytes, rng: Random) -> bytes:
    return json_mutant(data, rng)


def once(data: bytes) -> None:
    try:
        resource = json.parse(data)
    except json.JsonError:
        return
    if isinstance(resource, dict):
        found, issues = from_resource(resource)
        assert found is not None or issues
        assert all(one.where for one in issues)
        told(issues)
        if found is not None:
            ran(found)


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("structuremap")
