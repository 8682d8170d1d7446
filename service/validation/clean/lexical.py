"""Quick tests of primitive values: what passes is surely of the right form, what does not may be too.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from service.fhir.values import MAX_STRING, PRIMITIVES
from service.validation.clean import markup

Test = Callable[[Any], Any]  # of a value of the type that it is kept for; what is true means: surely right
Sure = Test | frozenset[str] | type  # or all texts that are right, or the Python type that is right by itself

_MOST, LONGEST = 5000, 200  # texts remembered of a kind, and characters of one
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_URN = rf"urn:uuid:{_UUID}|urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+|urn:(?!oid:|uuid:)[!-~]+"
_absolute = re.compile(rf"https?://[!-~]+|{_URN}").fullmatch
_uri = re.compile(rf"https?://[!-~]+|{_URN}|[A-Z][A-Za-z]+/[!-9;-~]+").fullmatch
_canonical = re.compile(r"https?://[!-{}~]+").fullmatch
_code = re.compile(r"[^\s]+", re.ASCII).fullmatch
_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
# What can be followed by its form alone: one type and one id, behind the root of a server or alone.
reference = re.compile(rf"(?:https?://[!-\"$->@-~]+/)?[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{{1,64}}|urn:uuid:{_UUID}").fullmatch


class Remembered(dict[str, bool]):
    """A test that remembers: systems, profiles and codes are the same in most resources. Looking a text up asks it."""

    def __init__(self, sure: Test) -> None:
        self._sure = sure

    __call__ = dict.__getitem__

    def __missing__(self, value: str) -> bool:
        found = bool(self._sure(value))
        if found and len(value) <= LONGEST and len(self) < _MOST:
            self[value] = True
        return found


@dataclass(frozen=True, slots=True)
class Either:
    """Two tests, of which one is enough; the first is asked first."""

    quick: Test
    thorough: Test

    def __call__(self, value: Any) -> Any:
        return self.quick(value) or self.thorough(value)


absolute = Remembered(_absolute)
code = Remembered(_code)


def text(value: str) -> bool:
    """Whether a string is surely a FHIR string or markdown."""
    if value.isprintable():
        return 0 < len(value) <= MAX_STRING and not value.isspace()
    return PRIMITIVES["string"](value) is None


def of_string(type_name: str) -> Test:
    """The test of a `str` for a type."""
    quick = _QUICK.get(type_name)
    if quick is not None:
        return quick
    if type_name in _NO_STRINGS:
        return _never
    lexical = PRIMITIVES[type_name]
    return lambda value: lexical(value) is None


def of_other(type_name: str) -> Sure | None:
    """The test of any JSON value for a type that is written without quotes; None for the others."""
    lexical = PRIMITIVES[type_name]
    if type_name == "boolean":
        return bool
    if type_name in _NO_STRINGS:
        return lambda value: type(value) in (int, Decimal, float) and lexical(value) is None
    return None


def _never(value: Any) -> bool:
    return False


def _is_uri(value: str) -> bool:
    return PRIMITIVES["uri"](value) is None


_NO_STRINGS = frozenset(("boolean", "decimal", "integer", "positiveInt", "unsignedInt"))
_QUICK: Mapping[str, Test] = MappingProxyType(
    {
        "string": text,
        "markdown": text,
        "uri": Either(_uri, _is_uri),
        "url": Either(_uri, _is_uri),
        "code": code,
        "id": _id,
        "canonical": Remembered(_canonical),
        "xhtml": markup.right,
    }
)
