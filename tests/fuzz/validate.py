"""Any JSON as a resource, against our profiles and the Finnish ones: issues with places, and nothing else."""

import functools
from random import Random

from service.fhir import json
from service.fhir.definitions import ours
from service.issues import outcome
from service.validation import Validator
from tests.fuzz import convert
from tests.fuzz.kit import told
from tests.fuzz.mutation import json_mutant
from tests.shared import ROOT
from tests.validation.test_robust import document, response

SUITE = ROOT.parent / "shared" / "suites" / "validator" / "valid"


@functools.cache
def validator() -> Validator:
    return Validator(ours())


def seeds() -> list[bytes]:
    bundles = [text for text in convert.seeds() if b'"resourceType":"Bundle"' in text[:60]]
    parts = {one["resource"]["resourceType"]: one["resource"] for text in bundles for one in json.parse(text)["entry"]}
    official = [data for file in sorted(SUITE.rglob("*.json")) if len(data := file.read_bytes()) < 6000]
    resources = [json.encode(one) for one in (*parts.values(), response(), document())]
    return [*resources, *bundles[:4], *official[:150]]


def mutate(data: bytes, rng: Random) -> bytes:
    return json_mutant(data, rng)


def once(data: bytes) -> None:
    found = validator().validate_text(data)
    told(found)
    assert outcome(found)["issue"]


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("validate")
