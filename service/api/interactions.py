"""What an interaction of the FHIR face is, for the CapabilityStatement, the scopes and the use log.

https://hl7.org/fhir/R4/http.html
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["type", "system"]

# Given to no one to write: the service makes them itself, or they are only ever part of an answer.
NOT_KEPT = frozenset({"Parameters", "OperationOutcome", "Resource", "DomainResource"})
READ_ONLY = frozenset({"AuditEvent"})


@dataclass(frozen=True, slots=True)
class Interaction:
    """`code` is one of http://hl7.org/fhir/restful-interaction, or of the features of a type where `is_feature`."""

    code: str
    level: Level = "type"
    writes: bool = False
    is_feature: bool = False
    value: str | bool = True
