"""The FHIR Mapping Language: maps are parsed with positions, compiled to Python at start-up, and run over plain JSON.

https://hl7.org/fhir/R4/mapping-language.html
"""

from typing import TYPE_CHECKING, Any

from service.lazy import lazy

if TYPE_CHECKING:
    from service.mapping.compiler import Compiled, Result, compile_maps, counted_uuids
    from service.mapping.model import Map
    from service.mapping.parser import parse_map
    from service.mapping.shapes import Element, Shapes, TargetModel
    from service.mapping.trace import Step, Trace

__all__ = [
    "Compiled",
    "Element",
    "Map",
    "Result",
    "Shapes",
    "Step",
    "TargetModel",
    "Trace",
    "compile_maps",
    "counted_uuids",
    "parse_map",
]

_HOMES = {
    "Compiled": "compiler",
    "Element": "shapes",
    "Map": "model",
    "Result": "compiler",
    "Shapes": "shapes",
    "Step": "trace",
    "TargetModel": "shapes",
    "Trace": "trace",
    "compile_maps": "compiler",
    "counted_uuids": "compiler",
    "parse_map": "parser",
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, name, _HOMES)
