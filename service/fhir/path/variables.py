"""`%name`: given by the caller, or one of those FHIR defines. https://hl7.org/fhir/R4/fhirpath.html#variables"""

from typing import Any

from service.fhir.path import nodes
from service.fhir.path.ast import Variable
from service.fhir.path.code import STRING, Code, Site, constant
from service.fhir.path.env import Scope
from service.fhir.path.errors import failure
from service.fhir.path.navigation import items_of

_FIXED = {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}
_PREFIXES = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}


def compile_variable(node: Variable, site: Site) -> Code:
    """The value of `%name` at run time; an error there when nobody gave one."""
    name, model, place = node.name, site.model, node.place
    built_in = _built_in(name)

    def look_up(this: Any, scope: Scope) -> list[Any]:
        variables = scope.env.variables
        if variables and name in variables:
            return nodes.wrap(variables[name], model)
        if built_in is not None:
            return built_in.many(this, scope)
        if name == "context":
            return items_of(scope.focus)
        if name in ("resource", "rootResource"):
            return _resource(name, scope, model is not None)
        raise failure("unknown-variable", place, name=name)

    return Code(look_up)


def _built_in(name: str) -> Code | None:
    if name in _FIXED:
        return constant(_FIXED[name], types=STRING)
    for prefix, base in _PREFIXES.items():
        if name.startswith(prefix):
            return constant(base + name.removeprefix(prefix), types=STRING)
    return None


def _resource(name: str, scope: Scope, typed: bool) -> list[Any]:
    env = scope.env
    found = env.resource
    if name == "rootResource" and env.root_resource is not None:
        found = env.root_resource
    if found is None:
        return items_of(scope.focus)
    kind = found.get("resourceType") if typed and type(found) is dict else None
    return [(found, kind, None)] if type(kind) is str else nodes.wrap(found, None)
