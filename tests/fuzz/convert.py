"""Any JSON as a source document, or as a Bundle on the way back: a result, or issues with pointers."""

import functools
from random import Random

from service import assets
from service.fhir import json
from service.intake import check
from service.issues import has_errors
from service.pipeline import Converter
from service.print.face import narrative
from tests.fuzz.kit import told
from tests.fuzz.mutation import json_mutant


@functools.cache
def converter() -> Converter:
    return Converter.load(key=b"a key for tests only, 32 bytes..", narrator=narrative)


def seeds() -> list[bytes]:
    texts = [file.read_bytes() for file in sorted((assets.schemas() / "source" / "examples").glob("*.json"))]
    bundles = [converter().convert_text(text).bundle for text in texts]
    return [*texts, *(json.encode(one) for one in bundles if one is not None)]


def mutate(data: bytes, rng: Random) -> bytes:
    return json_mutant(data, rng)


def once(data: bytes) -> None:
    made = converter().convert_text(data)
    told(made.issues)
    assert (made.bundle is None) == has_errors(made.issues)
    # What our own maps made of a document that passed the check must be valid: such an error is ours, not the sender's.
    ours = [one for one in made.issues if one.is_error and one.expression is not None]
    assert not ours, [(one.expression, one.text()) for one in ours]
    if isinstance(made.document, dict) and made.document.get("resourceType") == "Bundle":
        told(converter().restore(made.document).issues)
    elif made.document is not None:
        told(check(made.document, test_mode=False))


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("convert")
