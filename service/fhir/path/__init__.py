"""FHIRPath compiled to Python closures.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html

Without a `model` values are plain JSON of any shape (`name.given` are keys, a string is a String). With one they are
FHIR elements: choice elements, types, inheritance, primitive extensions. A `context` (the type name of the focus)
lets names be resolved, and unknown ones refused, when the expression is compiled. Compiled expressions are cached.
"""

from typing import TYPE_CHECKING, Any

from service.lazy import lazy

if TYPE_CHECKING:
    from service.fhir.path.ast import AST
    from service.fhir.path.env import Env
    from service.fhir.path.errors import PathError
    from service.fhir.path.expressions import Test, Values, compile_test, compile_values, evaluate
    from service.fhir.path.model import Model
    from service.fhir.path.parser import parse

__all__ = ["AST", "Env", "Model", "PathError", "Test", "Values", "compile_test", "compile_values", "evaluate", "parse"]

_HOMES = {
    "AST": "ast",
    "Env": "env",
    "Model": "model",
    "PathError": "errors",
    "Test": "expressions",
    "Values": "expressions",
    "compile_test": "expressions",
    "compile_values": "expressions",
    "evaluate": "expressions",
    "parse": "parser",
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, name, _HOMES)
