"""What is judged: every resource and Bundle that our maps make of the examples, and the definitions to judge by."""

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.fhir import json
from service.fhir.definitions import Definitions, core
from service.fhir.packages import read_folder, read_package
from service.pipeline import Converter
from service.validation import Validator
from tests.interop.nodes import Json
from tests.shared import ROOT

KEY = b"yhdessa-test-key-for-synthetic-data-only"
STYLES = ("detail", "reference")
OWN = ("codesystems", "valuesets", "profiles", "extensions", "questionnaires")
SETS = {
    "fi.base 2.0.0-rc2": ("hl7.fhir.fi.base-2.0.0-rc2.tgz", "hl7.fhir.fi.scheduling-2.0.0-rc2.tgz"),
    "fi.base 1.0.0": ("hl7.fhir.fi.base-1.0.0.tgz", "hl7.fhir.fi.scheduling-2.0.0-rc2.tgz"),
}
_PARTS = ("StructureDefinition-", "ValueSet-", "CodeSystem-")
_SMALL = 4


@dataclass(frozen=True)
class Outputs:
    """Each distinct resource by a name that says where it is from, and each Bundle."""

    resources: dict[str, Json]
    bundles: dict[str, Json]


def outputs() -> Outputs:
    """All that both styles make of every example."""
    converter = Converter.load(key=KEY)
    resources: dict[str, Json] = {}
    bundles: dict[str, Json] = {}
    seen = set()
    for file in sorted((ROOT / "schemas" / "source" / "examples").glob("*.json")):
        for style in STYLES:
            made = converter.convert(json.parse(file.read_bytes()), activity_style=style).bundle
            if made is None:
                raise SystemExit(f"{file.name} does not convert")
            bundles[f"{file.stem} {style}"] = made
            for entry in made["entry"]:
                resource = entry["resource"]
                text = json.encode(resource)
                if text not in seen:
                    seen.add(text)
                    resources[f"{file.stem} {style} {resource['resourceType']}/{resource['id']}"] = resource
    return Outputs(resources, bundles)


def small(bundles: dict[str, Json]) -> list[Json]:
    """Small Bundles out of large ones: a resource and what it refers to, which is judged far quicker."""
    found = []
    for bundle in bundles.values():
        by_name = {f"{one['resource']['resourceType']}/{one['resource']['id']}": one for one in bundle["entry"]}
        for entry in bundle["entry"]:
            names = [one for one in dict.fromkeys(_references(entry["resource"])) if one in by_name]
            if names:
                found.append({**bundle, "entry": [entry, *(by_name[one] for one in names[:_SMALL])]})
    return found


def validator(packages: tuple[Path, ...]) -> Validator:
    """Ours, with those packages between R4 and our own definitions."""
    own = [read_folder(ROOT / "schemas" / "fhir" / name, f"yhdessa/{name}") for name in OWN]
    return Validator(Definitions([*core().layers, *map(read_package, packages), *own]))


def lay_out(folder: Path, packages: tuple[Path, ...]) -> list[Path]:
    """The same definitions as files in folders, for the other validator."""
    shutil.rmtree(folder, ignore_errors=True)
    own = folder / "own"
    own.mkdir(parents=True)
    for name in OWN:
        for file in (ROOT / "schemas" / "fhir" / name).glob("*.json"):
            shutil.copy(file, own / f"{name}-{file.name}")
    for package in packages:
        target = folder / package.stem
        target.mkdir()
        with tarfile.open(package) as archive:
            for member in archive.getmembers():
                name = member.name.removeprefix("package/")
                if name.startswith(_PARTS) and (content := archive.extractfile(member)):
                    (target / name).write_bytes(content.read())
    return sorted(one for one in folder.iterdir())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
