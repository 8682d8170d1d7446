"""What a resource that a record system sends is an answer to.

https://hl7.org/fhir/R4/appointmentresponse.html, https://hl7.org/fhir/R4/communication.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

# Where a new resource of a type says what it is about; the nearest thing first.
NEW: Mapping[str, tuple[str, ...]] = {
    "AppointmentResponse": ("appointment",),
    "Communication": ("basedOn", "about", "partOf", "subject"),
    "Task": ("focus", "basedOn", "partOf", "for"),
}
# What of another organisation's may be answered by sending it as it should be.
CHANGED = frozenset({"Appointment", "CarePlan", "ServiceRequest", "Task"})
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")


def concerned(resource: Json) -> Iterator[Json]:
    """The References (R4) that say what a new resource is about, the nearest first; none where it is no answer."""
    for name in NEW.get(resource["resourceType"], ()):
        value = resource.get(name)
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def target(reference: Json) -> tuple[str, str] | None:
    """Type and id of what a Reference points to; None where it has only an identifier."""
    found = _REFERENCE.search(str(reference.get("reference", "")))
    return (found[1], found[2]) if found else None
