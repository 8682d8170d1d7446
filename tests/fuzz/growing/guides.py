"""What may grow in a package of definitions."""

from collections.abc import Callable
from typing import Any

from service.fhir import json
from tests.fuzz import packages
from tests.fuzz.growing.base import Growth, Work
from tests.validation.kit import profile, sliced


def packed(files: Callable[[int], dict[str, Any]]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        data = json.encode({"package/package.json": packages.MANIFEST, **files(size)})
        return lambda: packages.once(data)

    return make


def _chain(size: int) -> dict[str, Any]:
    made = {}
    for i in range(size):
        one = profile(f"p{i}", "Patient", {"id": "Patient.name", "min": 1})
        if i:
            one["baseDefinition"] = profile(f"p{i - 1}", "Patient")["url"]
        made[f"package/StructureDefinition-{i}.json"] = one
    return made


def _slices(size: int) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [{"id": "Patient.identifier", **sliced("value", "system")}]
    for i in range(size):
        rows += [
            {"id": f"Patient.identifier:s{i}"},
            {"id": f"Patient.identifier:s{i}.system", "min": 1, "fixedUri": f"urn:x:{i}"},
        ]
    return {"package/StructureDefinition-p.json": profile("p", "Patient", *rows)}


def _system(size: int) -> dict[str, Any]:
    node: dict[str, Any] = {"code": "b"}
    for i in range(min(size, 40)):
        node = {"code": f"c{i}", "concept": [node, {"code": f"d{i}"}]}
    files = packages.terms()
    files["package/CodeSystem-c.json"]["concept"] = [node]
    return files


def _include(size: int) -> dict[str, Any]:
    rows = {}
    for i in range(size):
        include = [{"valueSet": [f"urn:x:v{i + 1}"]}, {"valueSet": [f"urn:x:v{i + 1}"]}]
        rows[f"package/ValueSet-{i}.json"] = {
            "resourceType": "ValueSet",
            "url": f"urn:x:v{i}",
            "status": "active",
            "compose": {"include": include},
        }
    return rows


PACKAGES = [
    Growth("package: profiles each over the last", 5, packed(_chain)),
    Growth("package: slices", 10, packed(_slices)),
    Growth("package: concepts in concepts", 5, packed(_system)),
    Growth("package: value sets that draw twice on the next", 5, packed(_include)),
]
