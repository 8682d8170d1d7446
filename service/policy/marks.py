"""The marks of a copy: that it is one and of what, what was taken out of it, and whose safety it must keep.

There is one original; a copy says that it is one (703/2023 69 § 2 mom).
https://hl7.org/fhir/R4/resource.html#Meta, https://hl7.org/fhir/R4/security-labels.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from service.fhir.reading import extensions, objects, part, string, value_of
from service.policy.case import LABEL, Case, labelled
from service.policy.elements import ROOT
from service.policy.rules import Policy

Json = Mapping[str, Any]
COPY = {"system": f"{ROOT}/CodeSystem/copy", "code": "copy", "display": "Jäljennös"}
WITHDRAWN = {"system": f"{ROOT}/CodeSystem/copy", "code": "withdrawn", "display": "Peruutettu jäljennös"}
# Not the tag SUBSETTED: servers refuse to store what has it, since it is meant for answers to a search.
REDACTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "REDACTED",
    "display": "redacted",
}
PROTECTED = {
    "system": "https://hl7.fi/fhir/finnish-base-profiles/CodeSystem/fi-base-security-label-cs",
    "code": LABEL,
    "display": "Turvakielto",
}
COPY_OF = f"{ROOT}/StructureDefinition/copy-of"
_PROFILES = (ROOT, "https://hl7.fi/fhir/")
_MODEL = f"{ROOT}/CodeSystem/working-model"


def meta(resource: Json, policy: Policy, *, less: bool, tag: Mapping[str, str] = COPY) -> dict[str, Any]:
    """The `meta` of a copy: the profiles it fulfils, the label of non-disclosure, what it is a copy in. `less` is true
    where something of the original stayed behind."""
    said = part(resource, "meta")
    dropped = policy.unclaimed.get(str(resource["resourceType"]), ())
    claims = [one for one in said.get("profile", ()) if isinstance(one, str) and one.startswith(_PROFILES)]
    profiles = [one for one in claims if one.rpartition("/")[2] not in dropped]
    security = [dict(PROTECTED)] if labelled(resource) else []
    # Without its display, which somebody may have written anything into.
    tags = [{"system": _MODEL, "code": one["code"]} for one in objects(said, "tag") if _is_model(one)]
    made: dict[str, Any] = {"profile": profiles} if profiles else {}
    if security or less:
        made["security"] = [*security, *([dict(REDACTED)] if less else [])]
    return made | {"tag": [*tags, dict(tag)]}


def _is_model(tag: Json) -> bool:
    return tag.get("system") == _MODEL and isinstance(tag.get("code"), str)


def copy_of(case: Case) -> dict[str, Any]:
    """The extension that says of what the plan is a copy: the original's identifier, its versions, its controller."""
    rows: list[dict[str, Any]] = []
    for one in objects(case.plan, "identifier"):
        if one.get("use") == "usual":
            rows.append(
                {"url": "original", "valueIdentifier": {key: one[key] for key in ("system", "value") if key in one}}
            )
            break
    if version := string(part(case.plan, "meta"), "versionId"):
        rows.append({"url": "version", "valueString": version})
    if (document := _document_version(case)) is not None:
        rows.append({"url": "documentVersion", "valuePositiveInt": document})
    identifier = part(case.controller(), "identifier")
    if identifier:
        rows.append(
            {
                "url": "controller",
                "valueIdentifier": {key: identifier[key] for key in ("system", "value") if key in identifier},
            }
        )
    return {"url": COPY_OF, "extension": rows or [{"url": "version", "valueString": "?"}]}


def _document_version(case: Case) -> int | None:
    """The version of the source document that the plan came with; of several, the last one."""
    found = []
    for _, one in case.of("Provenance"):
        if any(case.key(target) == case.plan_reference for target in objects(one, "target")):
            for extension in extensions(one, "source-document"):
                found += [value_of(row) for row in objects(extension, "extension") if row.get("url") == "version"]
    return max((one for one in found if isinstance(one, int)), default=None)


def bundle(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A collection Bundle of the copies."""
    entries = [{"fullUrl": f"{ROOT}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "meta": {"tag": [dict(COPY)]}, "type": "collection", "entry": entries}
