"""The catalogues are whole: every sentence of the program, nothing else, with the same values in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from service.print.words import LOCALE, words
from tests.shared import ROOT


def _said(file: Path) -> Iterator[str]:
    """The sentences in a module: `words["…"]`, `words("…", name=…)`, and the labels in `rows(words, ("…", value))`."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Subscript(value=ast.Name(id="words" | "self"), slice=sentence):
                yield from _texts(sentence)
            case ast.Call(func=ast.Name(id="words"), args=[sentence]):
                yield from _texts(sentence)
            case ast.Call(func=ast.Name(id="rows"), args=given):
                for row in given:
                    yield from _texts(row.elts[0]) if isinstance(row, ast.Tuple) else ()


def _texts(expression: ast.expr) -> Iterator[str]:
    """The texts that an expression may give: `"…"`, `"…" if … else "…"`."""
    match expression:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from (*_texts(one), *_texts(other))


SENTENCES = {sentence for file in (ROOT / "service" / "print").glob("*.py") for sentence in _said(file)}


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_catalogue_is_whole(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "print.po").open("rb") as stream:
        catalogue = read_po(stream, locale=language)
    assert len(SENTENCES) > 100
    assert {str(one.id) for one in catalogue if one.id} == SENTENCES
    for one in catalogue:
        if one.id:
            assert str(one.string).strip(), one.id
            assert not one.fuzzy, one.id
            values = r"%\(\w+\)s|\{\w+\}"
            assert sorted(re.findall(values, str(one.string))) == sorted(re.findall(values, str(one.id))), one.id


def test_codes_have_the_designation_of_the_language() -> None:
    coding = {"system": "https://yhdessa.example/fhir/CodeSystem/contact-method", "code": "visit"}
    assert [words(one).label(coding) for one in ("fi", "sv", "en")] == ["Kotikäynti", "Hembesök", "Home visit"]
    foreign = {"system": "http://example.org", "code": "x", "display": "Something else"}
    assert words("fi").label(foreign) == "Something else"
    assert words("sv").both(["a", "b", "", "c"]) == "a, b och c"
