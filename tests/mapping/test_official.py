"""The official mapping-language cases with JSON output, and the maps that must at least parse."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from service.fhir.definitions import core
from service.fhir.json import parse
from service.mapping import Shapes, compile_maps, parse_map
from tests.shared import shared


def _cases() -> list[tuple[str, str, str]]:
    return [
        ("qr.json", "qr2pat-assignment.map", "qr2pat-assignment-res.json"),
        ("qr.json", "qr2pat-gender.map", "qr2pat-gender-res.json"),
        ("qr.json", "qr2pat-humannametwice.map", "qr2pat-humannametwice-res.json"),
        ("qr.json", "qr2pat-humannameshared.map", "qr2pat-humannameshared-res.json"),
        ("qr.json", "qr2reference.map", "qr2reference-res.json"),
        ("qr.json", "qr2pat-gender-conformstoqr.map", "qr2pat-gender-res.json"),
    ]


def _run(source: Path, map_: Path) -> object:
    found, issues = parse_map(map_.read_text("utf-8"), map_.name)
    assert found is not None, issues
    compiled, issues = compile_maps([found], [Shapes(core().structure)])
    assert compiled is not None, [one.text() for one in issues]
    result = compiled.run(parse(source.read_bytes()))
    assert not result.issues, [one.text() for one in result.issues]
    return result.target


@pytest.mark.parametrize(("source", "map_", "output"), _cases(), ids=lambda one: one)
def test_official_case(source: str, map_: str, output: str) -> None:
    folder = shared("suites", "fml")
    assert _run(folder / source, folder / map_) == parse((folder / output).read_bytes())


def test_every_json_case_of_the_manifest_is_here() -> None:
    folder = shared("suites", "fml")
    rows = [
        (one.get("source"), one.get("map"), one.get("output"))
        for one in ET.parse(folder / "manifest.xml").getroot()
        if str(one.get("output")).endswith(".json") and (folder / str(one.get("map"))).exists()
    ]
    assert sorted(rows) == sorted(_cases())


def test_all_maps_parse() -> None:
    files = sorted(shared("suites", "fml").glob("*.map"))
    assert len(files) >= 12
    for file in files:
        found, issues = parse_map(file.read_text("utf-8"), file.name)
        assert found is not None and not issues, file.name


def test_typed_extension_values_and_dates() -> None:
    folder = shared("suites", "fml")
    assert _run(folder / "qrext.json", folder / "cast.map") == {
        "resourceType": "Observation",
        "extension": [
            {"url": "urn:implicitstring", "valueString": "implicit"},
            {"url": "urn:explicitstring", "valueString": "explicit"},
            {"url": "urn:positiveInt", "valuePositiveInt": 2147483647},
            {"url": "urn:positiveIntString", "valuePositiveInt": 2147483647},
        ],
    }
    assert _run(folder / "qrext.json", folder / "qr2patfordates.map") == {
        "resourceType": "Patient",
        "birthDate": "2023-10-26",
        "deceasedDateTime": "2023-09-20T13:19:13.502Z",
    }
