"""Definitions: the shipped core, layers over it, the type model, and the script that builds the core."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.fhir.definitions import Definitions, core, ours
from service.fhir.pack import MARK, PackError, memory, open_pack, pack, unpack
from service.fhir.packages import read_package
from service.fhir.trim import trim
from tests.shared import ROOT, shared

PACK = ROOT / "schemas" / "fhir" / "definitions" / "r4.pack"
SYSTEM_TYPE = {
    "Patient": "resource",
    "HumanName": "complex-type",
    "code": "primitive-type",
    "Extension": "complex-type",
}


def test_every_type_of_r4_has_a_snapshot_without_prose() -> None:
    types = core().types()
    assert len([kind for kind in types.values() if kind == "resource"]) == 148
    assert SYSTEM_TYPE.items() <= types.items()
    for name in types:
        structure = core().structure(name)
        assert structure is not None
        assert structure["type"] == name
        for element in structure["snapshot"]["element"]:
            assert not {"definition", "short", "comment", "requirements", "mapping"} & set(element)


def test_what_the_validator_needs_is_kept() -> None:
    patient = core().structure("Patient")
    assert patient is not None
    elements = {one["id"]: one for one in patient["snapshot"]["element"]}
    assert elements["Patient.gender"]["binding"] == {
        "strength": "required",
        "valueSet": "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1",
    }
    assert {"key", "severity", "human", "expression"} <= set(elements["Patient.contact"]["constraint"][-1])
    assert elements["Patient.active"]["isModifier"] is True
    observation = core().structure("Observation")
    assert observation is not None
    assert any("contentReference" in one for one in observation["snapshot"]["element"])


@pytest.mark.parametrize(
    ("canonical", "found"),
    [
        ("Patient", True),
        ("http://hl7.org/fhir/StructureDefinition/Patient", True),
        ("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1", True),
        ("http://hl7.org/fhir/StructureDefinition/Patient|4.0", True),
        ("http://hl7.org/fhir/StructureDefinition/Patient|5.0.0", False),
        ("http://hl7.org/fhir/StructureDefinition/Nobody", False),
        ("http://hl7.org/fhirpath/System.String", False),
        ("", False),
    ],
)
def test_structure_by_name_and_canonical(canonical: str, found: bool) -> None:
    assert (core().structure(canonical) is not None) is found


def test_terminology_of_core_answers_to_the_version_of_fhir() -> None:
    assert core().value_set("http://terminology.hl7.org/ValueSet/v3-NullFlavor|4.0.1") is not None
    assert core().value_set("http://terminology.hl7.org/ValueSet/v3-NullFlavor|3.0.0") is None


def test_bindings_refer_to_value_sets_that_are_there() -> None:
    structures = [core().structure(row.url) for row in core().rows("StructureDefinition")]
    bindings = [
        element.get("binding", {}) for one in structures if one is not None for element in one["snapshot"]["element"]
    ]
    wanted = {one.get("valueSet") for one in bindings if one.get("strength") in ("required", "preferred")}
    assert len(wanted) > 200
    # The core package itself does not have this one.
    missing = {one for one in wanted if one and core().value_set(one) is None}
    assert missing == {"http://loinc.org/vs/LL379-9|4.0.1"}


def test_search_parameters() -> None:
    patient = core().search_parameters("Patient")
    assert {"_id", "_lastUpdated", "_text", "identifier", "name", "birthdate", "general-practitioner"} <= set(patient)
    assert patient["birthdate"]["expression"].count("Patient.birthDate") == 1
    assert "_text" not in core().search_parameters("Bundle")
    assert core().search_parameters("Observation")["code-value-concept"]["component"][0]["expression"] == "code"
    assert dict(core().search_parameters("HumanName")) == {}


def test_type_model() -> None:
    model = core().model
    assert model.child("Patient", "deceased") == (("deceasedBoolean", "boolean"), ("deceasedDateTime", "dateTime"))
    assert model.child("Patient", "deceasedBoolean") is None
    assert model.child("Patient", "contact") == (("contact", "Patient.contact"),)
    assert model.child("Patient.contact", "name") == (("name", "HumanName"),)
    assert model.child("ValueSet.expansion.contains", "contains") == (("contains", "ValueSet.expansion.contains"),)
    assert model.child("Questionnaire.item", "item") == (("item", "Questionnaire.item"),)
    assert model.child("Observation.component", "referenceRange") == (("referenceRange", "Observation.referenceRange"),)
    assert model.child("Bundle.entry", "resource") == (("resource", "Resource"),)
    assert model.child("Patient", "id") == (("id", "id"),)
    assert model.child("Element", "id") == (("id", "string"),)
    assert model.child("Extension", "url") == (("url", "uri"),)
    assert model.elements("string") == ("id", "extension")
    assert model.elements("Nobody") == ()
    assert [model.base(one) for one in ("Patient", "code", "Age", "Patient.contact", "Timing.repeat")] == [
        "DomainResource",
        "string",
        "Quantity",
        "BackboneElement",
        "Element",
    ]
    assert [model.base(one) for one in ("Element", "Resource", "Nobody")] == [None, None, None]
    assert [model.kind(one) for one in ("Patient", "Patient.contact", "Age", "id", "Patient.nobody", "Nobody")] == [
        "resource",
        "complex-type",
        "complex-type",
        "primitive-type",
        None,
        None,
    ]
    assert model.is_a("Patient", "Resource")
    assert not model.is_a("Patient", "Element")


def _profile(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Test",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
    } | changes


def test_later_layers_win_and_versions_are_found() -> None:
    url = "https://example.org/a"
    old = memory([_profile(url, version="1.0.0", name="Old")], {"name": "old"})
    new = memory([_profile(url, version="2.0.0-rc2", name="New")], {"name": "new"})
    both = core().with_packages([old, new])
    names = {tail: both.structure(url + tail) for tail in ("", "|1.0.0", "|1.0", "|2.0.0-rc2", "|2.0.0")}
    assert {tail: one and one["name"] for tail, one in names.items()} == {
        "": "New",
        "|1.0.0": "Old",
        "|1.0": "Old",
        "|2.0.0-rc2": "New",
        "|2.0.0": None,
    }
    assert core().structure(url) is None


def test_a_layer_rests_on_those_under_it() -> None:
    base, own = "https://example.org/base", "https://example.org/own"
    strict = {"differential": {"element": [{"path": "Patient.birthDate", "min": 1}]}}
    layers = [
        memory([_profile(base, version="2.0.0", **strict)], {"name": "a"}),
        memory([_profile(own, baseDefinition=base)], {"name": "b"}),
        memory([_profile(base, version="1.0.0", differential={"element": [{"path": "Patient"}]})], {"name": "a"}),
    ]
    known = core().with_packages(layers)
    births = {}
    for url in (own, base, base + "|2.0.0"):
        structure = known.structure(url)
        assert structure is not None
        births[url] = {one["id"]: one["min"] for one in structure["snapshot"]["element"]}["Patient.birthDate"]
    assert births == {own: 1, base: 0, base + "|2.0.0": 1}


def test_a_profile_on_itself_or_on_nothing_is_told() -> None:
    itself = "https://example.org/itself"
    lost = "https://example.org/lost"
    known = core().with_resources(
        [_profile(itself, baseDefinition=itself), _profile(lost, baseDefinition="https://example.org/nowhere")]
    )
    assert known.structure(itself) is None
    assert known.structure(lost) is None
    assert [one.key for one in known.snapshot_issues[lost]] == ["definitions.base-unknown"]
    assert "https://example.org/nowhere" in known.snapshot_issues[lost][0].text("fi")


def test_our_own_definitions_lie_over_core() -> None:
    assert ours().layers[0] is core().layers[0]
    assert ours().structure("Patient") is not None


def test_our_own_profiles_have_sound_snapshots() -> None:
    own = [row for row in ours().rows("StructureDefinition") if "yhdessa" in row.url]
    assert own
    for row in own:
        structure = ours().structure(row.url)
        assert structure is not None, row.url
        assert structure["snapshot"]["element"][0]["path"] == structure["type"].rpartition("/")[2]
        assert [one.text() for one in ours().snapshot_issues.get(row.url, ())] == []


def test_pack_gives_back_what_it_was_given_in_any_order() -> None:
    resources = [trim(_profile(f"https://example.org/{number}")) for number in range(50)]
    packed = pack(resources, {"name": "test"})
    assert packed == pack(reversed(resources), {"name": "test"})
    opened = unpack(packed)
    assert sorted((opened.load(row) for row in opened.rows), key=str) == sorted(resources, key=str)
    assert opened.meta == {"name": "test"}


@pytest.mark.parametrize("damage", [b"", b"YFP0", MARK, MARK + b"\0\0\0\4nope", pack([], {})[:-1]])
def test_a_damaged_pack_is_refused(damage: bytes) -> None:
    with pytest.raises(PackError):
        unpack(damage)


def test_a_pack_damaged_inside_is_refused_when_read() -> None:
    packed = bytearray(pack([_profile("https://example.org/a")], {}))
    packed[-20] ^= 0xFF
    opened = unpack(bytes(packed))
    with pytest.raises(PackError):
        opened.load(opened.rows[0])


def test_the_script_builds_what_is_shipped(tmp_path: Path) -> None:
    package = shared("fhir-packages", "hl7.fhir.r4.core.tgz")
    script = ROOT / "schemas" / "tools" / "build_definitions.py"
    built = tmp_path / "r4.pack"
    subprocess.run([sys.executable, str(script), str(package), str(built)], check=True, capture_output=True)
    fresh, shipped = open_pack(built), open_pack(PACK)
    # Compared unpacked: another build of zlib may squeeze the same resources into other bytes.
    assert fresh.meta == shipped.meta
    assert list(fresh.rows) == list(shipped.rows)
    assert all(fresh.load(one) == shipped.load(one) for one in fresh.rows)


@pytest.mark.parametrize("name", ["hl7.fhir.fi.base", "hl7.fhir.fi.scheduling"])
def test_the_finnish_packs_are_those_of_the_packages(name: str) -> None:
    fresh = read_package(shared("fhir-packages", f"{name}-2.0.0-rc2.tgz"))
    shipped = open_pack(PACK.parent / f"{name}.pack")
    assert sorted(map(str, (shipped.load(one) for one in shipped.rows))) == sorted(
        map(str, (fresh.load(one) for one in fresh.rows))
    )


def test_definitions_need_no_core() -> None:
    alone = Definitions([memory([_profile("https://example.org/a")], {})])
    assert alone.structure("https://example.org/a") is None
    assert dict(alone.types()) == {}
