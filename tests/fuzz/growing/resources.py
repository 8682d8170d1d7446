"""What may grow in a resource that is validated."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.fhir import json
from tests.fuzz.growing.base import Growth, Work
from tests.fuzz.validate import validator
from tests.validation.kit import profile


def judged(resource: Callable[[int], Any]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        given = resource(size)
        validator().validate(given)
        data = json.encode(given)
        return lambda: validator().validate_text(data)

    return make


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", **more}


def bundle(kind: str, entry: Callable[[int], dict[str, Any]], **more: Any) -> Callable[[int], Any]:
    return lambda size: {"resourceType": "Bundle", "type": kind, **more, "entry": [entry(i) for i in range(size)]}


def referring(i: int) -> dict[str, Any]:
    links = [
        {"other": {"reference": f"http://x.example/Patient/{(i * 7 + j) % 100}"}, "type": "refer"} for j in range(10)
    ]
    return {"fullUrl": f"http://x.example/Patient/{i}", "resource": {**patient(link=links), "id": str(i)}}


def message(i: int) -> dict[str, Any]:
    links = [{"other": {"reference": f"Patient/{i + 1}"}, "type": "refer"}]
    return {"fullUrl": f"http://x.example/Patient/{i}", "resource": {**patient(link=links), "id": str(i)}}


def doc(size: int) -> Any:
    head = {"resourceType": "Composition", "id": "c", "status": "final", "title": "A", "type": {"text": "A"}}
    head |= {
        "date": "2026",
        "author": [{"reference": "Patient/0"}],
        "section": [{"title": "A", "entry": [{"reference": f"Patient/{i}"} for i in range(size)]}],
    }
    made: dict[str, Any] = bundle(
        "document", message, timestamp="2026-01-01T00:00:00Z", identifier={"value": "1", "system": "urn:x:y"}
    )(size)
    made["entry"].insert(0, {"fullUrl": "http://x.example/Composition/c", "resource": head})
    return made


def asking(size: int) -> Any:
    items = [
        {
            "linkId": str(i),
            "type": "string",
            "text": "A",
            "enableWhen": [{"question": str(max(0, i - 1)), "operator": "exists", "answerBoolean": True}],
        }
        for i in range(size)
    ]
    return {"resourceType": "Questionnaire", "status": "active", "item": items}


def answering(size: int) -> Any:
    items = [{"linkId": str(i), "answer": [{"valueString": "A"}]} for i in range(size)]
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "#q",
        "contained": [{**asking(size), "id": "q"}],
        "item": items,
    }


def options(size: int) -> Any:
    rows = [{"valueCoding": {"system": "urn:x:y", "code": str(i)}} for i in range(size)]
    asked = {
        "resourceType": "Questionnaire",
        "id": "q",
        "status": "active",
        "item": [{"linkId": "1", "type": "choice", "repeats": True, "answerOption": rows}],
    }
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "#q",
        "contained": [asked],
        "item": [{"linkId": "1", "answer": rows}],
    }


def nested(size: int) -> Any:
    node: dict[str, Any] = {"url": "http://x.example/x", "valueString": "x"}
    for _ in range(min(size, 45)):
        node = {"url": "http://x.example/x", "extension": [node]}
    return patient(extension=[node] * 5)


def concepts(size: int) -> Any:
    rows = [{"code": f"c{i}", "display": "x"} for i in range(size)]
    return {
        "resourceType": "CodeSystem",
        "status": "active",
        "content": "complete",
        "url": "http://x.example/c",
        "concept": rows,
    }


def valuesets(size: int) -> Any:
    rows = [{"system": "http://x.example/c", "concept": [{"code": f"c{i}"} for i in range(size)]}]
    return {"resourceType": "ValueSet", "status": "active", "url": "http://x.example/v", "compose": {"include": rows}}


def differential(size: int) -> Any:
    rows = [
        {"id": "Patient", "path": "Patient"},
        *({"id": f"Patient.name:n{i}", "path": "Patient.name", "sliceName": f"n{i}"} for i in range(size)),
    ]
    return profile("x", "Patient", *rows)


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">'
REFERRING = "http://x.example/Patient/0"
VALIDATION = [
    Growth("validate: references in a Bundle", 50, judged(bundle("collection", referring))),
    Growth(
        "validate: entries of a transaction",
        50,
        judged(
            bundle(
                "transaction",
                lambda i: {
                    "fullUrl": f"urn:uuid:{i:08}-0000-4000-8000-000000000000",
                    "resource": patient(),
                    "request": {"method": "PUT", "url": "Patient/p"},
                },
            )
        ),
    ),
    Growth("validate: a document", 50, judged(doc)),
    Growth("validate: a message", 50, judged(bundle("message", message))),
    Growth(
        "validate: entries with one fullUrl",
        50,
        judged(bundle("collection", lambda i: {"fullUrl": "http://x.example/Patient/p", "resource": patient()})),
    ),
    Growth(
        "validate: a searchset",
        50,
        judged(
            bundle(
                "searchset",
                lambda i: {
                    "fullUrl": f"http://x.example/Patient/{i}",
                    "resource": {**patient(), "id": str(i)},
                    "search": {"mode": "match"},
                },
            )
        ),
    ),
    Growth(
        "validate: a history",
        50,
        judged(
            bundle(
                "history",
                lambda i: {
                    "fullUrl": REFERRING,
                    "resource": {**patient(meta={"versionId": str(i)}), "id": "0"},
                    "request": {"method": "PUT", "url": "Patient/0"},
                    "response": {"status": "200"},
                },
            )
        ),
    ),
    Growth(
        "validate: links of a Bundle",
        50,
        judged(
            lambda n: {
                "resourceType": "Bundle",
                "type": "searchset",
                "link": [{"relation": f"r{i}", "url": "http://x"} for i in range(n)],
            }
        ),
    ),
    Growth(
        "validate: contained resources",
        50,
        judged(
            lambda n: patient(
                contained=[{"resourceType": "Organization", "id": f"o{i}", "name": "A"} for i in range(n)],
                generalPractitioner=[{"reference": f"#o{i}"} for i in range(n)],
            )
        ),
    ),
    Growth(
        "validate: contained resources nobody names",
        50,
        judged(
            lambda n: patient(
                contained=[{"resourceType": "Organization", "id": f"o{i}", "name": "A"} for i in range(n)]
            )
        ),
    ),
    Growth(
        "validate: contained resources that name each other",
        50,
        judged(
            lambda n: patient(
                contained=[
                    {"resourceType": "Organization", "id": f"o{i}", "name": "A", "partOf": {"reference": f"#o{i + 1}"}}
                    for i in range(n)
                ],
                managingOrganization={"reference": "#o0"},
            )
        ),
    ),
    Growth(
        "validate: contained resources with the same id",
        50,
        judged(
            lambda n: patient(
                contained=[{"resourceType": "Organization", "id": "o", "name": "A"} for i in range(n)],
                generalPractitioner=[{"reference": "#o"}] * n,
            )
        ),
    ),
    Growth(
        "validate: extensions",
        100,
        judged(lambda n: patient(extension=[{"url": f"http://x.example/{i}", "valueString": "x"} for i in range(n)])),
    ),
    Growth("validate: nested extensions", 5, judged(nested)),
    Growth("validate: names", 200, judged(lambda n: patient(name=[{"given": [str(i)]} for i in range(n)]))),
    Growth(
        "validate: identifiers in slices",
        200,
        judged(
            lambda n: patient(
                meta={"profile": ["https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-patient"]},
                identifier=[{"system": "urn:oid:1.2.246.21", "value": str(i)} for i in range(n)],
            )
        ),
    ),
    Growth(
        "validate: profiles named",
        50,
        judged(lambda n: patient(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/Patient"] * n})),
    ),
    Growth(
        "validate: unknown profiles named",
        50,
        judged(lambda n: patient(meta={"profile": [f"http://x.example/{i}" for i in range(n)]})),
    ),
    Growth(
        "validate: security labels",
        100,
        judged(
            lambda n: patient(
                meta={
                    "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]
                    * n
                }
            )
        ),
    ),
    Growth("validate: unknown elements", 100, judged(lambda n: patient(**{f"x{i}": 1 for i in range(n)}))),
    Growth("validate: one long unknown element", 5000, judged(lambda n: patient(**{"x" * n: 1}))),
    Growth("validate: nulls in a list", 500, judged(lambda n: patient(name=[{"given": [None] * n}]))),
    Growth(
        "validate: digits of a decimal",
        2000,
        judged(
            lambda n: {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "A"},
                "valueQuantity": {"value": Decimal("1." + "1" * n)},
            }
        ),
    ),
    Growth("validate: questionnaire items", 50, judged(asking)),
    Growth("validate: answers", 50, judged(answering)),
    Growth("validate: options and answers", 50, judged(options)),
    Growth("validate: concepts of a CodeSystem", 200, judged(concepts)),
    Growth("validate: concepts of a ValueSet", 200, judged(valuesets)),
    Growth("validate: slices of a StructureDefinition", 20, judged(differential)),
    Growth(
        "validate: parameters",
        100,
        judged(
            lambda n: {
                "resourceType": "Parameters",
                "parameter": [{"name": str(i), "valueString": "x"} for i in range(n)],
            }
        ),
    ),
    Growth(
        "validate: activities",
        20,
        judged(
            lambda n: {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "subject": {"display": "A"},
                "activity": [{"detail": {"status": "in-progress", "description": "A"}} for _ in range(n)],
            }
        ),
    ),
    Growth(
        "validate: goals",
        50,
        judged(
            lambda n: {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "subject": {"display": "A"},
                "goal": [{"reference": f"Goal/{i}"} for i in range(n)],
            }
        ),
    ),
    Growth(
        "validate: a Composition of a section in a section",
        5,
        judged(
            lambda n: {
                "resourceType": "Composition",
                "status": "final",
                "type": {"text": "A"},
                "date": "2026",
                "author": [{"display": "A"}],
                "title": "A",
                "section": [_sections(min(n, 45))],
            }
        ),
    ),
]


def _sections(depth: int) -> dict[str, Any]:
    return (
        {"title": "A", "section": [_sections(depth - 1)]}
        if depth
        else {"title": "A", "text": {"status": "empty", "div": XHTML + "x</div>"}}
    )
