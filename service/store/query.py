"""A search as the caller wrote it, read: what to look for, and how to show what is found.

https://hl7.org/fhir/R4/search.html
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from service.issues import Issue, issue
from service.store.errors import StoreError
from service.store.parameters import OF_ROW, Parameter, Parameters
from service.store.reader import Reader, Test
from service.store.terms import Expand

Pair = tuple[str, str]
Total = Literal["none", "estimate", "accurate"]
Summary = Literal["true", "text", "data", "count", "false"]

# Of the format of the answer and its pages: the caller's own business.
_STRANGE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_NOT_OURS = frozenset({"_format", "_pretty", "_page"})
MOST = 1000
DEFAULT = 50
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Leaf:
    """One parameter: any of `tests` must hold for a row of its index table; `negated`, none may."""

    parameter: Parameter
    param: int
    tests: tuple[Test, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Composite:
    """Any of `groups` must hold: a test for each component, on rows that belong together."""

    parameter: Parameter
    groups: tuple[tuple[Test, ...], ...]


@dataclass(frozen=True, slots=True)
class OfRow:
    """`_id` or `_lastUpdated`: one of the tests must hold for the resource itself; `few`: it leads to it."""

    tests: tuple[Test, ...]
    few: bool
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """`parameter` refers to a resource of one of these types, for which the criterion beside it holds."""

    parameter: Parameter
    inner: tuple[tuple[str, "Criterion"], ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A resource of `type` refers to this one by `parameter`, and `inner` holds for it."""

    type: str
    parameter: Parameter
    inner: "Criterion"


Criterion = Leaf | Composite | OfRow | Chain | Has


@dataclass(frozen=True, slots=True)
class Sort:
    """One key to sort by: a parameter, or the resource's own `_id` or `_lastUpdated`."""

    code: str
    parameter: Parameter | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or, `reverse`, `_revinclude`: no parameter is `*`; `target` narrows the type referred to."""

    type: str
    parameter: Parameter | None
    target: str | None
    iterate: bool
    reverse: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search on one type. `ignored` says what of it was not understood, `used` is the rest as it was written.

    `values` are those in the tests of `criteria`, by the names that they have there.
    """

    type: str
    criteria: tuple[Criterion, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    sort: tuple[Sort, ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = DEFAULT
    total: Total | None = None
    summary: Summary = "false"
    elements: tuple[str, ...] = ()
    ignored: tuple[Issue, ...] = ()
    used: tuple[Pair, ...] = ()
    digest: str = ""


@dataclass(slots=True)
class _Found:
    criteria: list[Criterion] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)
    used: list[Pair] = field(default_factory=list)
    control: dict[str, str] = field(default_factory=dict)


def parse(
    parameters: Parameters, type_name: str, pairs: Iterable[Pair], *, now: datetime, expand: Expand, most: int = MOST
) -> Query:
    """The query of decoded `pairs`: what is unknown is listed in `ignored`, what is known but wrong a `StoreError`.

    `expand` lists value sets for `:in`; `most` is the largest page.
    """
    return _Parser(parameters, Reader(parameters, now, expand), most).query(type_name, plain(pairs))


def plain(pairs: Iterable[Pair]) -> list[Pair]:
    """The same pairs. Raises `StoreError` where one has a control character or half a surrogate pair.

    No resource can hold them, and a database does not take each of them.
    """
    found = list(pairs)
    for name, value in found:
        if strange := _STRANGE.search(name + value):
            shown = _STRANGE.sub("\N{REPLACEMENT CHARACTER}", name)
            raise StoreError(issue("store.search-value", parameter=shown, value=f"U+{ord(strange[0]):04X}"))
    return found


_CONTROL = frozenset({"_sort", "_count", "_total", "_summary", "_elements"})


class _Unknown(Exception):
    """A parameter that the type does not have."""


class _Parser:
    def __init__(self, parameters: Parameters, reader: Reader, most: int) -> None:
        self.parameters = parameters
        self.reader = reader
        self.most = most

    def query(self, type_name: str, pairs: Sequence[Pair]) -> Query:
        found = _Found()
        for name, value in pairs:
            self._pair(type_name, name, value, found)
        control = found.control
        sort = self._sort(type_name, control.get("_sort", ""), found)
        summary = _choice("_summary", control.get("_summary", "false"), ("true", "text", "data", "count", "false"))
        return Query(
            type_name,
            tuple(found.criteria),
            self.reader.values,
            sort,
            tuple(found.includes),
            self._count(control.get("_count")),
            _total(control.get("_total")),
            summary,  # type: ignore[arg-type]
            tuple(one for one in control.get("_elements", "").split(",") if one),
            tuple(found.ignored),
            tuple(found.used),
            _digest(type_name, found.used),
        )

    def _pair(self, type_name: str, name: str, value: str, found: _Found) -> None:
        if name in _NOT_OURS or not value:
            return
        base, _, modifier = name.partition(":")
        try:
            if name in _CONTROL:
                found.control[name] = value
            elif base in ("_include", "_revinclude"):
                found.includes.append(self._include(base, modifier, value))
            else:
                found.criteria.append(self.criterion(type_name, name, value))
        except _Unknown as unknown:
            found.ignored.append(issue("store.search-unknown", parameter=str(unknown), type=type_name))
        else:
            found.used.append((name, value))

    def criterion(self, type_name: str, name: str, value: str, depth: int = 0) -> Criterion:
        if depth > _DEEPEST:
            raise StoreError(issue("store.search-too-deep", parameter=name, most=_DEEPEST))
        if name.startswith("_has:"):
            return self._has(type_name, name, value, depth)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if code in OF_ROW and not dot:
            return self._of_row(code, modifier, value)
        parameter = self.parameters.of(type_name).get(code)
        if parameter is None:
            raise _Unknown(name)
        if dot:
            return self._chain(parameter, modifier, rest, value, depth)
        if parameter.kind == "composite":
            if modifier:
                raise _modifier(parameter.code, modifier)
            return Composite(parameter, self.reader.groups(parameter, value))
        if parameter.kind == "reference" and modifier == "identifier":
            tests = self.reader.tokens(parameter, value)
            return Leaf(parameter, parameter.identifier(), tests)
        tests, negated = self.reader.tests(parameter, modifier, value)
        return Leaf(parameter, parameter.id, tests, negated)

    def _of_row(self, code: str, modifier: str, value: str) -> OfRow:
        if code == "_id":
            if modifier not in ("", "not"):
                raise _modifier(code, modifier)
            return OfRow((self.reader.ids(value),), not modifier, modifier == "not")
        if modifier:
            raise _modifier(code, modifier)
        return OfRow(self.reader.updated(value), False)

    def _chain(self, parameter: Parameter, modifier: str, rest: str, value: str, depth: int) -> Chain:
        if parameter.kind != "reference":
            raise StoreError(issue("store.search-chain", parameter=parameter.code))
        if modifier and modifier not in parameter.targets:
            raise _modifier(parameter.code, modifier)
        inner: list[tuple[str, Criterion]] = []
        for target in (modifier,) if modifier else parameter.targets:
            try:
                inner.append((target, self.criterion(target, rest, value, depth + 1)))
            except _Unknown:
                continue
        if not inner:
            raise _Unknown(f"{parameter.code}.{rest}")
        return Chain(parameter, tuple(inner))

    def _has(self, type_name: str, name: str, value: str, depth: int) -> Has:
        parts = name.split(":", 3)
        if len(parts) < 4 or not all(parts):
            raise StoreError(issue("store.search-has", parameter=name))
        _, other, code, rest = parts
        parameter = self.parameters.of(other).get(code)
        if parameter is None or parameter.kind != "reference" or type_name not in parameter.targets:
            raise _Unknown(name)
        return Has(other, parameter, self.criterion(other, rest, value, depth + 1))

    def _include(self, name: str, modifier: str, value: str) -> Include:
        parts = value.split(":")
        if modifier not in ("", "iterate", "recurse") or len(parts) > 3 or not parts[0]:
            raise StoreError(issue("store.search-include", parameter=name, value=value))
        reverse, iterate = name == "_revinclude", bool(modifier)
        target = parts[2] if len(parts) == 3 else None
        if value == "*" or parts[1:2] == ["*"]:
            if reverse:
                raise StoreError(issue("store.search-include", parameter=name, value=value))
            return Include("" if value == "*" else parts[0], None, target, iterate, reverse)
        parameter = self.parameters.of(parts[0]).get(parts[1]) if len(parts) > 1 else None
        if parameter is None or parameter.kind != "reference":
            raise StoreError(issue("store.search-include", parameter=name, value=value))
        return Include(parts[0], parameter, target, iterate, reverse)

    def _sort(self, type_name: str, text: str, found: _Found) -> tuple[Sort, ...]:
        keys: list[Sort] = []
        for one in text.split(",") if text else ():
            code = one.lstrip("-")
            parameter = None if code in OF_ROW else self.parameters.of(type_name).get(code)
            if (parameter is None and code not in OF_ROW) or (parameter and parameter.kind == "composite"):
                found.ignored.append(issue("store.search-sort", parameter=code, type=type_name))
            else:
                keys.append(Sort(code, parameter, one.startswith("-")))
        return tuple(keys[:5])

    def _count(self, text: str | None) -> int:
        if text is None:
            return min(DEFAULT, self.most)
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise StoreError(issue("store.search-value", parameter="_count", value=text))
        return min(int(text), self.most)


def _total(text: str | None) -> Total | None:
    return None if text is None else _choice("_total", text, ("none", "estimate", "accurate"))  # type: ignore[return-value]


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise StoreError(issue("store.search-value", parameter=name, value=value))
    return value


def _modifier(code: str, modifier: str) -> StoreError:
    return StoreError(issue("store.search-modifier", parameter=code, modifier=modifier))


def _digest(type_name: str, used: Sequence[Pair]) -> str:
    text = "\n".join([type_name, *(f"{name}={value}" for name, value in used)])
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
