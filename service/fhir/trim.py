"""Leaves of a conformance resource what a program needs, without the prose.

Elements: https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Mapping
from typing import Any

CONFORMANCE = (
    "StructureDefinition",
    "CodeSystem",
    "ValueSet",
    "ConceptMap",
    "SearchParameter",
    "CompartmentDefinition",
    "Questionnaire",
)
_TOP_PROSE = frozenset(
    [
        "text",
        "contained",
        "meta",
        "implicitRules",
        "language",
        "identifier",
        "experimental",
        "date",
        "publisher",
        "contact",
        "description",
        "useContext",
        "jurisdiction",
        "purpose",
        "copyright",
        "keyword",
        "mapping",
        "fhirVersion",
        "extension",
        "modifierExtension",
        "immutable",
        "xpath",
        "xpathUsage",
        "approvalDate",
        "lastReviewDate",
        "effectivePeriod",
    ]
)
_ELEMENT = [
    "id",
    "path",
    "sliceName",
    "sliceIsConstraining",
    "slicing",
    "min",
    "max",
    "base",
    "contentReference",
    "type",
    "minLength",
    "maxLength",
    "condition",
    "constraint",
    "mustSupport",
    "isModifier",
    "isSummary",
    "binding",
]
_VALUE_PREFIXES = ("fixed", "_fixed", "pattern", "_pattern", "minValue", "maxValue", "defaultValue")
_EXTENSIONS = frozenset(
    "http://hl7.org/fhir/StructureDefinition/" + name
    for name in (
        "structuredefinition-fhir-type",
        "regex",
        "elementdefinition-maxValueSet",
        "elementdefinition-minValueSet",
        "elementdefinition-bestpractice",
        "elementdefinition-allowedUnits",
        "additional-binding",
        "structuredefinition-compliesWithProfile",
    )
) | {"http://hl7.org/fhir/tools/StructureDefinition/additional-binding"}
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
IMPOSE_PROFILE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile"
_STRING = "http://hl7.org/fhirpath/System.String"
_CONSTRAINT = ("extension", "key", "severity", "human", "expression", "source")
_CONCEPT = ("code", "display", "property", "concept")


def trim(resource: Mapping[str, Any], *, designations: bool = True) -> dict[str, Any]:
    """A trimmed copy of a conformance resource (any other comes back as it is); `designations`: in other languages."""
    kind = resource.get("resourceType")
    if kind not in CONFORMANCE or kind == "Questionnaire":
        return dict(resource)
    kept = {key: value for key, value in resource.items() if key not in _TOP_PROSE and not key.startswith("_")}
    if kind == "StructureDefinition":
        _trim_structure(kept)
        imposed = [one for one in resource.get("extension", ()) if one.get("url") == IMPOSE_PROFILE]
        if imposed:
            kept["extension"] = imposed
    elif kind == "CodeSystem" and "concept" in kept:
        keys = (*_CONCEPT, "designation") if designations else _CONCEPT
        kept["concept"] = [_concept(one, keys) for one in kept["concept"]]
    elif kind == "ValueSet":
        _trim_value_set(kept)
    return kept


def _trim_structure(structure: dict[str, Any]) -> None:
    view = "snapshot" if structure.get("snapshot", {}).get("element") else "differential"
    for other in ("snapshot", "differential"):
        elements = structure.pop(other, {}).get("element", [])
        if other == view:
            structure[view] = {"element": [trim_element(one) for one in elements]}
    if structure["kind"] == "resource" and structure["type"] and view == "snapshot":
        _correct_id(structure["snapshot"]["element"])


def _correct_id(elements: list[dict[str, Any]]) -> None:
    """R4's definitions call the id of a resource a `string`; it is an `id`: https://hl7.org/fhir/R4/resource.html."""
    for element in elements[1:2]:
        if element["path"].endswith(".id"):
            element["type"] = [{"extension": [{"url": FHIR_TYPE, "valueUrl": "id"}], "code": _STRING}]


def trim_element(element: Mapping[str, Any]) -> dict[str, Any]:
    """An ElementDefinition without prose, examples and mappings."""
    kept = {
        key: value
        for key, value in element.items()
        if key in _ELEMENT or key.startswith(_VALUE_PREFIXES) or key == "extension"
    }
    _keep_extensions(kept)
    if "slicing" in kept:
        kept["slicing"] = {k: v for k, v in kept["slicing"].items() if k in ("discriminator", "ordered", "rules")}
    if "type" in kept:
        kept["type"] = [_keep_extensions(dict(one)) for one in kept["type"]]
    if "constraint" in kept:
        kept["constraint"] = [
            _keep_extensions({key: one[key] for key in _CONSTRAINT if key in one}) for one in kept["constraint"]
        ]
    if "binding" in kept:
        kept["binding"] = _keep_extensions({k: v for k, v in kept["binding"].items() if k != "description"})
    return kept


def _keep_extensions(node: dict[str, Any]) -> dict[str, Any]:
    extensions = [one for one in node.pop("extension", []) if one.get("url") in _EXTENSIONS]
    if extensions:
        node["extension"] = extensions
    return node


def _concept(concept: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    kept = {"code": concept["code"]} | {key: concept[key] for key in keys if key in concept}
    if "concept" in kept:
        kept["concept"] = [_concept(one, keys) for one in kept["concept"]]
    return kept


def _trim_value_set(value_set: dict[str, Any]) -> None:
    compose = value_set.get("compose")
    if compose:
        value_set["compose"] = compose | {
            key: [_include(one) for one in compose[key]] for key in ("include", "exclude") if key in compose
        }


def _include(include: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in include.items() if key != "extension"}
    if "concept" in kept:
        kept["concept"] = [{k: one[k] for k in ("code", "display") if k in one} for one in kept["concept"]]
    return kept
