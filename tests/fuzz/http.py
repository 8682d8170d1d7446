"""Any body to the operations of the HTTP face: never a 500, and every error is an OperationOutcome.

The first byte of an input chooses the address, the rest is the body.
"""

import functools
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from flask.testing import FlaskClient

from service.api.app import create_app
from service.api.engine import load
from service.config import load as settings
from service.fhir import json
from tests.fuzz import convert, validate
from tests.fuzz.mutation import json_mutant

PATHS = (
    "/fhir/$validate",
    "/fhir/Patient/$validate",
    "/fhir/Parameters/$validate",
    "/documents?dry-run=true",
    "/fhir/StructureMap/$transform",
    "/fhir/ValueSet/$expand",
    "/fhir/ValueSet/$validate-code",
    "/fhir/CodeSystem/$lookup",
    "/fhir/ConceptMap/$translate",
)


@functools.cache
def client() -> FlaskClient:
    # A store of its own: that of the checkout may be of an older revision.
    app = create_app(engine=load(settings(max_body=2_000_000, data=Path(mkdtemp(prefix="yhdessa-fuzz-")))))
    return app.test_client()


def seeds() -> list[bytes]:
    resource = {"resourceType": "Patient", "name": [{"family": "A"}]}
    profile = "http://hl7.org/fhir/StructureDefinition/Patient"
    rows = {
        0: [{"name": "resource", "resource": resource}, {"name": "profile", "valueCanonical": profile}],
        4: [{"name": "content", "resource": {"kind": "meeting"}}, {"name": "source", "valueUri": "base"}],
        5: [{"name": "url", "valueUri": "http://hl7.org/fhir/ValueSet/administrative-gender"}],
        6: [
            {"name": "url", "valueUri": "http://hl7.org/fhir/ValueSet/administrative-gender"},
            {"name": "coding", "valueCoding": {"system": "http://hl7.org/fhir/administrative-gender", "code": "male"}},
        ],
        7: [
            {"name": "system", "valueUri": "http://hl7.org/fhir/administrative-gender"},
            {"name": "code", "valueCode": "male"},
        ],
        8: [{"name": "code", "valueCode": "a"}, {"name": "system", "valueUri": "urn:x:y"}],
    }
    asked = [
        bytes([path]) + json.encode({"resourceType": "Parameters", "parameter": row}) for path, row in rows.items()
    ]
    documents = [bytes([3]) + text for text in convert.seeds()[:15]]
    return [*asked, *documents, *(bytes([0]) + text for text in validate.seeds()[:20])]


def mutate(data: bytes, rng: Random) -> bytes:
    head = data[:1] if rng.random() < 0.9 else bytes([rng.randrange(len(PATHS))])
    return (head or b"\0") + json_mutant(data[1:], rng)


def once(data: bytes) -> None:
    path = PATHS[(data[0] if data else 0) % len(PATHS)]
    answer = client().post(path, data=data[1:], content_type="application/json")
    assert answer.status_code < 500, (path, answer.status_code)
    if answer.status_code >= 400:
        assert json.parse(answer.data)["resourceType"] == "OperationOutcome"


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("http")
