"""One folder a case: `map.map` (with `map_*.map` beside it) turns `in.json` into `out.json`."""

import datetime
import json
from pathlib import Path

import pytest

from service.fhir.definitions import core
from service.fhir.json import encode, parse
from service.mapping import Compiled, Shapes, compile_maps, counted_uuids, parse_map

CASES = Path(__file__).parent / "cases"
NOW = datetime.datetime(2021, 4, 1, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=3)))


def compiled(folder: Path) -> Compiled:
    maps = []
    for file in (folder / "map.map", *sorted(folder.glob("map_*.map"))):
        found, issues = parse_map(file.read_text("utf-8"), file.name)
        assert found is not None, [one.text() for one in issues]
        maps.append(found)
    models = json.loads((folder / "models.json").read_text()) if (folder / "models.json").exists() else []
    concepts = json.loads((folder / "concepts.json").read_text()) if (folder / "concepts.json").exists() else []
    made, issues = compile_maps(maps, [Shapes(core().structure, models)], concepts)
    assert made is not None, [(one.where, one.text()) for one in issues]
    assert not issues, [(one.where, one.text()) for one in issues]
    return made


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda one: one.name)
def test_case(folder: Path) -> None:
    made = compiled(folder)
    source = parse((folder / "in.json").read_bytes())
    before = encode(source)
    result = made.run(source, uuid=counted_uuids("test"), now=NOW)
    assert not result.issues, [(one.where, one.pointer, one.text()) for one in result.issues]
    assert encode(source) == before, "the source was changed"
    if (folder / "out.json").exists():
        assert result.target == parse((folder / "out.json").read_bytes())
    traced, trace = made.run_traced(source, uuid=counted_uuids("test"), now=NOW)
    assert encode(traced.target) == encode(result.target), "the traced form gives something else"
    assert trace.entries
