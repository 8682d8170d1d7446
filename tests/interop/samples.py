"""A small valid value of each type, for elements that a mutator adds."""

import copy
from typing import Any

from service.fhir.definitions import Definitions
from service.fhir.terminology import Terminology
from tests.interop.nodes import Json, rows, types_of

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Teksti</p></div>'
SAMPLES: dict[str, Any] = {
    "base64Binary": "VGVrc3Rp",
    "boolean": True,
    "canonical": "https://yhdessa.example/fhir/muu",
    "code": "fi",
    "date": "2024-05-06",
    "dateTime": "2024-05-06T10:00:00+03:00",
    "decimal": 1.5,
    "id": "a1",
    "instant": "2024-05-06T10:00:00+03:00",
    "integer": 1,
    "markdown": "Teksti",
    "oid": "urn:oid:1.2.246.10.99",
    "positiveInt": 1,
    "string": "Teksti",
    "time": "10:00:00",
    "unsignedInt": 1,
    "uri": "urn:oid:1.2.246.10.99",
    "url": "https://yhdessa.example/muu",
    "uuid": "urn:uuid:6f2f9d3e-6c53-4a43-8f0c-0d2f2e6f7a11",
    "Address": {"text": "Katu 1"},
    "Age": {"value": 3, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"},
    "Annotation": {"text": "Teksti"},
    "Attachment": {"contentType": "text/plain", "data": "VGVrc3Rp"},
    "CodeableConcept": {"text": "Jokin"},
    "Coding": {"system": "https://yhdessa.example/koodit", "code": "a"},
    "ContactPoint": {"system": "phone", "value": "040"},
    "Dosage": {"text": "Teksti"},
    "Duration": {"value": 3, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"},
    "Extension": {"url": "https://yhdessa.example/muu", "valueString": "Teksti"},
    "HumanName": {"text": "Maija"},
    "Identifier": {"system": "urn:oid:1.2.246.10.99", "value": "1"},
    "Meta": {"versionId": "1"},
    "Money": {"value": 1, "currency": "EUR"},
    "Narrative": {"status": "generated", "div": DIV},
    "Period": {"start": "2024-05-06", "end": "2024-05-07"},
    "Quantity": {"value": 1},
    "Range": {"low": {"value": 1}},
    "Ratio": {"numerator": {"value": 1}, "denominator": {"value": 2}},
    "Reference": {"display": "Joku"},
    "SampledData": {"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": "1"},
    "Signature": {
        "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}],
        "when": "2024-05-06T10:00:00+03:00",
        "who": {"display": "Joku"},
    },
    "Timing": {"event": ["2024-05-06"]},
}


def sample(definitions: Definitions, terms: Terminology, element: Json, code: str, type_name: str) -> Any:
    """A value for `element` of type `code` in the type `type_name`; None where there is none."""
    if code in ("BackboneElement", "Element"):
        return _backbone(definitions, terms, element, type_name)
    if code == "code":
        members = terms.membership(element.get("binding", {}).get("valueSet", ""))
        if members is not None and members.known and members.finite and members.codes:
            return min(members.codes)
    return copy.deepcopy(SAMPLES.get(code))


def _backbone(definitions: Definitions, terms: Terminology, element: Json, type_name: str) -> Json | None:
    """An object with what it must have."""
    made: Json = {}
    for path, child in rows(definitions, type_name).items():
        if path.rpartition(".")[0] == element["path"] and child.get("min"):
            codes = types_of(child) or ["BackboneElement"]
            value = sample(definitions, terms, child, codes[0], type_name)
            if value is None:
                return None
            name = path.rpartition(".")[2].replace("[x]", codes[0][:1].upper() + codes[0][1:])
            made[name] = value if child["max"] == "1" else [value]
    return made or {"id": "a1"}
