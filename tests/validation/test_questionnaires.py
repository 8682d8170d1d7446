"""Responses against their questionnaires. https://hl7.org/fhir/R4/questionnaireresponse.html#notes"""

from decimal import Decimal
from typing import Any

import pytest

from tests.validation.kit import TEXT, judge, kinds

URL = "https://yhdessa.example/fhir/Questionnaire/q"
CORE = "http://hl7.org/fhir/StructureDefinition/"


def asked(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "url": URL, "status": "active", "name": "Q", "item": list(items)}


def answered(*items: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "text": TEXT,
        "questionnaire": URL,
        "status": status,
        "item": list(items),
    }


def question(link: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"linkId": link, "type": kind, **more}


def item(link: str, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"linkId": link, **({"answer": list(answers)} if answers else {}), **more}


def limited(name: str, **value: Any) -> dict[str, Any]:
    return {"extension": [{"url": CORE + name, **value}]}


RED = {"system": "urn:x:c", "code": "red"}
ALONE = {**limited("questionnaire-optionExclusive", valueBoolean=True), "valueCoding": {**RED, "code": "none"}}
OPTIONS = [{"valueCoding": RED}, {"valueCoding": {**RED, "code": "blue"}}, ALONE]
ASKS_NEXT = {"question": "1", "operator": "=", "answerBoolean": True}


@pytest.mark.parametrize(
    ("questions", "items", "expected"),
    [
        ([question("1", "string")], [item("1", {"valueString": "A"})], []),
        ([question("1", "string")], [item("2", {"valueString": "A"})], ["answer-unknown"]),
        ([question("1", "string", required=True)], [], ["answer-missing"]),
        ([question("1", "string", required=True)], [item("1")], ["answer-missing"]),
        ([question("1", "boolean")], [item("1", {"valueString": "A"})], ["answer-type"]),
        ([question("1", "decimal")], [item("1", {"valueInteger": 1})], ["answer-type"]),
        ([question("1", "string")], [item("1", {"valueString": "A"}, {"valueString": "B"})], ["answer-repeats"]),
        ([question("1", "string", repeats=True)], [item("1", {"valueString": "A"}, {"valueString": "B"})], []),
        ([question("1", "string"), question("2", "string")], [item("2"), item("1")], ["answer-order"]),
        ([question("1", "string")], [item("1"), item("1")], ["answer-item-repeats"]),
        ([question("1", "display")], [item("1", {"valueString": "A"})], ["answer-not-asked"]),
        (
            [question("1", "group", item=[question("2", "string")])],
            [item("1", item=[item("2", {"valueString": "A"})])],
            [],
        ),
        (
            [question("1", "group", item=[question("2", "string")])],
            [item("2", {"valueString": "A"})],
            ["answer-misplaced"],
        ),
        ([question("1", "group", required=True, item=[question("2", "string")])], [item("1")], ["answer-group-empty"]),
        (
            [question("1", "boolean", item=[question("2", "string", required=True)])],
            [item("1", {"valueBoolean": True})],
            ["answer-missing"],
        ),
        ([question("1", "choice", answerOption=OPTIONS)], [item("1", {"valueCoding": RED})], []),
        (
            [question("1", "choice", answerOption=OPTIONS)],
            [item("1", {"valueCoding": {**RED, "code": "x"}})],
            ["answer-option"],
        ),
        ([question("1", "open-choice", answerOption=OPTIONS)], [item("1", {"valueString": "x"})], []),
        (
            [question("1", "choice", answerOption=OPTIONS, repeats=True)],
            [item("1", {"valueCoding": RED}, {"valueCoding": {**RED, "code": "none"}})],
            ["answer-exclusive"],
        ),
        (
            [question("1", "choice", answerValueSet="http://hl7.org/fhir/ValueSet/administrative-gender")],
            [item("1", {"valueCoding": {"system": "http://hl7.org/fhir/administrative-gender", "code": "x"}})],
            ["code-unknown", "answer-option"],
        ),
        (
            [question("1", "integer", **limited("minValue", valueInteger=5))],
            [item("1", {"valueInteger": 4})],
            ["min-value"],
        ),
        ([question("1", "integer", **limited("maxValue", valueInteger=5))], [item("1", {"valueInteger": 5})], []),
        (
            [question("1", "date", **limited("maxValue", valueDate="2020-01-01"))],
            [item("1", {"valueDate": "2020-01-02"})],
            ["max-value"],
        ),
        ([question("1", "string", maxLength=1)], [item("1", {"valueString": "AB"})], ["max-length"]),
        (
            [question("1", "string", **limited("minLength", valueInteger=3))],
            [item("1", {"valueString": "AB"})],
            ["answer-short"],
        ),
        (
            [question("1", "string", **limited("regex", valueString="[0-9]+"))],
            [item("1", {"valueString": "AB"})],
            ["answer-format"],
        ),
        (
            [question("1", "string", **limited("regex", valueString="(a+)+b"))],
            [item("1", {"valueString": "a" * 5000})],
            ["answer-format"],
        ),
        (
            [question("1", "string", **limited("regex", valueString=r"(?=(a+)+$)b"))],
            [item("1", {"valueString": "a" * 5000})],
            [],
        ),
        ([question("1", "string")], [item("1", {"valueString": "A\nB"})], ["answer-lines"]),
        (
            [question("1", "decimal", **limited("maxDecimalPlaces", valueInteger=1))],
            [item("1", {"valueDecimal": Decimal("1.25")})],
            ["answer-places"],
        ),
        (
            [question("1", "string", repeats=True, **limited("questionnaire-maxOccurs", valueInteger=1))],
            [item("1", {"valueString": "A"}, {"valueString": "B"})],
            ["answer-many"],
        ),
        (
            [question("1", "reference", **limited("questionnaire-referenceResource", valueCode="Patient"))],
            [item("1", {"valueReference": {"reference": "Group/1"}})],
            ["reference-target"],
        ),
        (
            [question("1", "boolean"), question("2", "string", required=True, enableWhen=[ASKS_NEXT])],
            [item("1", {"valueBoolean": False})],
            [],
        ),
        (
            [question("1", "boolean"), question("2", "string", required=True, enableWhen=[ASKS_NEXT])],
            [item("1", {"valueBoolean": True})],
            ["answer-missing"],
        ),
        (
            [question("1", "boolean"), question("2", "string", enableWhen=[ASKS_NEXT])],
            [item("1", {"valueBoolean": False}), item("2", {"valueString": "A"})],
            ["answer-disabled"],
        ),
    ],
)
def test_answers(questions: list[dict[str, Any]], items: list[dict[str, Any]], expected: list[str]) -> None:
    response = answered(*items)
    if not items:
        del response["item"]
    assert kinds(judge(response, asked(*questions), profiles=())) == expected


def test_an_unfinished_response_may_have_gaps() -> None:
    response = answered(item("2", {"valueString": "A"}), status="in-progress")
    questionnaire = asked(question("1", "string", required=True), question("2", "string"))
    assert [one.severity for one in judge(response, questionnaire, profiles=())] == ["warning"]


def test_a_contained_questionnaire() -> None:
    response = answered(item("1", {"valueString": "A"}))
    inside = {**asked(question("1", "boolean")), "id": "q"}
    found = judge({**response, "questionnaire": "#q", "contained": [inside]})
    assert "answer-type" in kinds(found)
