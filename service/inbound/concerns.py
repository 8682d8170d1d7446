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
# What a delivered copy carries of the original's id: whoever keeps it under an id of its own knows ours by this.
COPY_OF = "https://yhdessa.example/fhir/NamingSystem/resource-id"
# Where a reference has only an identifier and no type, what it can mean, the likeliest first.
_MEANT: Mapping[str, tuple[str, ...]] = {"appointment": ("Appointment",), "subject": ("Patient",), "for": ("Patient",)}
_ANY = ("CarePlan", "Task", "ServiceRequest", "Appointment", "Goal")
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")


def concerned(resource: Json) -> Iterator[tuple[str, str]]:
    """Type and id of what a new resource may be about, the nearest first; none where it is no answer.

    By reference, or by the identifier that a delivered copy has (`COPY_OF`).
    """
    for name in NEW.get(resource["resourceType"], ()):
        value = resource.get(name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _targets(one, _MEANT.get(name, _ANY))


def _targets(reference: Json, meant: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    found = _REFERENCE.search(str(reference.get("reference", "")))
    if found:
        yield found[1], found[2]
        return
    identifier = reference.get("identifier")
    if isinstance(identifier, dict) and identifier.get("system") == COPY_OF:
        types = (str(reference["type"]),) if "type" in reference else meant
        yield from ((one, str(identifier.get("value", ""))) for one in types)
