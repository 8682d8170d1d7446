"""References between the entries of a transaction: what stood for a new resource becomes its id.

https://hl7.org/fhir/R4/http.html#trules
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

# Elements of type uri, url, oid or uuid that may name another entry; `reference` is that of a Reference.
_LINKS = frozenset({"reference", "url", "uri", "valueUri", "valueUrl", "valueUuid", "valueOid"})
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)
_IN_TEXT = re.compile(r"""((?:href|src)=["'])([^"']+)(["'])""")
Resolve = Callable[[str, str], str]
"""(`Type?criteria`, JSON Pointer) → `Type/id`."""


def rewritten(
    value: Any, known: Mapping[str, str], resolve: Resolve, unresolved: Callable[[str, str], None], at: str
) -> Any:
    """A copy of `value` with every link in `known` replaced, and conditional references resolved.

    `unresolved(link, pointer)` is told of references by `urn:` that lead nowhere. `at` is the JSON Pointer of `value`.
    """
    if type(value) is list:
        return [rewritten(one, known, resolve, unresolved, f"{at}/{index}") for index, one in enumerate(value)]
    if type(value) is not dict:
        return value
    made = {}
    for key, one in value.items():
        pointer = f"{at}/{key}"
        if type(one) is str:
            made[key] = _text(key, one, known, resolve, unresolved, pointer)
        else:
            made[key] = rewritten(one, known, resolve, unresolved, pointer)
    return made


def _text(
    key: str,
    text: str,
    known: Mapping[str, str],
    resolve: Resolve,
    unresolved: Callable[[str, str], None],
    pointer: str,
) -> str:
    if key in _LINKS:
        if text in known:
            return known[text]
        if key == "reference" and "?" in text and _CONDITIONAL.fullmatch(text):
            return resolve(text, pointer)
        if key == "reference" and text.startswith(("urn:uuid:", "urn:oid:")):
            unresolved(text, pointer)
    elif key == "div":
        return _IN_TEXT.sub(lambda found: f"{found[1]}{known.get(found[2], found[2])}{found[3]}", text)
    return text
