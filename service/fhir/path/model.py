"""What FHIRPath asks of a type model: the elements of a type, what it specialises, and its kind.

https://hl7.org/fhir/R4/fhirpath.html#types, http://hl7.org/fhirpath/N1/#models
"""

from collections.abc import Hashable
from typing import Protocol

Entries = tuple[tuple[str, str], ...]


class Model(Hashable, Protocol):
    """The types of one FHIR version; `service.fhir.definitions` gives R4's, a test may give its own.

    Type names are bare: `Patient`, `HumanName`, `code`, `Age`. A backbone element's type is its path
    (`Patient.contact`, `ValueSet.expansion.contains`), also where another element refers to it by contentReference.
    A resource within (contained, Bundle.entry.resource, Parameters.parameter.resource) has the type `Resource`: what it
    really is stands in its `resourceType`. `Resource.id` is an `id`, `Element.id` a `string`, `Extension.url` a `uri`.
    """

    def child(self, type_name: str, element: str) -> Entries | None:
        """`((json key, type name), …)` of the element `element` of `type_name`; `None` where there is no such element.

        Inherited elements are included. A plain element has one entry; a choice element, named without `[x]`, one for
        each type (`value` → `(("valueQuantity", "Quantity"), …)`) and the joined name (`valueQuantity`) none at all. A
        primitive type has its `id` and `extension`, never its `value`. An unknown type has no elements.
        """
        ...

    def elements(self, type_name: str) -> tuple[str, ...]:
        """The names of all elements of `type_name`, inherited ones first, as defined; a choice without `[x]`."""
        ...

    def base(self, type_name: str) -> str | None:
        """The type that `type_name` specialises (`code` → `string`, `Patient` → `DomainResource`, `Patient.contact` →
        `BackboneElement`); `None` for `Element`, `Resource` and unknown types."""
        ...

    def kind(self, type_name: str) -> str | None:
        """`primitive-type`, `complex-type` (backbone elements too) or `resource`; `None` for an unknown type."""
        ...
