"""Profiles that apply though nobody names them: R4's vital signs, and those that a guide declares global.

https://hl7.org/fhir/R4/observation-vitalsigns.html, https://hl7.org/fhir/R4/implementationguide.html (global)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from service.fhir.definitions import TYPE_ROOT, Definitions
from service.validation.run import Json

LOINC = "http://loinc.org"
_VITAL_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "85353-1": "vitalspanel",
        "9279-1": "resprate",
        "8867-4": "heartrate",
        "2708-6": "oxygensat",
        "59408-5": "oxygensat",
        "8310-5": "bodytemp",
        "8302-2": "bodyheight",
        "9843-4": "headcircum",
        "29463-7": "bodyweight",
        "39156-5": "bmi",
        "85354-9": "bp",
    }
)


class Required:
    """The profiles that a resource must meet by what it is."""

    def __init__(self, definitions: Definitions) -> None:
        self._global: dict[str, list[str]] = {}
        for row in definitions.rows("ImplementationGuide"):
            guide = definitions.get("ImplementationGuide", row.url) or {}
            for one in guide.get("global", ()):
                self._global.setdefault(one.get("type", ""), []).append(one.get("profile", ""))
        self.types = frozenset(self._global) | {"Observation"}

    def of(self, resource: Json) -> list[str]:
        """The canonical urls of the profiles that `resource` must meet unasked."""
        name = resource.get("resourceType")
        urls = list(self._global.get(str(name), ()))
        if name == "Observation":
            urls += [TYPE_ROOT + _VITAL_SIGNS[code] for code in _codes(resource.get("code")) if code in _VITAL_SIGNS]
        return list(dict.fromkeys(urls))


def _codes(concept: Any) -> list[str]:
    codings = concept.get("coding") if type(concept) is dict else None
    rows = [one for one in codings if type(one) is dict] if type(codings) is list else []
    return [one["code"] for one in rows if one.get("system") == LOINC and type(one.get("code")) is str]
