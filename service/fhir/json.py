"""JSON as FHIR needs it: decimals keep their digits (`1.50`), nothing is lost silently, every problem has a place.

https://hl7.org/fhir/R4/json.html, https://www.rfc-editor.org/rfc/rfc8259
"""

import bisect
import contextlib
import json as _json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import msgspec

from service.issues import Issue, issue

MAX_DEPTH = 100
MAX_BYTES = 50_000_000

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
# A string that is not closed ends with the text: else each quote in it would be tried to its end.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_TOKEN = re.compile(r'[ \t\r\n]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([{}\[\],:])|([^ \t\r\n{}\[\],:"]+))', re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]*")
# Only to find the end of a value: nothing in it is worth converting.
_skip: Callable[[str, int], tuple[Any, int]] = _json.JSONDecoder(
    strict=False, parse_int=str, parse_float=str, parse_constant=str
).scan_once  # type: ignore[attr-defined]
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*((?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_CONTAINERS = frozenset((dict, list))
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_BRACKETS_ONLY = bytes(set(range(256)) - set(b"[]{}"))
_POSITION = re.compile(r" ?\(byte (\d+)\)")


_Steps = dict[str, "_Steps"]
"""JSON Pointers as a tree of their steps: as strings, each item below a long key would copy that key."""


class JsonError(ValueError):
    """Text that cannot be read as JSON; `issue` says where and what to do."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found


def parse(text: bytes | str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value of `text`: dict, list, str, int, bool, None, and `Decimal` for every number with a point or exponent.

    Refused with `JsonError`: no JSON, NaN and Infinity, duplicate keys, lone surrogates, text that is not UTF-8,
    deeper than `max_depth` levels, longer than `max_bytes`.
    """
    return _parsed(text, _encoder, max_bytes, max_depth)[0]


def parse_canonical(text: bytes | str) -> tuple[Any, bytes]:
    """The value of `text`, as `parse` gives it, and its `canonical` form, which is made on the way."""
    return _parsed(text, _canonical_encoder, MAX_BYTES, MAX_DEPTH)


def _parsed(text: bytes | str, encoder: msgspec.json.Encoder, max_bytes: int, max_depth: int) -> tuple[Any, bytes]:
    """The value of `text`, and that as `encoder` writes it."""
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise JsonError(issue("json.surrogate", value=f"\\u{ord(error.object[error.start]):04x}")) from None
    if len(data) > max_bytes:
        raise JsonError(issue("json.too-long", size=len(data), most=max_bytes))
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        _refuse_depth(data, max_depth)
        raise JsonError(_explain(data, str(error))) from None
    if data.count(b"{") + data.count(b"[") > max_depth and _deeper(value, max_depth):
        _refuse_depth(data, max_depth)
    # Of two equal keys only one is in the value, so a text with as many quotes as its value has none.
    encoded = encoder.encode(value)
    if _quotes(data) != _quotes(encoded):
        _refuse_duplicates(data)
    return value, encoded


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON; the order of keys and the digits of decimals stay as they are."""
    return _encoder.encode(value)


def decode(data: bytes) -> Any:
    """The value of what `encode` has given: our own hand, in which no mistake is looked for."""
    return _decoder.decode(data)


def canonical(value: Any) -> bytes:
    """Compact UTF-8 JSON with sorted keys: equal values give equal bytes, for hashing."""
    return _canonical_encoder.encode(value)


def pretty(value: Any) -> str:
    """The same, indented by two spaces, for people."""
    return msgspec.json.format(_encoder.encode(value), indent=2).decode()


def escape(name: str) -> str:
    """A key as one step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def resolve(value: Any, pointer: str) -> Any:
    """What `pointer` points to in `value`; `KeyError` where it points nowhere."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(pointer) from None
    return value


def locate(text: bytes | str, pointers: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Line and column (from 1) of each pointer's value in `text`.

    A pointer to something that is not there gets the place of the nearest thing around it that is.
    """
    source = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    wanted = set(pointers)
    tree: _Steps = {}
    for pointer in wanted:
        node = tree
        for step in pointer.split("/")[1:]:
            node = node.setdefault(step, {})
    offsets: dict[int, int] = {}
    _walk(source, tree, offsets)
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    return {pointer: _place(starts, _nearest(tree, pointer, offsets)) for pointer in wanted if offsets}


def placed(issues: Iterable[Issue], text: bytes | str) -> list[Issue]:
    """The same issues with `line` and `column` in `text` for those that have a pointer and no place yet."""
    found = list(issues)
    places = locate(text, {one.pointer for one in found if one.pointer is not None and one.line is None})
    return [
        replace(one, line=place[0], column=place[1])
        if one.line is None and one.pointer is not None and (place := places.get(one.pointer))
        else one
        for one in found
    ]


def _nearest(tree: _Steps, pointer: str, offsets: Mapping[int, int]) -> int:
    """The offset of what `pointer` leads to, or of the last thing on its way that is there."""
    node = tree
    found = offsets[id(tree)]
    for step in pointer.split("/")[1:]:
        node = node[step]
        found = offsets.get(id(node), found)
    return found


def _place(starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect.bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _walk(source: str, tree: _Steps, offsets: dict[int, int]) -> None:
    """Note in `offsets` where what each node of `tree` stands for starts; stops quietly where the text is no JSON."""
    with contextlib.suppress(ValueError, IndexError, StopIteration, RecursionError):
        _value(source, _after(source, int(source.startswith("\ufeff"))), tree, offsets)


def _value(source: str, at: int, node: _Steps | None, offsets: dict[int, int]) -> int:
    """The end of the value at `at`, of which only what `node` asks for is looked at."""
    mark = source[at]
    if node is not None:
        offsets.setdefault(id(node), at)
    if not node or mark not in "{[":
        return _skip(source, at)[1]
    at, index, end = _after(source, at + 1), 0, "}" if mark == "{" else "]"
    while source[at] != end:
        if index:
            at = _after(source, _mark(source, at, ","))
        name = str(index)
        if mark == "{":
            name, at = scanstring(source, _mark(source, at, '"'), False)
            at = _after(source, _mark(source, _after(source, at), ":"))
        at = _after(source, _value(source, at, node.get(escape(name)), offsets))
        index += 1
    return at + 1


def _mark(source: str, at: int, mark: str) -> int:
    if source[at] != mark:
        raise ValueError(mark)
    return at + 1


def _after(source: str, at: int) -> int:
    """Where the blanks that begin at `at` end."""
    return _BLANKS.match(source, at).end()  # type: ignore[union-attr]


def _quotes(data: bytes) -> int:
    """How many quotes of `data`, which is JSON, begin or end a string."""
    escaped = _ESCAPE.findall(data).count(b'\\"') if b"\\" in data else 0
    return data.count(b'"') - escaped


def _deeper(value: Any, most: int) -> bool:
    """Whether `value` nests deeper than `most` levels."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(most):
        if not level:
            return False
        below = [node.values() if type(node) is dict else node for node in level]
        level = [child for node in below for child in node if type(child) in _CONTAINERS]
    return bool(level)


def _refuse_depth(data: bytes, most: int) -> None:
    """Refuses text whose brackets nest too deep, be it JSON or not; how deep is told."""
    depth = deepest = 0
    for bracket in _STRING.sub(b"", data).translate(None, _BRACKETS_ONLY):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > most:
        raise JsonError(issue("json.too-deep", depth=deepest, most=most))


def _refuse_duplicates(data: bytes) -> None:
    source = data.decode()
    seen: set[tuple[int, str]] = set()
    stack: list[list[Any]] = []
    numbers = iter(range(1 << 62))
    at = 0
    while match := _TOKEN.match(source, at):
        at = match.end()
        string, mark, _ = match.groups()
        if mark in ("{", "["):
            stack.append([next(numbers), mark, mark == "{"])
        elif mark in ("}", "]"):
            stack.pop()
        elif mark == ",":
            stack[-1][2] = stack[-1][1] == "{"
        elif string is not None and stack and stack[-1][2]:
            stack[-1][2] = False
            name = _json.loads(string, strict=False)
            if (stack[-1][0], name) in seen:
                line, column = _line_column(source, match.start(1))
                raise JsonError(issue("json.duplicate-key", name=name, line=line, column=column))
            seen.add((stack[-1][0], name))


def _explain(data: bytes, reason: str) -> Issue:
    source = data.decode("utf-8", "replace")
    if not source.strip():
        return issue("json.empty", line=1, column=1)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line, column = _line_column(source, len(data[: error.start].decode("utf-8", "replace")))
        return issue("json.encoding", offset=error.start, line=line, column=column)
    if constant := re.search(rb"(?<=[\s:,\[])-?(?:NaN|Infinity)", _STRING.sub(lambda m: b"0" * len(m[0]), data)):
        line, column = _line_column(source, len(data[: constant.start()].decode("utf-8", "replace")))
        return issue("json.not-a-number", value=constant[0].decode(), line=line, column=column)
    for half in _LONE_SURROGATE.finditer(data):
        if half["pair"] is None:
            line, column = _line_column(source, len(data[: half.start(1)].decode("utf-8", "replace")))
            return issue("json.surrogate", value=half[1].decode(), line=line, column=column)
    position = _POSITION.search(reason)
    offset = min(int(position[1]), len(data)) if position else len(data)
    line, column = _line_column(source, len(data[:offset].decode("utf-8", "replace")))
    plain = _POSITION.sub("", reason).removeprefix("JSON is malformed: ").rstrip(". ")
    return issue("json.syntax", reason=plain or "it ends too early", line=line, column=column)


def _line_column(source: str, offset: int) -> tuple[int, int]:
    line = source.count("\n", 0, offset) + 1
    return line, offset - (source.rfind("\n", 0, offset) + 1) + 1
