"""Primitive values: the spec's own rules, and the lexical cases of the shared suite."""

from decimal import Decimal
from typing import Any

import pytest

from service.fhir import json
from service.fhir.definitions import core
from service.fhir.values import PRIMITIVES
from service.issues import kinds
from tests.shared import shared

GOOD: list[tuple[str, Any]] = [
    ("base64Binary", "aGVp"),
    ("base64Binary", "aGVp\r\n aGVpaA=="),
    ("boolean", False),
    ("canonical", "http://example.org/fhir/ValueSet/a|1.0#b"),
    ("canonical", "#contained"),
    ("canonical", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520|1.0"),
    ("code", "a b"),
    ("date", "2024-02-29"),
    ("date", "2023"),
    ("dateTime", "2026-03-29T03:30:00.123+02:00"),
    ("dateTime", "2016-12-31T23:59:60Z"),
    ("decimal", Decimal("1.50")),
    ("decimal", 3),
    ("id", "A-1.b"),
    ("instant", "2026-01-01T10:00:00+14:00"),
    ("integer", -2_147_483_648),
    ("markdown", "# Otsikko\n\tteksti"),
    ("oid", "urn:oid:1.2.246.21"),
    ("positiveInt", 2_147_483_647),
    ("string", " Väinö "),
    ("time", "23:59:59.5"),
    ("unsignedInt", 0),
    ("uri", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"),
    ("uri", "relative"),
    ("uri", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520#a"),
    ("url", "mailto:a@example.org"),
    ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'),
]

BAD: list[tuple[str, Any, str]] = [
    ("base64Binary", "aGV", "base64"),
    ("base64Binary", "a=Vp", "base64"),
    ("base64Binary", " ", "base64"),
    ("boolean", "true", "boolean"),
    ("canonical", "http://example.org/ a", "uri"),
    ("canonical", "http://example.org/a|1 0", "uri"),
    ("canonical", "Questionnaire/a", "canonical"),
    ("canonical", "|1.0", "empty"),
    ("canonical", "urn:uuid:1234|1.0", "uuid"),
    ("code", " a", "code"),
    ("code", "a  b", "code"),
    ("code", "a ", "code"),
    ("code", "", "empty"),
    ("date", "2023-02-29", "no-such-date"),
    ("date", "1900-02-29", "no-such-date"),
    ("date", "2023-04-31", "no-such-date"),
    ("date", "2023-2-1", "date"),
    ("date", "0000", "date"),
    ("date", "2023-02-01T10:00:00Z", "date"),
    ("date", "2023-02-01\n", "date"),
    ("dateTime", "2023-02-30T10:00:00Z", "no-such-date"),
    ("dateTime", "2023-02-01T10:00:00", "zone-missing"),
    ("dateTime", "2023-02-01T10:00Z", "date-time"),
    ("dateTime", "2023-02-01T24:00:00Z", "date-time"),
    ("dateTime", "2023-02-01T10:00:00+15:00", "date-time"),
    ("decimal", "1.0", "decimal"),
    ("decimal", True, "decimal"),
    ("id", "a" * 65, "id"),
    ("id", "a_b", "id"),
    ("instant", "2023-02-01", "instant"),
    ("instant", "2023-02-01T10:00:00", "zone-missing"),
    ("integer", Decimal("1.0"), "integer"),
    ("integer", True, "integer"),
    ("integer", 2_147_483_648, "integer-range"),
    ("markdown", "", "empty"),
    ("oid", "1.2.246", "oid"),
    ("oid", "urn:oid:3.1", "oid"),
    ("oid", "urn:oid:1.02", "oid"),
    ("positiveInt", 0, "positive"),
    ("string", "", "empty"),
    ("string", " \t", "only-whitespace"),
    ("string", "a\x07", "control-character"),
    ("string", "a" * 1_048_577, "too-long"),
    ("string", 5, "string"),
    ("string", ["a"], "string"),
    ("time", "24:00:00", "time"),
    ("time", "10:00", "time"),
    ("unsignedInt", -1, "unsigned"),
    ("uri", "a b", "uri"),
    ("uri", "urn:oid:1.2.", "oid"),
    ("uri", "urn:uuid:1234", "uuid"),
    ("uri", "oid:1.2", "uri-scheme"),
    ("uuid", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "uuid"),
    ("xhtml", {"a": 1}, "string"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_good_value(name: str, value: Any) -> None:
    assert PRIMITIVES[name](value) is None


@pytest.mark.parametrize(("name", "value", "key"), BAD)
def test_bad_value(name: str, value: Any, key: str) -> None:
    assert PRIMITIVES[name](value) == f"values.{key}"
    assert f"values.{key}" in kinds()


def test_every_primitive_type_of_r4_has_a_checker() -> None:
    assert {name for name, kind in core().types().items() if kind == "primitive-type"} == set(PRIMITIVES)


def test_shared_lexical_cases() -> None:
    wrong = []
    for line in shared("suites", "validator", "primitives.jsonl").read_text("utf-8").splitlines():
        case = json.parse(line)
        value, name = json.parse(case["json"]), case["type"]
        head, *rest = name.split("_")
        name = head + "".join(part.capitalize() for part in rest)
        if name == "reference":
            verdict = all(core().model.child("Reference", key) for key in value)
        else:
            verdict = PRIMITIVES[name](value) is None
        if verdict != (case["expected"] == "valid"):
            wrong.append(case)
    assert wrong == []
