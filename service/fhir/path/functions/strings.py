"""indexOf, substring, matches, replace, split, encode … http://hl7.org/fhirpath/N1/#string-manipulation

http://hl7.org/fhirpath/#additional-string-functions for encode, decode, escape, unescape, trim, split, join.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Any

from service.fhir.path import nodes, patterns
from service.fhir.path.code import BOOLEAN, INTEGER, STRING, Code, of_truth
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, failure
from service.fhir.path.functions.base import Invocation, Table, compiled, values
from service.fhir.path.nodes import MAX_TEXT

TABLE: Table = {}
_JSON_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_JSON_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _about(name: str, look: Callable[[str, str], Any], types: Any) -> None:
    """A function of a string and one string argument; empty where either is."""

    @compiled(TABLE, name, 1)
    def compile_look(call: Invocation) -> Code:
        many, argument, place = call.target.many, call.argument(0).many, call.place

        def answer(this: Any, scope: Scope) -> Any:
            items = many(this, scope)
            if not items:
                return None
            try:
                text, other = nodes.text(items), nodes.text(argument(this, scope))
                return None if text is None or other is None else look(text, other)
            except PathError as error:
                raise error.at(place) from None

        if types is BOOLEAN:
            return of_truth(answer)

        def found(this: Any, scope: Scope) -> list[Any]:
            value = answer(this, scope)
            return [] if value is None else [value]

        return Code(found, None, types)


def _of(name: str, change: Callable[[str], Any], types: Any) -> None:
    """A function of a string alone."""

    @values(TABLE, name, types=types)
    def over(items: list[Any]) -> list[Any]:
        text = nodes.text(items)
        return [] if text is None else [change(text)]


_about("indexOf", lambda text, part: text.find(part), INTEGER)
_about("lastIndexOf", lambda text, part: text.rfind(part), INTEGER)
_about("startsWith", lambda text, part: text.startswith(part), BOOLEAN)
_about("endsWith", lambda text, part: text.endswith(part), BOOLEAN)
_about("contains", lambda text, part: part in text, BOOLEAN)
_about("matches", patterns.found_in, BOOLEAN)
_about("matchesFull", patterns.covers, BOOLEAN)
_of("upper", str.upper, STRING)
_of("lower", str.lower, STRING)
_of("length", len, INTEGER)
_of("trim", str.strip, STRING)


@values(TABLE, "substring", 1, 2, types=STRING)
def substring(items: list[Any], start: list[Any], length: list[Any] | None = None) -> list[Any]:
    text, first = nodes.text(items), nodes.integer(start)
    if text is None or first is None or not 0 <= first < len(text):
        return []
    count = None if length is None else nodes.integer(length)
    return [text[first:] if count is None else text[first : first + max(count, 0)]]


@values(TABLE, "replace", 2, types=STRING)
def replace(items: list[Any], pattern: list[Any], substitution: list[Any]) -> list[Any]:
    text, old, new = nodes.text(items), nodes.text(pattern), nodes.text(substitution)
    if text is None or old is None or new is None:
        return []
    _bounded(len(text) + (text.count(old) * len(new)))
    return [text.replace(old, new)]


@values(TABLE, "replaceMatches", 2, types=STRING)
def replace_matches(items: list[Any], pattern: list[Any], substitution: list[Any]) -> list[Any]:
    text, old, new = nodes.text(items), nodes.text(pattern), nodes.text(substitution)
    if text is None or old is None or new is None:
        return []
    return [patterns.replaced(text, old, new)]


@values(TABLE, "toChars", types=STRING)
def to_chars(items: list[Any]) -> list[Any]:
    text = nodes.text(items)
    return [] if text is None else nodes.bounded(list(text))


@values(TABLE, "split", 1, types=STRING)
def split(items: list[Any], separator: list[Any]) -> list[Any]:
    text, mark = nodes.text(items), nodes.text(separator)
    if text is None or mark is None:
        return []
    return nodes.bounded(text.split(mark) if mark else list(text))


@values(TABLE, "join", 0, 1, types=STRING)
def join(items: list[Any], separator: list[Any] | None = None) -> list[Any]:
    mark = "" if separator is None else nodes.text(separator) or ""
    texts = [nodes.text([item]) for item in items]
    found = [text for text in texts if text is not None]
    _bounded(sum(map(len, found)) + len(mark) * len(found))
    return [mark.join(found)] if found else []


def _bounded(size: int) -> None:
    if size > MAX_TEXT:
        raise failure("too-long", size=size, most=MAX_TEXT)


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_ENCODERS: dict[str, Callable[[str], str]] = {
    "hex": lambda text: _to_bytes(text).hex(),
    "base64": lambda text: base64.b64encode(_to_bytes(text)).decode(),
    "urlbase64": lambda text: base64.urlsafe_b64encode(_to_bytes(text)).decode(),
}
_DECODERS: dict[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
    "urlbase64": lambda text: base64.b64decode(text, b"-_", validate=True),
}


@values(TABLE, "encode", 1, types=STRING)
def encode(items: list[Any], form: list[Any]) -> list[Any]:
    text, name = nodes.text(items), nodes.text(form)
    coder = _ENCODERS.get(name or "")
    return [] if text is None or coder is None else [coder(text)]


@values(TABLE, "decode", 1, types=STRING)
def decode(items: list[Any], form: list[Any]) -> list[Any]:
    text, name = nodes.text(items), nodes.text(form)
    coder = _DECODERS.get(name or "")
    if text is None or coder is None:
        return []
    try:
        return [coder(text).decode()]
    except (ValueError, binascii.Error):
        return []


@values(TABLE, "escape", 1, types=STRING)
def escape(items: list[Any], form: list[Any]) -> list[Any]:
    text, name = nodes.text(items), nodes.text(form)
    if text is None or name not in ("html", "json"):
        return []
    return [html.escape(text) if name == "html" else json.dumps(text, ensure_ascii=False)[1:-1]]


@values(TABLE, "unescape", 1, types=STRING)
def unescape(items: list[Any], form: list[Any]) -> list[Any]:
    text, name = nodes.text(items), nodes.text(form)
    if text is None or name not in ("html", "json"):
        return []
    return [html.unescape(text) if name == "html" else _JSON_ESCAPE.sub(_unescaped, text)]


def _unescaped(match: re.Match[str]) -> str:
    name = match[1]
    return chr(int(name[1:], 16)) if len(name) == 5 else _JSON_ESCAPES.get(name, name)
