"""FHIRPath compiled to Python closures.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html
"""

from service.fhir.path.model import Model

__all__ = ["Model"]
