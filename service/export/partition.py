"""One part of a batch: lines in, Bundles and rejects out. Pure; every executor runs just this.

A part is the same bytes wherever and however often it runs.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from service.fhir import json
from service.issues import Issue, issue, masked, outcome

# What a fault of ours in one document can raise: it must not stop the million others.
_FAULTS = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Line(NamedTuple):
    """One document: where it stands (lines count from 1) and its bytes, or why it could not be read."""

    file: str
    line: int
    data: bytes | None
    problem: Issue | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one document: `body` is a line of output, without its end; without `ok` it is a reject."""

    ok: bool
    body: bytes | None
    issues: list[Issue]


Convert = Callable[[bytes], Answer]


class Reject(msgspec.Struct, frozen=True, array_like=True):
    """A document that was set aside, as the report tells it."""

    file: str
    line: int
    key: str
    text: str


@dataclass(slots=True)
class Ran:
    """What a part gave. `bundles` and `rejects` are NDJSON; `found` counts issues by severity and key."""

    bundles: bytes = b""
    rejects: bytes = b""
    documents: int = 0
    converted: int = 0
    found: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: list[Reject] = field(default_factory=list)


def run_partition(lines: Iterable[Line], convert: Convert, language: str = "en") -> Ran:
    """Convert the documents of one part, one after the other; empty lines are none."""
    ran = Ran()
    bundles: list[bytes] = []
    rejects: list[bytes] = []
    for line in lines:
        answer = _answer(line, convert)
        ran.documents += 1
        for one in answer.issues:
            ran.found.setdefault(one.severity, Counter())[one.key] += 1
        if answer.ok:
            ran.converted += 1
            if answer.body is not None:
                bundles += answer.body, b"\n"
        else:
            placed = answer.issues if line.data is None else _placed(line, answer.issues)
            rejects += _reject(line, placed, language), b"\n"
            ran.rejected.append(_told(line, placed, language))
    ran.bundles, ran.rejects = b"".join(bundles), b"".join(rejects)
    return ran


def _answer(line: Line, convert: Convert) -> Answer:
    if line.data is None:
        return Answer(False, None, [line.problem] if line.problem else [])
    try:
        return convert(line.data)
    except _FAULTS as error:
        return Answer(False, None, [issue("batch.fault", error=type(error).__name__)])


def _placed(line: Line, issues: Iterable[Issue]) -> list[Issue]:
    """The issues with their lines as they count in the whole file."""
    return [replace(one, line=one.line + line.line - 1) if one.line else one for one in issues]


def _reject(line: Line, issues: list[Issue], language: str) -> bytes:
    """One line of `rejects/`: the place, the document as it came, the outcome."""
    row: dict[str, Any] = {"file": line.file, "line": line.line}
    if line.data is not None:
        row |= _shown(line.data)
    return json.encode(row | {"outcome": outcome(issues, language)})


def _shown(data: bytes) -> dict[str, Any]:
    """The document as JSON, or as text where it is none, or as base64 where it is not even that."""
    try:
        return {"document": json.parse(data)}
    except json.JsonError:
        pass
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _told(line: Line, issues: list[Issue], language: str) -> Reject:
    first = next((one for one in issues if one.is_error), issues[0] if issues else None)
    at = first.line if first and first.line else line.line
    return Reject(masked(line.file), at, first.key if first else "", first.text(language) if first else "")


def digest(data: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()
