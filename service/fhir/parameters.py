"""The in-parameters of the terminology operations: read from a Parameters resource, and checked.

https://hl7.org/fhir/R4/parameters.html
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from service.fhir.shapes import misshapen
from service.fhir.terminology import TerminologyError
from service.issues import issue

Given = Mapping[str, Any]
"""In-parameters by name; one that may repeat is a list, one with parts the list of its parts."""

Absent = msgspec.UnsetType
_ABSENT = msgspec.UNSET
_Text = str | Absent
_Flag = bool | Absent
_Number = Annotated[int, msgspec.Meta(ge=0)] | Absent
_Resource = dict[str, Any] | Absent


class _Coding(msgspec.Struct):
    system: _Text = _ABSENT
    code: _Text = _ABSENT
    display: _Text = _ABSENT


class _CodeableConcept(msgspec.Struct):
    coding: list[_Coding] = []


class _Part(msgspec.Struct):
    name: str
    valueUri: _Text = _ABSENT
    valueCodeableConcept: _CodeableConcept | Absent = _ABSENT


class _InParameters(msgspec.Struct):
    url: _Text = _ABSENT
    code: _Text = _ABSENT
    system: _Text = _ABSENT
    version: _Text = _ABSENT
    display: _Text = _ABSENT
    displayLanguage: _Text = _ABSENT
    valueSetVersion: _Text = _ABSENT
    conceptMapVersion: _Text = _ABSENT
    filter: _Text = _ABSENT
    source: _Text = _ABSENT
    target: _Text = _ABSENT
    targetsystem: _Text = _ABSENT
    coding: _Coding | Absent = _ABSENT
    codeableConcept: _CodeableConcept | Absent = _ABSENT
    property: list[str] = []
    dependency: list[list[_Part]] = []
    count: _Number = _ABSENT
    offset: _Number = _ABSENT
    abstract: _Flag = _ABSENT
    activeOnly: _Flag = _ABSENT
    includeDesignations: _Flag = _ABSENT
    includeDefinition: _Flag = _ABSENT
    excludeNested: _Flag = _ABSENT
    excludeNotForUI: _Flag = _ABSENT
    excludePostCoordinated: _Flag = _ABSENT
    reverse: _Flag = _ABSENT
    valueSet: _Resource = _ABSENT
    codeSystem: _Resource = _ABSENT
    conceptMap: _Resource = _ABSENT


_REPEATING = frozenset(("property", "dependency"))


def from_parameters(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The in-parameters of a Parameters resource by name."""
    given: dict[str, Any] = {}
    rows = resource.get("parameter", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TerminologyError(issue("terminology.parameters-wrong", reason="Parameters.parameter"))
    for row in rows:
        value = row.get("resource") or row.get("part")
        value = next((found for key, found in row.items() if key.startswith("value")), value)
        _put(given, str(row.get("name", "")), value)
    return given


def checked(given: Given) -> None:
    """Whether each in-parameter is of its type, and each resource in its shape; `TerminologyError` where not."""
    try:
        msgspec.convert(given, _InParameters)
    except (msgspec.ValidationError, RecursionError) as error:
        raise TerminologyError(issue("terminology.parameters-wrong", reason=str(error))) from None
    for name, kind in (("valueSet", "ValueSet"), ("codeSystem", "CodeSystem"), ("conceptMap", "ConceptMap")):
        resource = given.get(name)
        if resource is None:
            continue
        reason = misshapen(resource) if resource.get("resourceType") == kind else f"resourceType: {kind}"
        if reason:
            raise TerminologyError(issue("terminology.parameters-wrong", reason=f"{name}: {reason}"))


def missing(name: str) -> TerminologyError:
    """The error of a parameter that must be there."""
    return TerminologyError(issue("terminology.parameter-missing", name=name))


def _put(given: dict[str, Any], name: str, value: Any) -> None:
    if name in _REPEATING:
        given.setdefault(name, []).append(value)
    elif name not in given:
        given[name] = value
