"""The words of one language: our own sentences (Babel catalogues) and the designations of our code systems.

The catalogues are read as `.po` at run time, so a checkout and a wheel need no build step. https://babel.pocoo.org
"""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

from service import assets

LOCALE = Path(__file__).parent / "locale"


class Words(dict[str, str]):
    """Sentences and labels in one language (`fi`, `sv` or `en`).

    `words["Who"]` is a sentence (English is the key) in this language; one that there is not, that sentence itself.
    """

    __slots__ = ("_labels", "language")

    def __init__(self, language: str) -> None:
        super().__init__(_sentences(language))
        self.language = language
        self._labels = _designations(language)

    def __missing__(self, sentence: str) -> str:
        return sentence

    def __call__(self, sentence: str, **values: str) -> str:
        """The sentence with `%(name)s` filled."""
        return self[sentence] % values

    def label(self, coding: Mapping[str, Any] | None) -> str:
        """What a Coding is called; its own display where the code system is not ours."""
        if not coding:
            return ""
        system, code = coding.get("system"), coding.get("code")
        if type(system) is str and type(code) is str and (system, code) in self._labels:
            return self._labels[system, code]
        return str(coding.get("display") or code or "")

    def small(self, coding: Mapping[str, Any] | None) -> str:
        """The same for the middle of a sentence: no capital at the beginning."""
        return _small(self.label(coding)) if coding else ""

    def both(self, values: Iterable[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        every = [*filter(None, values)]
        if len(every) < 2:
            return "".join(every)
        return self["%(first)s and %(last)s"] % {"first": ", ".join(every[:-1]), "last": every[-1]}


@functools.lru_cache(maxsize=4096)
def _small(label: str) -> str:
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


@functools.cache
def words(language: str) -> Words:
    """The words of `language`, read once."""
    return Words(language)


def _sentences(language: str) -> Mapping[str, str]:
    """Our sentences in a language; none for English, which the program itself is written in."""
    if language == "en":
        return {}
    with (LOCALE / language / "LC_MESSAGES" / "print.po").open("rb") as stream:
        return {str(one.id): str(one.string) for one in read_po(stream, locale=language) if one.id}


@functools.cache
def _designations(language: str) -> Mapping[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for file in sorted((assets.schemas() / "fhir" / "codesystems").glob("*.json")):
        system = json.loads(file.read_text("utf-8"))
        for concept in system.get("concept", ()):
            texts = {one.get("language"): one["value"] for one in concept.get("designation", ())}
            own = system.get("language", "fi") == language
            text = texts.get(language) or (concept.get("display") if own else None)
            if text:
                found[system["url"], concept["code"]] = text
    return found
