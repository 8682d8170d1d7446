"""Packages: what is read of them, what is refused, and the cache beside them."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from service.fhir import archives, json
from service.fhir.archives import ArchiveError, files_of
from service.fhir.definitions import core
from service.fhir.packages import (
    CACHE,
    PackageError,
    add_package,
    list_packages,
    load_packages,
    read_folder,
    read_package,
    show_package,
)
from tests.shared import shared

PROFILE = {
    "resourceType": "StructureDefinition",
    "url": "https://example.org/fhir/StructureDefinition/tight-patient",
    "version": "1.0.0",
    "name": "TightPatient",
    "status": "active",
    "description": "prose",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"path": "Patient.birthDate", "min": 1, "comment": "prose"}]},
}
MANIFEST: dict[str, Any] = {
    "name": "test.tight",
    "version": "1.0.0",
    "fhirVersions": ["4.0.1"],
    "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
}
EXAMPLE = {"resourceType": "Patient", "id": "a", "url": "https://example.org/nothing"}


def _tgz(file: Path, files: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def _package(file: Path, manifest: Any = MANIFEST, **more: bytes) -> Path:
    files = {
        "package/package.json": json.encode(manifest),
        "package/StructureDefinition-tight-patient.json": json.encode(PROFILE),
        "package/Patient-a.json": json.encode(EXAMPLE),
        "package/example/StructureDefinition-other.json": json.encode(PROFILE | {"url": "https://example.org/no"}),
    }
    return _tgz(file, {**files, **{f"package/{name}.json": content for name, content in more.items()}})


def _keys(error: pytest.ExceptionInfo[PackageError]) -> list[str]:
    return [one.key.removeprefix("definitions.") for one in error.value.issues]


def test_a_package_is_trimmed_and_its_examples_are_left(tmp_path: Path) -> None:
    package = read_package(_package(tmp_path / "a.tgz"))
    assert [row.url for row in package.rows] == [PROFILE["url"]]
    assert package.load(package.rows[0]) == {key: value for key, value in PROFILE.items() if key != "description"} | {
        "differential": {"element": [{"path": "Patient.birthDate", "min": 1}]}
    }
    structure = core().with_packages([package]).structure(str(PROFILE["url"]))
    assert structure is not None
    assert {one["id"]: one["min"] for one in structure["snapshot"]["element"]}["Patient.birthDate"] == 1


def test_the_finnish_packages() -> None:
    packages = [
        read_package(shared("fhir-packages", f"hl7.fhir.fi.{name}.tgz"))
        for name in ("base-1.0.0", "base-2.0.0-rc2", "scheduling-2.0.0-rc2")
    ]
    known = core().with_packages(packages)
    for row in known.rows("StructureDefinition"):
        assert known.structure(row.url) is not None
    appointment = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-appointment"
    for version in ("1.0.0", "2.0.0-rc2"):
        found = known.structure(f"{appointment}|{version}")
        assert found is not None
        assert found["version"] == version
    assert show_package(packages[2])["resources"] == {"ConceptMap": 2, "StructureDefinition": 21}


def test_the_folder_the_cache_and_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    needs = MANIFEST | {"name": "test.needs", "dependencies": {"test.tight": "2.0.0", "test.absent": "1.0.0"}}
    assert list_packages(folder) == []
    assert add_package(_package(tmp_path / "tight.tgz"), folder).issues == ()
    added = add_package(_package(tmp_path / "needs.tgz", needs), folder)
    assert [(one.key, one.severity) for one in added.issues] == [
        ("definitions.dependency-version", "information"),
        ("definitions.dependency-missing", "warning"),
    ]
    assert [(row["name"], row["resources"]) for row in list_packages(folder)] == [
        ("test.needs", {"StructureDefinition": 1}),
        ("test.tight", {"StructureDefinition": 1}),
    ]
    loaded = load_packages(folder)
    assert [one.meta["name"] for one in loaded.packages] == ["test.tight", "test.needs"]
    assert loaded.issues == added.issues
    assert sorted(one.name for one in folder.iterdir()) == [CACHE, "test.needs-1.0.0.tgz", "test.tight-1.0.0.tgz"]


def test_versions_of_one_package_load_oldest_first(tmp_path: Path) -> None:
    for version in ("10.0.0", "2.0.0", "2.0.0-rc2", "1.9.1"):
        add_package(_package(tmp_path / "a.tgz", MANIFEST | {"version": version}), tmp_path / "packages")
    loaded = load_packages(tmp_path / "packages").packages
    assert [one.meta["version"] for one in loaded] == ["1.9.1", "2.0.0-rc2", "2.0.0", "10.0.0"]


def test_the_cache_is_read_and_follows_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, cache = _package(tmp_path / "a.tgz"), tmp_path / "cache"
    first = read_package(file, cache)
    kept = cache / "a.tgz.pack"
    with monkeypatch.context() as patch:
        patch.setattr(
            "service.fhir.packages.files_of", lambda data: pytest.fail("read the package though it is cached")
        )
        assert read_package(file, cache).rows == first.rows
    whole = kept.read_bytes()
    for damage in (b"", b"garbage", whole[:-5], whole.replace(b"YFP1", b"YFP9")):
        kept.write_bytes(damage)
        assert read_package(file, cache).rows == first.rows
        assert kept.read_bytes() == whole
    _package(file, MANIFEST | {"version": "1.0.1"})
    assert read_package(file, cache).meta["version"] == "1.0.1"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    assert read_package(_package(tmp_path / "a.tgz"), tmp_path / "cache").meta["name"] == "test.tight"


@pytest.mark.parametrize(
    ("manifest", "key"),
    [
        ([], "package-manifest"),
        ({"name": "a"}, "package-manifest"),
        ({"name": "../../a", "version": "1"}, "package-manifest"),
        ({"name": "a", "version": "1/../../b"}, "package-manifest"),
        ({"name": "a", "version": "1", "dependencies": ["b"]}, "package-manifest"),
        ({"name": "a", "version": "1", "fhirVersions": ["5.0.0"]}, "package-fhir-version"),
    ],
)
def test_a_manifest_that_will_not_do(tmp_path: Path, manifest: Any, key: str) -> None:
    with pytest.raises(PackageError) as error:
        add_package(_package(tmp_path / "a.tgz", manifest), tmp_path / "packages")
    assert _keys(error) == [key]
    assert not (tmp_path / "packages").exists()


def test_broken_files_are_named(tmp_path: Path) -> None:
    file = _package(tmp_path / "a.tgz", **{"ValueSet-a": b'{"url": 1,}', "CodeSystem-b": b'{"a": 1, "a": 2}'})
    with pytest.raises(PackageError) as error:
        read_package(file)
    assert _keys(error) == ["package-file", "package-file"]
    assert "package/ValueSet-a.json" in error.value.issues[0].text("sv")


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot": []},
        {"snapshot": None},
        {"kind": "other"},
        {"differential": {"element": [{"id": "Patient"}]}},
        {"differential": {"element": [{"path": ["Patient"]}]}},
        {"differential": {"element": [{"path": "Patient..name"}]}},
        {"differential": {"element": ["Patient"]}},
        {"differential": {"element": [{"path": "Patient", "constraint": 1}]}},
        {"differential": {"element": [{"path": "Patient", "min": "1"}]}},
        {"differential": {"element": [{"path": "Patient", "max": "many"}]}},
        {"differential": {"element": [{"path": "Patient.name", "binding": None}]}},
        {"resourceType": "CodeSystem", "content": "complete", "concept": ["a"]},
        {"resourceType": "ValueSet", "compose": {"include": [{"system": 1}]}},
        {"resourceType": "ConceptMap", "group": {}},
        {"resourceType": "SearchParameter", "code": "a", "type": "token"},
    ],
)
def test_definitions_out_of_shape_are_left_out_and_named(tmp_path: Path, change: dict[str, Any]) -> None:
    file = _package(tmp_path / "a.tgz", broken=json.encode(PROFILE | {"url": "https://example.org/b"} | change))
    added = add_package(file, tmp_path / "packages")
    assert [row.url for row in added.packages[0].rows] == [PROFILE["url"]]
    assert [one.key for one in added.issues] == ["definitions.package-part"]
    assert "package/broken.json" in added.issues[0].text("fi")
    # The cache tells the same.
    assert load_packages(tmp_path / "packages").issues == added.issues


@pytest.mark.parametrize("content", [b"", b"no gzip", b"\x1f\x8b\x08\x00half"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(PackageError) as error:
        read_package(tmp_path / "a.tgz")
    assert _keys(error) in (["package-unreadable"], ["package-manifest"])


def test_an_archive_cut_short(tmp_path: Path) -> None:
    whole = shared("fhir-packages", "hl7.fhir.fi.scheduling-2.0.0-rc2.tgz").read_bytes()
    (tmp_path / "a.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PackageError) as error:
        read_package(tmp_path / "a.tgz")
    assert _keys(error) == ["package-unreadable"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackageError) as error:
        read_package(tmp_path / "nowhere.tgz")
    assert _keys(error) == ["package-unreadable"]


def test_a_broken_package_in_the_folder_leaves_the_others(tmp_path: Path) -> None:
    add_package(_package(tmp_path / "a.tgz"), tmp_path / "packages")
    (tmp_path / "packages" / "broken.tgz").write_bytes(b"x")
    loaded = load_packages(tmp_path / "packages")
    assert [one.meta["name"] for one in loaded.packages] == ["test.tight"]
    assert [one.key for one in loaded.issues] == ["definitions.package-unreadable"]
    assert [bool(row["issues"]) for row in list_packages(tmp_path / "packages")] == [True, False]


def test_hostile_members_are_passed_over(tmp_path: Path) -> None:
    link = tarfile.TarInfo("package/link.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("package/device.json")
    device.type = tarfile.CHRTYPE
    names = ("../package/a.json", "/package/a.json", "package/../a.json", "other/a.json", "package/a/b.json", "a.json")
    hostile = dict.fromkeys(names, b"{}")
    file = _tgz(tmp_path / "a.tgz", {**hostile, "link": link, "device": device, "package/good.json": b"{}"})
    assert list(files_of(file.read_bytes())) == [("package/good.json", b"{}")]


def test_a_bomb_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = _tgz(tmp_path / "a.tgz", {"package/other.txt": bytes(3_000_000), "package/a.json": bytes(2_000_000)})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ArchiveError, match="more than is read"):
        list(files_of(bomb.read_bytes(), max_total=2_000_000))
    monkeypatch.setattr(archives, "MAX_FILE", 1_000_000)
    with pytest.raises(ArchiveError, match=r"a\.json is larger"):
        list(files_of(bomb.read_bytes()))
    monkeypatch.setattr(archives, "MAX_FILES", 1)
    with pytest.raises(ArchiveError, match="more than 1 files"):
        list(files_of(bomb.read_bytes()))


def test_a_folder_of_resources(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").write_bytes(json.encode(PROFILE))
    (tmp_path / "b.json").write_bytes(json.encode(EXAMPLE))
    assert [row.name for row in read_folder(tmp_path, "ours").rows] == ["TightPatient"]
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.json").write_bytes(json.encode(PROFILE | {"kind": 1}))
    with pytest.raises(PackageError) as error:
        read_folder(tmp_path, "ours")
    assert _keys(error) == ["package-file", "package-file"]
