"""Says in plain sentences why a document does not satisfy its schema: one issue a problem, with what to do.

Values are never shown: they could be a name or a HETU. The pointer says where they are.
"""

import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.fhir.json import escape
from service.intake.schema import Schema
from service.intake.shape import Shape
from service.issues import Issue, issue

MOST = 100
"""More problems than this are not listed: the same slip, made in a program, repeats."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}\Z")
_FORMS = {
    "localId": "local-id",
    "text": "text",
    "line": "line",
    "date": "date",
    "dateTime": "date-time",
    "oid": "oid",
    "uri": "uri",
    "municipalityCode": "municipality-code",
    "hetu": "hetu",
    "language": "language",
    "terhikki": "terhikki",
    "sv": "sv",
    "businessId": "business-id",
    "postalCode": "postal-code",
    "country": "country",
    "county": "county",
    "nationalCode": "national-code",
}
_MISSING = {
    "where": "where-missing",
    "provision": "provision-missing",
    "permission": "permission-missing",
    "cancellation": "cancellation-missing",
}
_EITHER = {"feedback": "feedback-empty", "case": "case-empty"}

Explain = Callable[[Any, str, Shape | None], Iterable[Issue]]


def explain(document: Any, kind: str, schema: Schema) -> list[Issue]:
    """The issues of a document that the gate of its kind refuses, in the order of the document's places."""
    root = schema.shapes[kind]
    try:
        errors = list(itertools.islice(schema.gates[kind].iter_errors(document), 10 * MOST))
    except (RecursionError, ValueError):
        return [issue("intake.too-deep", pointer="")]
    found: dict[tuple[str, str | None], Issue] = {}
    for error in errors:
        for one in _issues(error, root):
            found.setdefault((one.key, one.pointer), one)
    listed = sorted(found.values(), key=lambda one: _order(one.pointer))
    if not listed:
        # A slip inside a branch that only shows as "does not fit": still said, never swallowed.
        return [issue("intake.does-not-fit", pointer=_pointer(error.instance_path)) for error in errors[:1]]
    if len(listed) > MOST:
        return [*listed[:MOST], issue("intake.more-problems", pointer="", count=len(listed) - MOST)]
    return listed


def _issues(error: Any, root: Shape) -> Iterator[Issue]:
    path = list(error.instance_path)
    shape = shape_at(root, path)
    explainer = _EXPLAIN.get(error.kind.name)
    if explainer is None:
        yield issue("intake.does-not-fit", pointer=_pointer(path))
    else:
        yield from explainer(error, _pointer(path), shape)


def shape_at(root: Shape, path: Sequence[str | int]) -> Shape | None:
    """The shape of the value at `path`; nothing where the schema knows no such place."""
    shape: Shape | None = root
    for step in path:
        if shape is None:
            return None
        if isinstance(step, int):
            shape = shape.items
        else:
            shape = shape.fields[step].shape if step in shape.fields else None
    return shape


def _required(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    name = error.kind.property
    key = _MISSING.get(name, "missing") if shape and shape.name in ("measure", "recipient", "meeting") else "missing"
    yield issue(f"intake.{key}", pointer=f"{pointer}/{escape(name)}", name=name)


def _unknown(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    known = shape.fields if shape else {}
    for name in error.instance:
        if name in known:
            continue
        if not _IDENTIFIER.match(name):
            yield issue("intake.unknown-key-unnamed", pointer=pointer)
            continue
        where = f"{pointer}/{escape(name)}"
        near = suggestion(name, _spellings(known))
        if near:
            yield issue("intake.unknown-key-near", pointer=where, name=name, near=near)
        else:
            yield issue("intake.unknown-key", pointer=where, name=name, allowed=", ".join(known))


def _spellings(fields: Mapping[str, Any]) -> dict[str, str]:
    """The words by which a key may be meant: the key itself and its Finnish and Swedish titles."""
    words = {title.casefold(): name for name, one in fields.items() for title in one.title.values()}
    return words | {name.casefold(): name for name in fields}


def suggestion(word: str, spellings: Mapping[str, str]) -> str | None:
    """What `word` most likely means among `spellings` (lower case → meaning)."""
    near = difflib.get_close_matches(word.casefold(), spellings, n=1, cutoff=0.7)
    return spellings[near[0]] if near else None


def _type(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    expected = shape.type if shape else "null"
    yield issue(f"intake.type-{expected}" if expected != "null" else "intake.does-not-fit", pointer=pointer)


def _enum(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    # The error knows what this place allows; the shape may be shared with places that allow more.
    allowed = [str(code) for code in error.kind.options]
    near = suggestion(str(error.instance), {code.casefold(): code for code in allowed})
    if near:
        yield issue("intake.code-near", pointer=pointer, near=near, allowed=", ".join(allowed))
    else:
        yield issue("intake.code", pointer=pointer, allowed=", ".join(allowed))


def _const(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    yield issue("intake.code", pointer=pointer, allowed=", ".join(shape.enum) if shape else "")


def _form(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    last = pointer.rpartition("/")[2]
    sort = next((one for one in (last, shape.special if shape else "") if one in _FORMS), "")
    if not error.instance.strip():
        yield issue("intake.empty-text", pointer=pointer)
    elif sort:
        yield issue(f"intake.form-{_FORMS[sort]}", pointer=pointer)
    else:
        yield issue("intake.form", pointer=pointer)


def _length(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    if not error.instance:
        yield issue("intake.empty-text", pointer=pointer)
    else:
        yield issue("intake.too-long", pointer=pointer, length=len(error.instance), most=error.kind.limit)


def _too_many(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    if pointer.endswith("/responsibleWorkers"):
        yield issue("intake.three-responsible", pointer=pointer, count=len(error.instance))
    else:
        yield issue("intake.too-many", pointer=pointer, count=len(error.instance), most=error.kind.limit)


def _uncalled(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    key = "permission-uncalled" if pointer.endswith("/permission") else "cancellation-uncalled"
    yield issue(f"intake.{key}", pointer=pointer)


def _range(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    key = "intake.too-small" if error.kind.name == "minimum" else "intake.too-big"
    yield issue(key, pointer=pointer, limit=error.kind.limit)


def _either(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    key = _EITHER.get(shape.name if shape else "", "does-not-fit")
    yield issue(f"intake.{key}", pointer=pointer)


def _one_of(error: Any, pointer: str, shape: Shape | None) -> Iterator[Issue]:
    yield issue("intake.one-answer" if shape and shape.name == "answer" else "intake.does-not-fit", pointer=pointer)


def _plain(key: str) -> Explain:
    return lambda error, pointer, shape: [issue(f"intake.{key}", pointer=pointer)]


_EXPLAIN: Mapping[str, Explain] = {
    "required": _required,
    "unevaluatedProperties": _unknown,
    "additionalProperties": _unknown,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _form,
    "format": _form,
    "minLength": _length,
    "maxLength": _length,
    "minItems": _plain("empty-list"),
    "maxItems": _too_many,
    "uniqueItems": _plain("same-twice"),
    "minProperties": _plain("empty-object"),
    "maxProperties": _one_of,
    "minimum": _range,
    "maximum": _range,
    "anyOf": _either,
    "not": _plain("two-identities"),
    "falseSchema": _uncalled,
}


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{escape(str(step))}" for step in path)


def _order(pointer: str | None) -> list[tuple[int, str]]:
    steps = (pointer or "").split("/")[1:]
    return [(int(step), "") if step.isdigit() else (0, step) for step in steps]
