"""StructureDefinitions compiled to a validator.

https://hl7.org/fhir/R4/validation.html
"""

from service.validation.run import Options
from service.validation.validator import Validator

__all__ = ["Options", "Validator"]
