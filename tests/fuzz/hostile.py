"""Inputs that are large or deep or made to explode: made here, so that they need not lie in the corpus as files."""

import json
from collections.abc import Mapping
from typing import Any

from tests.fuzz.packages import MANIFEST

BAD = "a" * 400 + "!"
GROUP = "group A(source s, target t) {"


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _patient(**more: Any) -> bytes:
    return _text({"resourceType": "Patient", **more})


def _nested(depth: int, inner: str = "1") -> str:
    return '{"a":[' * depth + inner + "]}" * depth


def _questionnaire(pattern: str, answer: str) -> bytes:
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": pattern}
    asked = {"linkId": "1", "type": "string", "extension": [extension]}
    return _text(
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": "#q",
            "contained": [{"resourceType": "Questionnaire", "id": "q", "status": "active", "item": [asked]}],
            "item": [{"linkId": "1", "answer": [{"valueString": answer}]}],
        }
    )


def _options(count: int) -> bytes:
    rows = [{"valueCoding": {"system": "urn:x:y", "code": str(number)}} for number in range(count)]
    asked = {"linkId": "1", "type": "choice", "repeats": True, "answerOption": rows}
    return _text(
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": "#q",
            "contained": [{"resourceType": "Questionnaire", "id": "q", "status": "active", "item": [asked]}],
            "item": [{"linkId": "1", "answer": rows}],
        }
    )


def _filtered(pattern: str) -> bytes:
    concepts = [{"code": "a" * 180}, {"code": "b"}]
    row = {"property": "code", "op": "regex", "value": pattern}
    return _text(
        {
            "package/package.json": MANIFEST,
            "package/CodeSystem-c.json": {
                "resourceType": "CodeSystem",
                "url": "urn:x:c",
                "status": "active",
                "content": "complete",
                "concept": concepts,
            },
            "package/ValueSet-v.json": {
                "resourceType": "ValueSet",
                "url": "urn:x:v",
                "status": "active",
                "compose": {"include": [{"system": "urn:x:c", "filter": [row]}]},
            },
        }
    )


def _constants(count: int) -> bytes:
    lines = ["let c0 = 'x'.lower();", "let c1 = 'y'.lower();"]
    lines += [f"let c{number + 2} = %c{number} & %c{number + 1};" for number in range(count)]
    return "\n".join([*lines, f"{GROUP} s.a as v -> t.b = (%c{min(count, 15)}); }}"]).encode()


INPUTS: Mapping[str, Mapping[str, bytes]] = {
    "json": {
        "deep": _nested(50_000).encode(),
        "open-string": b'"' + b'\\"' * 200_000,
        "open-string-in-list": b'["' + b'\\\\\\"' * 100_000,
        "long-key": _text({"k" * 50_000: [1] * 50_000}),
        "many-keys": _text({str(number): 1 for number in range(50_000)}),
        "digits": b"1" * 200_000,
        "exponent": b"1e999999999999",
        "surrogates": b'"' + b"\\ud83d\\ude00" * 50_000 + b'\\ud83d"',
        "brackets": b"[" * 500_000,
    },
    "patterns": {
        "nested-repetition": f"(a+)+$\0{BAD}".encode(),
        "same-alternatives": f"^(a|a)*$\0{BAD}".encode(),
        "optional-parts": ("a?" * 40 + "a" * 40 + "\0" + "a" * 40).encode(),
        "choices-in-a-row": ("(a|aa)" * 40 + "b\0" + "a" * 80).encode(),
        "counted": ("((a{0,50}){0,50}){0,50}b\0" + BAD).encode(),
        "stars": ("a*" * 60 + "b\0" + BAD).encode(),
        "look-ahead": f"(?=(a+)+$)b\0{BAD}".encode(),
        "back-reference": f"(a+)+\\1b\0{BAD}".encode(),
        "long-text": ("(ab|b|a )*c\0" + "ab " * 20_000).encode(),
    },
    "fhirpath": {
        "parentheses": b"(" * 40_000 + b"1",
        "steps": b"a" + b".a" * 40_000,
        "signs": b"-" * 90_000 + b"1",
        "alternatives": " | ".join(f"'{number}'" for number in range(5000)).encode(),
        "string": b"'" + b"x" * 99_000 + b"'",
        "digits": b"1" * 99_000,
        "repeat": b"repeat($this & 'a')",
        "doubling": b"(1|2|3).repeatAll($this.combine($this))",
        "replace": b"('a'.replace('', 'aaaaaaaaaa')" + b".replace('a', 'aaaaaaaaaa')" * 12 + b").length()",
        "power": b"10.power(10).power(10).power(10).power(10)",
        "hostile-pattern": f"'{BAD}'.matches('(a+)+$')".encode(),
        "optional-parts": ("'" + "a" * 40 + "'.matches('" + "a?" * 40 + "a" * 40 + "')").encode(),
    },
    "fml": {
        "constants-of-constants": _constants(300),
        "open-string": b"'" + b"\\'" * 100_000,
        "open-backtick": b"`" + b"\\`" * 100_000,
        "words-on-one-line": b"group " * 50_000,
        "digits": f"{GROUP} s.a as v -> t.b = {'1' * 50_000}; }}".encode(),
        "digits-of-a-cardinality": f"{GROUP} s.a {'1' * 50_000}..* as v -> t.b = v; }}".encode(),
        "braces": (GROUP + "s then {" * 20_000).encode(),
        "parentheses": (f"{GROUP} s.a as v -> t.b = " + "(" * 20_000 + "1").encode(),
        "calls-itself": f"{GROUP} s.a as v -> t.b as w then A(s, w); }}".encode(),
        "extends-itself": b"group A(source s, target t) extends A { s.a as v -> t.b = v; }",
        "rows": (
            'conceptmap "#m" {\nprefix s = "a"\n' + "\n".join(f"s:a{number} == s:b" for number in range(3000)) + "\n}"
        ).encode(),
    },
    "validate": {
        "deep": b'{"resourceType":"Patient","extension":' + _nested(2000).encode() + b"}",
        "nested-extensions": (
            '{"resourceType":"Patient","extension":['
            + '{"url":"http://x","extension":[' * 45
            + '{"url":"http://x","valueString":"x"}'
            + "]}" * 45
            + "]}"
        ).encode(),
        "pattern-of-a-question": _questionnaire("(a+)+$", BAD),
        "optional-parts-of-a-question": _questionnaire("a?" * 40 + "a" * 40, "a" * 40),
        "options-and-answers": _options(3000),
        "long-text": _patient(name=[{"family": "A" * 500_000}], id="-" * 200_000),
        "long-unknown-key": _patient(**{"k" * 50_000: [1] * 20_000}),
        "narrative-entities": _patient(
            text={"status": "generated", "div": "<!DOCTYPE x [" + "<!ENTITY a '&b;'>" * 5000}
        ),
        "narrative-open-tags": _patient(text={"status": "generated", "div": "<div>" * 50_000}),
        "profiles": _patient(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/Patient"] * 2000}),
        "contained-in-a-ring": _patient(
            contained=[
                {"resourceType": "Organization", "id": f"o{number}", "partOf": {"reference": f"#o{(number + 1) % 200}"}}
                for number in range(200)
            ]
        ),
        "exponent": b'{"resourceType":"Observation","status":"final","valueQuantity":{"value":1e999999999}}',
    },
    "packages": {
        "optional-parts-of-a-filter": _filtered("a?" * 60 + "a" * 60),
        "nested-repetition-of-a-filter": _filtered("(a+)+b"),
        "base-of-itself": _text(
            {
                "package/package.json": MANIFEST,
                "package/StructureDefinition-p.json": {
                    "resourceType": "StructureDefinition",
                    "url": "urn:x:p",
                    "name": "p",
                    "status": "active",
                    "kind": "resource",
                    "abstract": False,
                    "type": "Patient",
                    "baseDefinition": "urn:x:p",
                    "derivation": "constraint",
                    "differential": {"element": [{"id": "Patient", "path": "Patient"}]},
                },
            }
        ),
    },
    "convert": {
        "deep": b'{"kind":"case","documents":' + _nested(2000).encode() + b"}",
        "unknown-keys": _text({"kind": "meeting"} | {f"x{number}": 1 for number in range(4000)}),
        "nothing": b"",
    },
    "http": {
        "deep": b"\0" + b'{"resourceType":"Patient","extension":' + _nested(2000).encode(),
        "not-utf-8": b"\0" + b'{"resourceType":"\xff"}',
        "parameters-in-parameters": b"\0"
        + b'{"resourceType":"Parameters","parameter":[{"name":"resource","part":' * 60
        + b"[]"
        + b"}]}" * 60,
        "no-json": b"\x05[",
    },
}
