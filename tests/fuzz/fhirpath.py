"""Any text as FHIRPath over any of a few resources: an answer or a `PathError` with a place."""

import functools
import json
from random import Random
from typing import Any

from service.fhir.definitions import core
from service.fhir.json import parse as parse_json
from service.fhir.path import PathError, compile_test, evaluate, parse
from tests.fhir.path.suite import NOW, Env
from tests.fhir.path.test_robust import PATIENT, WORDS
from tests.fuzz.kit import told
from tests.fuzz.mutation import text_mutant
from tests.shared import ROOT

ENV = Env(now=NOW, html_checks=lambda text: True, member_of=lambda url, value: None)
SUITE = ROOT.parent / "shared" / "suites" / "fhirpath"
OWN = ("name.where(use = 'official').given.first() & ' ' & name.family", "iif(active, 1 'mg' * 2, @2015 + 3 months)")


@functools.cache
def resources() -> list[Any]:
    """What expressions are asked of: the official inputs where they are, and one of ours."""
    found = [parse_json(file.read_bytes()) for file in sorted(SUITE.glob("inputs/*.json"))]
    return [PATIENT, *(one for one in found if len(json.dumps(one, default=str)) < 50_000)]


def seeds() -> list[bytes]:
    invariants = [
        constraint["expression"]
        for name in ("Patient", "CarePlan", "Bundle", "Questionnaire", "ElementDefinition")
        for element in (core().structure(name) or {})["snapshot"]["element"]
        for constraint in element.get("constraint", ())
        if "expression" in constraint
    ]
    suite = SUITE / "tests-r4.jsonl"
    rows = suite.read_text("utf-8").splitlines() if suite.exists() else []
    official = [json.loads(row)["expression"] for row in rows]
    return [one.encode() for one in dict.fromkeys((*OWN, *invariants, *official))]


def mutate(data: bytes, rng: Random) -> bytes:
    return text_mutant(data, rng, WORDS)


def once(data: bytes) -> None:
    expression = data.decode("utf-8", "replace")
    try:
        parse(expression)
    except PathError as error:
        assert error.issue.line is not None or error.issue.key == "fhirpath.too-long"
        told([error.issue])
        return
    resource = resources()[len(data) % len(resources())]
    model = core().model
    for typed, strict in ((True, True), (False, False)):
        try:
            evaluate(expression, resource, env=ENV, model=model if typed else None, strict=strict)
        except PathError as error:
            told([error.issue])
    try:
        compile_test(expression, model=model, context=resource["resourceType"])(resource, ENV)
    except PathError as error:
        told([error.issue])


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("fhirpath")
