"""The shape that a definition must have to be used at all: which keys hold texts, numbers, lists, objects.

Only what this program reads of each: https://hl7.org/fhir/R4/conformance-module.html. Whether a definition is also a
valid resource is the validator's matter.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]
Names = list[Text]
_Lax = dict[str, Any]


class _Shape(msgspec.Struct, kw_only=True):
    resourceType: Text
    url: Text
    version: str = ""
    name: str = ""
    title: str = ""


class _Extension(msgspec.Struct):
    url: Text


class _TypeRef(msgspec.Struct):
    code: Text
    profile: Names = []
    targetProfile: Names = []
    aggregation: Names = []
    extension: list[_Extension] = []


class _Constraint(msgspec.Struct):
    key: Text
    severity: Literal["error", "warning"]
    expression: str = ""
    human: str = ""
    source: str = ""


class _Discriminator(msgspec.Struct):
    type: Text
    path: Text


class _Slicing(msgspec.Struct):
    rules: Literal["open", "closed", "openAtEnd"] = "open"
    ordered: bool = False
    discriminator: list[_Discriminator] = []


class _Binding(msgspec.Struct):
    strength: Literal["required", "extensible", "preferred", "example"]
    valueSet: Text | msgspec.UnsetType = msgspec.UNSET
    extension: list[_Extension] = []


class _Element(msgspec.Struct):
    path: Annotated[str, msgspec.Meta(pattern=r"^[^\s.]+(\.[^\s.]+)*$")]
    id: str = ""
    sliceName: Text | msgspec.UnsetType = msgspec.UNSET
    min: Annotated[int, msgspec.Meta(ge=0)] = 0
    max: Annotated[str, msgspec.Meta(pattern=r"^(\*|[0-9]{1,9})$")] = "*"
    contentReference: str = ""
    type: list[_TypeRef] = []
    condition: list[str] = []
    constraint: list[_Constraint] = []
    slicing: _Slicing | msgspec.UnsetType = msgspec.UNSET
    binding: _Binding | msgspec.UnsetType = msgspec.UNSET
    extension: list[_Extension] = []


class _View(msgspec.Struct):
    element: list[_Element]


class _StructureDefinition(_Shape, kw_only=True):
    kind: Literal["primitive-type", "complex-type", "resource", "logical"]
    type: Text
    baseDefinition: Text | msgspec.UnsetType = msgspec.UNSET
    derivation: Literal["specialization", "constraint"] | msgspec.UnsetType = msgspec.UNSET
    snapshot: _View | msgspec.UnsetType = msgspec.UNSET
    differential: _View | msgspec.UnsetType = msgspec.UNSET


class _Designation(msgspec.Struct):
    value: str = ""
    language: str = ""


class _Property(msgspec.Struct):
    code: Text
    uri: str = ""


class _Concept(msgspec.Struct):
    code: Text
    display: str = ""
    designation: list[_Designation] = []
    property: list[_Property] = []
    concept: "list[_Concept]" = []


class _CodeSystem(_Shape, kw_only=True):
    content: Text
    caseSensitive: bool = True
    valueSet: Text | msgspec.UnsetType = msgspec.UNSET
    property: list[_Property] = []
    concept: list[_Concept] = []


class _Filter(msgspec.Struct):
    property: Text
    op: Text
    value: str


class _Include(msgspec.Struct):
    system: Text | msgspec.UnsetType = msgspec.UNSET
    version: str = ""
    valueSet: Names = []
    concept: list[_Concept] | msgspec.UnsetType = msgspec.UNSET
    filter: list[_Filter] = []


class _Compose(msgspec.Struct):
    include: list[_Include] = []
    exclude: list[_Include] = []


class _Contains(msgspec.Struct):
    system: Text | msgspec.UnsetType = msgspec.UNSET
    code: Text | msgspec.UnsetType = msgspec.UNSET
    display: str = ""
    contains: "list[_Contains]" = []


class _Expansion(msgspec.Struct):
    contains: list[_Contains] = []


class _ValueSet(_Shape, kw_only=True):
    url: str = ""
    compose: _Compose | msgspec.UnsetType = msgspec.UNSET
    expansion: _Expansion | msgspec.UnsetType = msgspec.UNSET


class _Depends(msgspec.Struct):
    property: Text
    value: Text


class _Target(msgspec.Struct):
    code: Text | msgspec.UnsetType = msgspec.UNSET
    equivalence: Text | msgspec.UnsetType = msgspec.UNSET
    dependsOn: list[_Depends] = []
    product: list[_Depends] = []


class _Mapped(msgspec.Struct):
    code: Text | msgspec.UnsetType = msgspec.UNSET
    target: list[_Target] = []


class _Unmapped(msgspec.Struct):
    mode: Text
    code: Text | msgspec.UnsetType = msgspec.UNSET
    url: str = ""


class _Group(msgspec.Struct):
    source: Text | msgspec.UnsetType = msgspec.UNSET
    target: Text | msgspec.UnsetType = msgspec.UNSET
    element: list[_Mapped] = []
    unmapped: _Unmapped | msgspec.UnsetType = msgspec.UNSET


class _ConceptMap(_Shape, kw_only=True):
    url: str = ""
    sourceUri: str = ""
    sourceCanonical: str = ""
    targetUri: str = ""
    targetCanonical: str = ""
    group: list[_Group] = []


class _SearchParameter(_Shape, kw_only=True):
    code: Text
    base: Names
    type: Text
    expression: str = ""


_SHAPES: Mapping[str, type[_Shape]] = {
    "StructureDefinition": _StructureDefinition,
    "CodeSystem": _CodeSystem,
    "ValueSet": _ValueSet,
    "ConceptMap": _ConceptMap,
    "SearchParameter": _SearchParameter,
}


def misshapen(resource: Mapping[str, Any]) -> str | None:
    """What is out of shape and where (`Expected `str`, got `int` - at `$.url``); None where all is well."""
    shape = _SHAPES.get(resource.get("resourceType", ""), _Shape)
    try:
        msgspec.convert(resource, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        return str(error)
    return None
