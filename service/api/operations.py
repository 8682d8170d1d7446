"""What an operation of the FHIR face is, for the CapabilityStatement.

https://hl7.org/fhir/R4/operations.html
"""

from dataclasses import dataclass

CORE = "http://hl7.org/fhir/OperationDefinition/"


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` without `$`; `types` it can be called on, none for the system; `definition` is its canonical url."""

    name: str
    definition: str
    types: tuple[str, ...] = ()
    every_type: bool = False
    documentation: str | None = None
