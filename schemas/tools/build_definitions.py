"""Builds `schemas/fhir/definitions/r4.pack` from the official R4 core package (hl7.fhir.r4.core, CC0).

    .venv/bin/python schemas/tools/build_definitions.py hl7.fhir.r4.core.tgz [OUT]

Prose and examples are left out; the same package gives the same bytes.
"""

import sys
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from service.fhir import json  # noqa: E402
from service.fhir.pack import pack  # noqa: E402
from service.fhir.trim import trim  # noqa: E402

KINDS = ("StructureDefinition", "CodeSystem", "ValueSet", "ConceptMap", "SearchParameter", "CompartmentDefinition")
OUT = ROOT / "schemas" / "fhir" / "definitions" / "r4.pack"


def build(package: Path) -> bytes:
    """The bytes of the pack made from `package`."""
    resources: list[dict[str, Any]] = []
    meta: dict[str, Any] = {}
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if len(parts) != 2 or not parts[1].endswith(".json"):
                continue
            file = archive.extractfile(member)
            if file is None:
                continue
            if parts[1] == "package.json":
                manifest = json.parse(file.read())
                meta = {key: manifest[key] for key in ("name", "version", "license", "fhirVersions", "title")}
            elif parts[1].startswith(KINDS):
                resource = json.parse(file.read())
                if _wanted(resource):
                    resources.append(trim(resource, designations=False))
    return pack(resources, meta)


def _wanted(resource: dict[str, Any]) -> bool:
    """Leave out the examples that the core package carries beside its definitions."""
    kind, url = resource.get("resourceType"), resource.get("url", "")
    if kind not in KINDS or not url or "example.org" in url or "acme" in url:
        return False
    if kind == "StructureDefinition":
        return bool(resource.get("snapshot"))
    if kind == "SearchParameter":
        return bool(resource.get("base")) and "-extensions-" not in url
    return True


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else OUT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(build(Path(sys.argv[1])))
    print(f"{target}: {target.stat().st_size} bytes")
