"""XHTML of narratives. https://hl7.org/fhir/R4/narrative.html"""

import pytest

from service.validation.narrative import allowed
from tests.validation.kit import judge

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "inner",
    [
        "<p>A</p>",
        "A &amp; B &lt; C &#160; ä",
        '<a href="https://yhdessa.example">A</a>',
        '<img src="#a" alt="A"/>',
        '<table class="grid"><tbody><tr><td colspan="2">A</td></tr></tbody></table>',
        '<p style="color: red" lang="fi" xml:lang="fi">A</p>',
        "<!-- comment -->A",
    ],
)
def test_what_is_allowed(inner: str) -> None:
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": f"{OPEN}{inner}</div>"}}
    assert judge(patient) == []
    assert allowed(patient["text"]["div"])


@pytest.mark.parametrize(
    ("div", "key", "constraint"),
    [
        (f"{OPEN}<p>A</div>", "narrative-xml", "txt-1"),
        (f"{OPEN}A & B</div>", "narrative-xml", "txt-1"),
        (f"{OPEN}A&nbsp;B</div>", "narrative-xml", "txt-1"),
        ("A", "narrative-xml", "txt-1"),
        ("<div>A</div>", "narrative-namespace", "txt-1"),
        ("<p xmlns='http://www.w3.org/1999/xhtml'>A</p>", "narrative-root", "txt-1"),
        (f"{OPEN}A<script>1</script></div>", "narrative-element", "txt-1"),
        (f"{OPEN}A<form/></div>", "narrative-element", "txt-1"),
        (f"{OPEN}A<iframe src='a'/></div>", "narrative-element", "txt-1"),
        (f"{OPEN}<p onclick='a()'>A</p></div>", "narrative-attribute", "txt-1"),
        (f"{OPEN}<a href=' JavaScript:a()'>A</a></div>", "narrative-script", "txt-1"),
        (f"{OPEN}A<?php a ?></div>", "narrative-instruction", "txt-1"),
        (f"{OPEN} <p> </p>\n</div>", "narrative-empty", "txt-2"),
        ('<!DOCTYPE div [<!ENTITY a "b">]>' + OPEN + "&a;</div>", "narrative-doctype", "txt-1"),
    ],
)
def test_what_is_not(div: str, key: str, constraint: str) -> None:
    found = judge({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
    assert [(one.key, one.constraint, one.pointer) for one in found] == [(f"validation.{key}", constraint, "/text/div")]
    assert not allowed(div)
