"""The shape that a StructureMap must have to be read at all: which keys hold texts, numbers, lists, objects.

https://hl7.org/fhir/R4/structuremap.html; of the newer form, parameters of calls. What it means is the parser's matter.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from service.fhir.json import escape
from service.fhir.shapes import misshapen

Text = Annotated[str, msgspec.Meta(min_length=1)]
_Some = msgspec.UnsetType
_PLACE = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class _Structure(msgspec.Struct):
    url: Text
    mode: Text
    alias: Text | _Some = msgspec.UNSET
    documentation: str = ""


class _Input(msgspec.Struct):
    name: Text
    mode: Text
    type: Text | _Some = msgspec.UNSET


class _Expression(msgspec.Struct):
    expression: Text
    name: str = ""


class _Source(msgspec.Struct):
    context: Text
    min: int | _Some = msgspec.UNSET
    max: Text | _Some = msgspec.UNSET
    type: Text | _Some = msgspec.UNSET
    element: str = ""
    listMode: Text | _Some = msgspec.UNSET
    variable: Text | _Some = msgspec.UNSET
    condition: str = ""
    check: str = ""
    logMessage: str = ""
    defaultValueString: str = ""
    defaultValueBoolean: bool = False
    defaultValueInteger: int = 0
    defaultValueExpression: _Expression | _Some = msgspec.UNSET


class _Target(msgspec.Struct):
    context: Text | _Some = msgspec.UNSET
    element: str = ""
    variable: Text | _Some = msgspec.UNSET
    listMode: list[Text] = []
    listRuleId: Text | _Some = msgspec.UNSET
    transform: Text | _Some = msgspec.UNSET
    parameter: list[dict[str, Any]] = []


class _Dependent(msgspec.Struct):
    name: Text
    variable: list[Text] | _Some = msgspec.UNSET
    parameter: list[dict[str, Any]] = []


class _Rule(msgspec.Struct):
    source: Annotated[list[_Source], msgspec.Meta(min_length=1)]
    name: str = ""
    target: list[_Target] = []
    rule: "list[_Rule]" = []
    dependent: list[_Dependent] = []
    documentation: str = ""


class _Group(msgspec.Struct):
    name: Text
    input: Annotated[list[_Input], msgspec.Meta(min_length=1)]
    typeMode: Literal["none", "types", "type-and-types"] = "none"
    extends: Text | _Some = msgspec.UNSET
    rule: list[_Rule] = []
    documentation: str = ""


class _Contained(msgspec.Struct):
    resourceType: Text
    id: str = ""


class _Extension(msgspec.Struct):
    url: Text
    valueExpression: _Expression | _Some = msgspec.UNSET


class _StructureMap(msgspec.Struct):
    group: Annotated[list[_Group], msgspec.Meta(min_length=1)]
    url: str = ""
    name: str = ""
    structure: list[_Structure] = []
    import_: list[Text] = msgspec.field(name="import", default_factory=list)
    contained: list[_Contained] = []
    extension: list[_Extension] = []


def misplaced(resource: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is out of shape and the JSON Pointer of where; None where all is well."""
    try:
        msgspec.convert(resource, _StructureMap)
    except (msgspec.ValidationError, RecursionError) as error:
        reason, _, place = str(error).partition(" - at `$")
        steps = (escape(match[1] or match[2]) for match in _PLACE.finditer(place.removesuffix("`")))
        return reason, "".join(f"/{step}" for step in steps)
    for index, one in enumerate(resource.get("contained", ())):
        if one["resourceType"] == "ConceptMap" and (found := misshapen(one)):
            return found.partition(" - at ")[0], f"/contained/{index}"
    return None
