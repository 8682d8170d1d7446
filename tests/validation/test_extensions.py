"""Extensions against their definitions. https://hl7.org/fhir/R4/extensibility.html"""

from typing import Any

import pytest

from tests.validation.kit import ROOT, TEXT, extended, judge, kinds, sliced

PATIENT: dict[str, Any] = {"resourceType": "Patient", "text": TEXT, "name": [{"family": "A"}]}
CODE = {"id": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]}
PARTS = extended(
    "parts",
    {"id": "Extension.extension", **sliced("value", "url")},
    {"id": "Extension.extension:who", "min": 1, "max": "1"},
    {"id": "Extension.extension:who.url", "fixedUri": "who"},
    {"id": "Extension.extension:who.value[x]", "min": 1, "type": [{"code": "string"}]},
    {"id": "Extension.extension:when", "max": "1"},
    {"id": "Extension.extension:when.url", "fixedUri": "when"},
    {"id": "Extension.extension:when.value[x]", "type": [{"code": "date"}]},
    {"id": "Extension.value[x]", "max": "0"},
)


def having(*extensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**PATIENT, "extension": list(extensions), **more}


def part(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}


def test_the_value_of_an_extension() -> None:
    flag = extended("flag", CODE)
    assert judge(having(part(flag["url"], valueCode="x")), flag, profiles=()) == []
    found = judge(having(part(flag["url"], valueString="x")), flag, profiles=())
    assert [(one.key, one.pointer, one.profile) for one in found] == [
        ("validation.type-not-allowed", "/extension/0/valueString", flag["url"])
    ]
    assert kinds(judge(having(part(flag["url"])), flag, profiles=())) == ["ext-1", "minimum"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part("who", valueString="A")], []),
        ([part("who", valueString="A"), part("when", valueDate="2020")], []),
        ([part("when", valueDate="2020")], ["slice-minimum"]),
        ([part("who", valueString="A"), part("who", valueString="B")], ["slice-maximum"]),
        ([part("who", valueBoolean=True)], ["type-not-allowed"]),
        ([part("who", valueString="A"), part("where", valueString="B")], ["extension-part"]),
    ],
)
def test_the_parts_of_an_extension(parts: list[dict[str, Any]], expected: list[str]) -> None:
    assert kinds(judge(having({"url": ROOT + "parts", "extension": parts}), PARTS, profiles=())) == expected


def test_an_extension_has_a_value_or_parts() -> None:
    both = {"url": ROOT + "parts", "extension": [part("who", valueString="A")], "valueString": "A"}
    assert kinds(judge(having(both), PARTS, profiles=())) == ["ext-1", "not-allowed"]


def test_extensions_that_nobody_knows() -> None:
    unknown = having(part("https://yhdessa.example/x", valueString="A"))
    assert judge(unknown) == []
    assert kinds(judge(unknown, unknown_extensions="error")) == ["extension-unknown"]
    assert kinds(judge({**PATIENT, "modifierExtension": unknown["extension"]})) == ["modifier-unknown"]
    assert kinds(judge(having(part("x", valueString="A")))) == ["extension-url"]
    assert kinds(judge(having({"valueString": "A"}))) == ["required"]


def test_modifiers_stand_where_modifiers_stand() -> None:
    flag = extended("flag", CODE, isModifier=True)
    extension = part(flag["url"], valueCode="x")
    assert kinds(judge(having(extension), flag, profiles=())) == ["extension-is-modifier"]
    assert judge({**PATIENT, "modifierExtension": [extension]}, flag, profiles=()) == []
    plain = extended("plain", CODE)
    wrong = {**PATIENT, "modifierExtension": [part(plain["url"], valueCode="x")]}
    assert kinds(judge(wrong, plain, profiles=())) == ["extension-no-modifier"]


@pytest.mark.parametrize(
    ("context", "place", "allowed"),
    [
        ("Patient", "resource", True),
        ("DomainResource", "resource", True),
        ("Resource", "resource", True),
        ("Practitioner", "resource", False),
        ("Patient.name", "name", True),
        ("HumanName", "name", True),
        ("Element", "name", True),
        ("Patient", "name", False),
        ("HumanName.family", "family", True),
        ("Patient.name.family", "family", True),
        ("string", "family", True),
        ("date", "family", False),
        ("Patient.deceased[x]", "deceased", True),
        ("Patient.contact", "contact", True),
        ("BackboneElement", "contact", True),
        ("Patient.link", "contact", False),
    ],
)
def test_where_an_extension_may_stand(context: str, place: str, allowed: bool) -> None:
    flag = extended("flag", CODE, context=context)
    extension = {"extension": [part(flag["url"], valueCode="x")]}
    patient = {
        "resource": {**PATIENT, **extension},
        "name": {**PATIENT, "name": [{"family": "A", **extension}]},
        "family": {**PATIENT, "name": [{"family": "A", "_family": extension}]},
        "deceased": {**PATIENT, "deceasedBoolean": True, "_deceasedBoolean": extension},
        "contact": {**PATIENT, "contact": [{"name": {"text": "A"}, **extension}]},
    }[place]
    assert kinds(judge(patient, flag, profiles=())) == ([] if allowed else ["extension-context"])


def test_an_extension_of_an_extension() -> None:
    inner = {**extended("inner", CODE), "context": [{"type": "extension", "expression": ROOT + "outer"}]}
    outer = extended("outer", {"id": "Extension.value[x]", "type": [{"code": "string"}]})
    extension = part(inner["url"], valueCode="x")
    value = {"url": outer["url"], "valueString": "A", "extension": [extension]}
    assert "extension-context" not in kinds(judge(having(value), inner, outer, profiles=()))
    assert kinds(judge(having(extension), inner, outer, profiles=())) == ["extension-context"]


def test_a_context_counts_within_the_resource_that_is_nearest() -> None:
    flag = extended("flag", CODE, context="Organization")
    inside = {"resourceType": "Organization", "id": "o", "name": "A", "extension": [part(flag["url"], valueCode="x")]}
    patient = {**PATIENT, "contained": [inside], "managingOrganization": {"reference": "#o"}}
    assert judge(patient, flag, profiles=()) == []
