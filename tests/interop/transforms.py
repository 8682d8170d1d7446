"""What both engines transform: every example there and back in both activity styles, and the cases of the language."""

import datetime
import itertools
import json as plain
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from service.fhir import json
from service.fhir.definitions import core
from service.intake.keyed import keyed
from service.mapping import Map, Shapes, compile_maps, counted_uuids, parse_map
from service.mapping.bundle import assembled
from service.mapping.catalogue import Variant
from service.pipeline import Converter, digest
from tests.interop.reference import Case, Loaded
from tests.shared import ROOT

KEY = b"yhdessa-test-key-for-synthetic-data-only"
STYLES = ("detail", "reference")
ROOT_URL = "https://yhdessa.example/fhir/StructureMap/"
NOW = datetime.datetime(2021, 4, 1, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=3)))
# What an integrator loads: docs/portability.md says so.
RESOURCES = ("schemas/fhir/logical", "schemas/fhir/codesystems", "mappings/base/concepts")
MAPS = "mappings/base"


def base() -> Loaded:
    """Our maps with what they need, as the files are."""
    return Loaded(
        tuple(file.read_text("utf-8") for file in sorted((ROOT / MAPS).glob("*.map"))),
        tuple(file.read_text("utf-8") for name in RESOURCES for file in sorted((ROOT / name).glob("*.json"))),
    )


def examples() -> Iterator[Case]:
    """Every example as a Bundle, and that Bundle back as a document."""
    converter = Converter.load(key=KEY)
    for file, style in itertools.product(sorted((ROOT / "schemas/source/examples").glob("*.json")), STYLES):
        document = json.parse(file.read_bytes())
        variant = converter.catalogue.choose(document, None)
        assert isinstance(variant, Variant)
        kind = document["kind"]
        processing = {
            "activityStyle": style,
            "sourceHash": digest(document),
            "mappingSet": variant.name,
            "mappingHash": variant.hash,
        }
        source = keyed(document, KEY, processing=processing, schema=converter.schemas.of(variant.overlays))
        made = variant.compiled.run(source, group=variant.entry[kind]).target
        bundle, _, _ = assembled(made)
        name = f"{file.stem} {style}"
        yield Case(f"out: {name}", "base", f"{ROOT_URL}yhdessa-document-{kind}", _text(source), bundle)
        back = variant.compiled.run(bundle, group=variant.inbound[kind]).target
        yield Case(f"back: {name}", "base", f"{ROOT_URL}yhdessa-inbound-document-{kind}", _text(bundle), back)


def own_cases() -> Iterator[tuple[str, Loaded, Case]]:
    """The cases of our mapping tests."""
    for folder in sorted((ROOT / "tests/mapping/cases").iterdir()):
        files = [folder / "map.map", *sorted(folder.glob("map_*.map"))]
        models = _list(folder / "models.json")
        concepts = _list(folder / "concepts.json")
        yield _case(f"case: {folder.name}", files, folder / "in.json", models, concepts)


def official_cases(folder: Path) -> Iterator[tuple[str, Loaded, Case]]:
    """The official cases with JSON output, and two maps that come with them without a recorded output."""
    rows = [(str(one.get("source")), str(one.get("map"))) for one in ET.parse(folder / "manifest.xml").getroot()]
    rows += [("qrext.json", "cast.map"), ("qrext.json", "qr2patfordates.map")]
    for source, name in dict.fromkeys(rows):
        if name.endswith(".map") and (folder / name).exists():
            yield _case(f"official: {name}", [folder / name], folder / source)


def _case(
    name: str, files: Sequence[Path], source: Path, models: Sequence[Any] = (), concepts: Sequence[Any] = ()
) -> tuple[str, Loaded, Case]:
    texts = tuple(file.read_text("utf-8") for file in files)
    maps = [_map(text, file.name) for text, file in zip(texts, files, strict=True)]
    given = json.parse(source.read_bytes())
    compiled, issues = compile_maps(maps, [Shapes(core().structure, models)], concepts)
    target, refused = None, [one.text() for one in issues]
    if compiled is not None:
        result = compiled.run(given, uuid=counted_uuids("test"), now=NOW)
        target, refused = result.target, [one.text() for one in result.issues]
    loaded = Loaded(texts, tuple(map(plain.dumps, (*models, *concepts))))
    return name, loaded, Case(name, name, maps[0].url, _text(given), target, "; ".join(refused))


def _map(text: str, name: str) -> Map:
    found, issues = parse_map(text, name)
    if found is None:
        raise SystemExit(f"{name}: {issues[0].text()}")
    return found


def _list(file: Path) -> list[Any]:
    found: list[Any] = plain.loads(file.read_text("utf-8")) if file.exists() else []
    return found


def _text(value: Any) -> str:
    return json.encode(value).decode()
