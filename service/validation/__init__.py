"""StructureDefinitions compiled to a validator.

https://hl7.org/fhir/R4/validation.html
"""

from typing import TYPE_CHECKING, Any

from service.lazy import lazy

if TYPE_CHECKING:
    from service.validation.run import Options
    from service.validation.validator import Validator

__all__ = ["Options", "Validator"]

_HOMES = {"Options": "run", "Validator": "validator"}


def __getattr__(name: str) -> Any:
    return lazy(__name__, name, _HOMES)
