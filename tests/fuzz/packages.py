"""Any bytes as a package, and any JSON files in one: definitions that a validator can work with, or `PackageError`.

An input that is a JSON object is packed (`{"path": content}`); anything else is the file itself.
"""

import gzip
import io
import tarfile
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from service.fhir import json
from service.fhir.definitions import core
from service.fhir.packages import PackageError, left_out, missing_dependencies, read_package, show_package
from service.validation import Validator
from tests.fuzz.kit import told
from tests.fuzz.mutation import json_mutant
from tests.validation.kit import extended, profile, sliced

MANIFEST = {"name": "x.y", "version": "1.0.0", "fhirVersions": ["4.0.1"], "dependencies": {"hl7.fhir.r4.core": "4.0.1"}}
RESOURCES = (
    {"resourceType": "Patient", "name": [{"family": "A", "given": ["B"]}], "identifier": [{"system": "urn:x:a"}]},
    {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/1"}},
)


def terms() -> dict[str, Any]:
    """A code system and a value set that draws on it, and excludes itself."""
    rows = [{"code": "a", "concept": [{"code": "b", "display": "B"}]}]
    include = [{"system": "urn:x:c", "filter": [{"property": "concept", "op": "is-a", "value": "a"}]}]
    return {
        "package/CodeSystem-c.json": {
            "resourceType": "CodeSystem",
            "url": "urn:x:c",
            "status": "active",
            "content": "complete",
            "concept": rows,
        },
        "package/ValueSet-v.json": {
            "resourceType": "ValueSet",
            "url": "urn:x:v",
            "status": "active",
            "compose": {"include": include, "exclude": [{"valueSet": ["urn:x:v"]}]},
        },
    }


def seeds() -> list[bytes]:
    binding = {"strength": "required", "valueSet": "urn:x:v"}
    invariant = {"key": "x-1", "severity": "error", "human": "x", "expression": "name.exists() or identifier.exists()"}
    patient = profile(
        "p",
        "Patient",
        {"id": "Patient", "constraint": [invariant]},
        {"id": "Patient.identifier", **sliced("value", "system"), "min": 1},
        {"id": "Patient.identifier:a", "max": "1"},
        {"id": "Patient.identifier:a.system", "fixedUri": "urn:x:a", "min": 1},
        {"id": "Patient.gender", "binding": binding},
        {"id": "Patient.deceased[x]", "type": [{"code": "boolean"}], "patternBoolean": False},
    )
    plan = profile(
        "c",
        "CarePlan",
        {"id": "CarePlan.activity", **sliced("exists", "detail", "closed", ordered=True)},
        {"id": "CarePlan.activity:d", "min": 0, "max": "*"},
        {"id": "CarePlan.activity:d.detail", "min": 1},
        {"id": "CarePlan.subject", "type": [{"code": "Reference", "targetProfile": [patient["url"]]}]},
    )
    extension = extended("e", {"id": "Extension.value[x]", "type": [{"code": "string"}]})
    files = {
        "package/package.json": MANIFEST,
        "package/StructureDefinition-p.json": patient,
        "package/StructureDefinition-c.json": plan,
        "package/StructureDefinition-e.json": extension,
        **terms(),
    }
    bomb = gzip.compress(b"\0" * 5_000_000)
    return [json.encode(files), packed(files), bomb, packed({"../../etc/x.json": {}, "package/package.json": MANIFEST})]


def packed(files: dict[str, Any]) -> bytes:
    """A `.tgz` of these files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as archive:
        for path, content in files.items():
            data = json.encode(content)
            member = tarfile.TarInfo(path.encode("ascii", "replace").decode()[:90])
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def mutate(data: bytes, rng: Random) -> bytes:
    if data[:1] == b"{":
        return json_mutant(data, rng)
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.choice((len(changed), rng.randint(0, len(changed))))])


def once(data: bytes) -> None:
    try:
        files = json.parse(data)
    except json.JsonError:
        files = None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.tgz")
        file.write_bytes(packed(files) if isinstance(files, dict) else data)
        try:
            package = read_package(file, Path(folder, "cache"))
        except PackageError as error:
            told(error.issues)
            return
        show_package(package)
        told([*left_out([package]), *missing_dependencies([package])])
        validator = Validator(core().with_packages([package]))
        profiles = [row.url for row in package.rows if row.kind == "StructureDefinition"]
        for resource in RESOURCES:
            told(validator.validate(resource, profiles))
        for url in [row.url for row in package.rows if row.kind == "ValueSet"]:
            validator.terminology.validate_code(url, "urn:x:c", "b")


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("packages")
