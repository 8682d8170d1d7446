"""All functions by name. http://hl7.org/fhirpath/N1/#functions, https://hl7.org/fhir/R4/fhirpath.html#functions"""

from service.fhir.path.functions import (
    conversion,
    existence,
    fhir,
    filtering,
    math,
    strings,
    subsetting,
    tree,
    utility,
)
from service.fhir.path.functions.base import Table

REGISTRY: Table = {
    **existence.TABLE,
    **filtering.TABLE,
    **subsetting.TABLE,
    **conversion.TABLE,
    **strings.TABLE,
    **math.TABLE,
    **tree.TABLE,
    **utility.TABLE,
    **fhir.TABLE,
}
