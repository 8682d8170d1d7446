"""The XHTML of a narrative: well-formed, in its namespace, only basic formatting, not empty.

https://hl7.org/fhir/R4/narrative.html
"""

import re
from functools import lru_cache
from typing import Any
from xml.parsers import expat

from service.validation.run import At, Run

XHTML = "http://www.w3.org/1999/xhtml"
# What txt-1 lists (its XPath), and what the chapters of HTML 4.0 that its text names have beside that.
_ELEMENT_NAMES = """
    a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4
    h5 h6 hr i img kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
"""
_ATTRIBUTE_NAMES = """
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
    class colspan compact coords dir frame headers height href hreflang hspace id ismap lang longdesc name nohref nowrap
    rel rev rowspan rules scope shape span src start style summary tabindex title type usemap valign value vspace width
    xml:lang xml:space
"""
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_SCRIPT = re.compile(r"\s*(?:java|vb)script:", re.IGNORECASE)

Problem = tuple[str, str | None, dict[str, str]]


def check(value: Any, sibling: Any, at: At, run: Run) -> None:
    """Add what is wrong with the `div` of a narrative."""
    if type(value) is str:
        for key, constraint, params in problems(value):
            run.add(key, at, constraint=constraint, **params)


def allowed(text: str) -> bool:
    """FHIRPath's htmlChecks()."""
    return not problems(text)


@lru_cache(maxsize=512)
def problems(text: str) -> tuple[Problem, ...]:
    """Each kind of thing that is wrong, once: key of the issue, constraint, parameters of its text."""
    if "<!" in text and re.search(r"<!(?:DOCTYPE|ENTITY)", text):
        return (("validation.narrative-doctype", "txt-1", {}),)
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        return (("validation.narrative-xml", "txt-1", {"reason": expat.errors.messages[error.code]}),)
    if not reader.has_content:
        reader.found.append(("validation.narrative-empty", "txt-2", {}))
    unique: dict[str, Problem] = {}
    for one in reader.found:
        unique.setdefault(repr(one), one)
    return tuple(unique.values())


class _Reader:
    """Collects problems while expat reads."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.has_content = False
        self._depth = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.ProcessingInstructionHandler = self._instruction

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if self._depth == 0 and local != "div":
            self.found.append(("validation.narrative-root", "txt-1", {"name": local}))
        elif namespace != XHTML:
            self.found.append(("validation.narrative-namespace", "txt-1", {"namespace": namespace, "name": local}))
        elif local not in _ELEMENTS:
            self.found.append(("validation.narrative-element", "txt-1", {"name": local}))
        self._depth += 1
        if local == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            short = attribute.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
            if short not in _ATTRIBUTES:
                self.found.append(("validation.narrative-attribute", "txt-1", {"name": short, "element": local}))
            elif short in ("href", "src") and _SCRIPT.match(value):
                self.found.append(("validation.narrative-script", "txt-1", {"element": local}))

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _text(self, data: str) -> None:
        if not self.has_content and data.strip():
            self.has_content = True

    def _instruction(self, target: str, data: str) -> None:
        self.found.append(("validation.narrative-instruction", "txt-1", {"name": target}))
