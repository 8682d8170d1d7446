"""A region of its own is a folder of files; a bad file is refused with its place, and the last good set stays."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from service.fhir import json
from service.pipeline import Converter, MappingError
from tests.shared import ROOT

KEY = b"yhdessa-test-key-for-synthetic-data-only"
REGION = ROOT / "tests" / "variants"
PLAN = ROOT / "schemas" / "source" / "examples" / "aika-shared-plan-measures-abc.json"
CROSSING = "https://saaristo.example/fhir/StructureDefinition/crossing"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(REGION, tmp_path / "regions")
    return tmp_path / "regions"


def plan_of_the_islands() -> dict[str, Any]:
    plan: dict[str, Any] = json.parse(PLAN.read_bytes())
    plan["source"]["organisation"] = "2.999.99.1"
    plan["plan"]["measures"][0]["crossing"] = "M/S Eivor"
    plan["plan"]["followUp"]["workerContactsFamily"]["method"] = "visit"
    return plan


def of_type(bundle: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == name]


def test_a_folder_adds_a_field_renames_a_code_and_replaces_a_group(folder: Path) -> None:
    converter = Converter.load(key=KEY, variants=[folder])
    assert set(converter.catalogue.variants) == {"base", "yhdessa-aika", "yhdessa-tiimi", "saaristo"}
    converted = converter.convert(plan_of_the_islands())
    assert converted.bundle is not None, [one.text() for one in converted.issues]
    (care_plan,) = of_type(converted.bundle, "CarePlan")
    first = care_plan["activity"][0]["extension"]
    assert {"url": CROSSING, "valueString": "M/S Eivor"} in first
    assert any(one["url"].endswith("/environment") for one in first), "the group it extends still runs"
    assert "Käynti saarella" in json.encode(care_plan).decode()
    addresses = [one for patient in of_type(converted.bundle, "Patient") for one in patient.get("address", ())]
    assert {one["type"] for one in addresses} == {"physical"}
    (provenance,) = of_type(converted.bundle, "Provenance")
    assert '"mappingSet","valueString":"saaristo"' in json.encode(provenance).decode()


def test_other_documents_are_mapped_as_before(folder: Path) -> None:
    document = json.parse(PLAN.read_bytes())
    with_region = Converter.load(key=KEY, variants=[folder]).convert(document)
    without = Converter.load(key=KEY).convert(document)
    assert json.encode(with_region.bundle) == json.encode(without.bundle)


def test_the_extra_field_is_unknown_elsewhere(folder: Path) -> None:
    converter = Converter.load(key=KEY, variants=[folder])
    document = plan_of_the_islands() | {"source": json.parse(PLAN.read_bytes())["source"]}
    found = converter.convert(document)
    assert found.bundle is None
    assert [one.pointer for one in found.issues if one.is_error] == ["/plan/measures/0/crossing"]


def test_a_bad_map_is_refused_with_its_place_and_the_last_good_set_stays(folder: Path) -> None:
    converter = Converter.load(key=KEY, variants=[folder])
    file = folder / "saaristo" / "saaristo.map"
    good = file.read_text("utf-8")
    file.write_text(good.replace("measure.crossing as text", "measure.crosing as text"), "utf-8")
    again, issues = converter.reloaded()
    line = next(number for number, row in enumerate(good.splitlines(), 1) if "measure.crossing" in row)
    assert [(one.where or "").rsplit(":", 1)[0] for one in issues] == [f"saaristo/saaristo.map:{line}"]
    assert "crossing" in issues[0].text(), "a hint names the field that was meant"
    assert again.convert(plan_of_the_islands()).bundle == converter.convert(plan_of_the_islands()).bundle
    with pytest.raises(MappingError) as refused:
        Converter.load(key=KEY, variants=[folder])
    assert refused.value.issues == issues
    file.write_text(good.replace("'physical'", "'postal'"), "utf-8")
    changed, issues = again.reloaded()
    assert issues == []
    assert changed.convert(plan_of_the_islands()).bundle != converter.convert(plan_of_the_islands()).bundle


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("variant.toml", "name = ", "variant.toml"),
        ("variant.toml", 'name = "saaristo"\nextends = "nowhere"\n[title]\nfi="a"\nsv="b"\nen="c"', "nowhere"),
        ("source.schema.json", '{"$defs": {"measure": {"allOf": [{"properties": {"x": {"type": 7}}}]}}}', "saaristo"),
        ("concepts/contact-method.json", "{", "contact-method.json:1"),
    ],
)
def test_every_file_of_a_variant_is_checked(folder: Path, file: str, text: str, part: str) -> None:
    (folder / "saaristo" / file).write_text(text, "utf-8")
    with pytest.raises(MappingError) as refused:
        Converter.load(key=KEY, variants=[folder])
    assert part in " ".join(f"{one.where} {one.text()}" for one in refused.value.issues)


def test_an_unknown_variant_is_named_with_those_there_are() -> None:
    found = Converter.load(key=KEY).convert(json.parse(PLAN.read_bytes()), variant="lappi")
    assert found.bundle is None
    assert "yhdessa-aika" in found.issues[0].text()


def test_every_field_of_the_documents_is_mapped_or_dropped_with_a_reason(folder: Path) -> None:
    from service.cli.coverage import missing

    converter = Converter.load(key=KEY, variants=[folder])
    for variant in converter.catalogue.variants.values():
        assert missing(variant, converter.schemas.of(variant.overlays)) == [], variant.name
        assert all(reason.strip() for reason in variant.dropped.values())


def test_a_forgotten_field_is_noticed(folder: Path) -> None:
    from service.cli.coverage import missing

    file = folder / "saaristo" / "saaristo.map"
    file.write_text(file.read_text("utf-8").replace("measure.crossing as text", "measure.where as text"), "utf-8")
    converter = Converter.load(key=KEY, variants=[folder])
    variant = converter.catalogue.variants["saaristo"]
    assert missing(variant, converter.schemas.of(variant.overlays)) == ["YhdessaMeasure.crossing"]
