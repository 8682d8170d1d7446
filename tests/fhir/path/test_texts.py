"""Every kind of failure has its text, and every text a failure that gives all its values."""

import re
from pathlib import Path

import service.fhir.path
from service.issues import LANGUAGES, kinds

SOURCES = list(Path(service.fhir.path.__file__).parent.rglob("*.py"))
CALL = re.compile(r"failure\(\s*\"([a-z-]+)\"(.*?)\)(?= from|\n|$)", re.DOTALL)


def test_texts_and_failures_match() -> None:
    given: dict[str, list[set[str]]] = {}
    for source in SOURCES:
        for name, arguments in CALL.findall(source.read_text("utf-8")):
            given.setdefault(name, []).append(set(re.findall(r"\b([a-z]+)=", arguments)))
    texts = {key.removeprefix("fhirpath."): kind for key, kind in kinds().items() if key.startswith("fhirpath.")}
    assert set(given) == set(texts)
    for name, kind in texts.items():
        wanted = {match for language in LANGUAGES for match in re.findall(r"\{([a-z]+)\}", kind.texts[language])}
        assert all(wanted <= names for names in given[name]), name
