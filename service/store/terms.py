"""The values of a search: split, unescaped, and turned into tests on the rows of one index table.

A test and the values it compares with are kept apart: searches that differ only in these share one statement.

https://hl7.org/fhir/R4/search.html#escaping, https://hl7.org/fhir/R4/search.html#prefix
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, false, not_, or_, true

from service.issues import issue
from service.store.errors import StoreError
from service.store.parameters import Parameter
from service.store.rows import local
from service.store.values import folded, micros, number, short, span, width

Build = Callable[..., ColumnElement[bool]]
"""The condition on the rows of a table for so many values; equal ones make the same."""
Meaning = tuple[Build, tuple[Any, ...]]
"""What one value of a search means: a condition and the values in it."""
Expand = Callable[[str], list[tuple[str, str]] | None]
"""Every (system, code) of a value set by its canonical url; None where it is unknown or cannot be listed."""

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.+)", re.DOTALL)
# Above every character that text can hold, so that it ends the range of a prefix.
LAST = "\U0010ffff"


def split(text: str, separator: str) -> list[str]:
    """`text` at each `separator` that no backslash stands before; the parts are still escaped."""
    parts = [""]
    at = 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            parts[-1] += text[at : at + 2]
            at += 2
        elif text[at] == separator:
            parts.append("")
            at += 1
        else:
            parts[-1] += text[at]
            at += 1
    return parts


def plain(text: str) -> str:
    r"""`text` without the backslashes of `\,`, `\|`, `\$` and `\\`."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


def refused(parameter: str, value: str) -> StoreError:
    return StoreError(issue("store.search-value", parameter=parameter, value=value))


def token_test(parameter: Parameter, value: str) -> Meaning:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it)."""
    parts = [plain(one) for one in split(value, "|")]
    if len(parts) > 2 or not any(parts):
        raise refused(parameter.code, value)
    if len(parts) == 1:
        return _code, (short(parts[0]),)
    system, code = number(parts[0]), short(parts[1])
    return (_code_of_system, (code, system)) if code else (_system, (system,))


def _code(row: FromClause, code: object) -> ColumnElement[bool]:
    return row.c.code == code


def _system(row: FromClause, system: object) -> ColumnElement[bool]:
    return row.c.system == system


def _code_of_system(row: FromClause, code: Any, system: Any) -> ColumnElement[bool]:
    return and_(row.c.code == code, row.c.system == system)


def member_test(parameter: Parameter, value: str, expand: Expand) -> Meaning:
    """`:in` a value set."""
    members = expand(plain(value))
    if members is None:
        raise StoreError(issue("store.search-value-set", parameter=parameter.code, value=value))
    systems: dict[int, list[str]] = {}
    for system, code in members:
        systems.setdefault(number(system), []).append(short(code))
    values = (part for system, codes in systems.items() for part in (system, *sorted(codes)))
    return _Members(tuple(map(len, systems.values()))), tuple(values)


@dataclass(frozen=True, slots=True)
class _Members:
    """One of several codes of each of several systems: `sizes` says how many codes follow each system."""

    sizes: tuple[int, ...]

    def __call__(self, row: FromClause, *values: Any) -> ColumnElement[bool]:
        groups = list(self._groups(values))
        one_of = [and_(row.c.system == system, row.c.code.in_(codes)) for system, codes in groups]
        # The codes by themselves as well: they are what the index is ordered by.
        return and_(row.c.code.in_([code for _, codes in groups for code in codes]), or_(false(), *one_of))

    def _groups(self, values: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        at = 0
        for size in self.sizes:
            yield values[at], values[at + 1 : at + 1 + size]
            at += 1 + size


def uri_test(parameter: Parameter, value: str, modifier: str | None) -> Meaning:
    text = plain(value)
    if not text:
        raise refused(parameter.code, value)
    exact = short(text)
    if modifier == "below":
        # Itself, and what goes on after a `/`: not `http://a/bc` for `http://a/b`.
        start = text.rstrip("/") + "/"
        return _below, (exact, start, start + LAST)
    if modifier == "above":
        steps = text.split("/")
        return _codes, tuple(short("/".join(steps[:end])) for end in range(1, len(steps) + 1))
    return _code, (exact,)


def _below(row: FromClause, exact: Any, start: Any, end: Any) -> ColumnElement[bool]:
    return or_(row.c.code == exact, and_(row.c.code >= start, row.c.code < end))


def _codes(row: FromClause, *codes: Any) -> ColumnElement[bool]:
    return row.c.code.in_(codes)


def string_test(parameter: Parameter, value: str, modifier: str | None) -> Meaning:
    text = plain(value)
    start = folded(text)
    if not start:
        raise refused(parameter.code, value)
    if modifier == "exact":
        return _exactly, (start, number(text))
    if modifier == "contains":
        plainly = re.sub(r"([/%_])", r"/\1", start)
        return _contains, (f"%{plainly}%",)
    return _begins, (start, start + LAST)


def _exactly(row: FromClause, norm: Any, exact: Any) -> ColumnElement[bool]:
    return and_(row.c.norm == norm, row.c.exact == exact)


def _contains(row: FromClause, pattern: Any) -> ColumnElement[bool]:
    return row.c.norm.like(pattern, escape="/")


def _begins(row: FromClause, start: Any, end: Any) -> ColumnElement[bool]:
    return and_(row.c.norm >= start, row.c.norm < end)


def reference_test(parameter: Parameter, value: str, target: str | None, base_urls: tuple[str, ...]) -> Meaning:
    """An id (of any type the parameter may lead to), `Type/id`, or a URL."""
    text = local(plain(value), base_urls)
    if not text:
        raise refused(parameter.code, value)
    if "/" in text or ":" in text:
        if target is not None and not text.startswith(f"{target}/"):
            return _nothing, ()
        return _targets, (short(text),)
    return _targets, tuple(f"{one}/{text}" for one in ((target,) if target else parameter.targets)) or (text,)


def anything(_: FromClause) -> ColumnElement[bool]:
    return true()


def _nothing(_: FromClause) -> ColumnElement[bool]:
    return false()


def _targets(row: FromClause, *targets: Any) -> ColumnElement[bool]:
    return row.c.target.in_(targets)


def ids(row: FromClause, *wanted: Any) -> ColumnElement[bool]:
    """The test on the id of a resource."""
    return row.c.id.in_(wanted)


def date_range(parameter: Parameter, value: str, now: datetime) -> tuple[str, int, int]:
    """Prefix, first and last microsecond of a date value."""
    match = _PREFIX.fullmatch(plain(value))
    found = span(match[2]) if match else None
    if match is None or found is None:
        raise refused(parameter.code, value)
    prefix, (low, high) = match[1] or "eq", found
    if prefix == "ap":
        # FHIR recommends a tenth of the distance from now.
        slack = abs(micros(now) - low) // 10
        return prefix, low - slack, high + slack
    return prefix, low, high


def date_test(parameter: Parameter, value: str, now: datetime) -> Meaning:
    prefix, *bounds = date_range(parameter, value, now)
    return Range(prefix), tuple(bounds)


@dataclass(frozen=True, slots=True)
class Range:
    """How a stored range, between the columns `first` and `last`, stands to the searched one."""

    prefix: str
    first: str = "low"
    last: str = "high"

    def __call__(self, row: FromClause, low: Any, high: Any) -> ColumnElement[bool]:
        return _compared(self.prefix, low, high, row.c[self.first], row.c[self.last])


def quantity_test(parameter: Parameter, value: str) -> Meaning:
    """`[prefix]number`, for a quantity also `number|system|code` or `number||unit`."""
    parts = [plain(one) for one in split(value, "|")]
    match = _PREFIX.fullmatch(parts[0])
    found = width(match[2]) if match else None
    if match is None or found is None or len(parts) not in ((1, 3) if parameter.kind == "quantity" else (1,)):
        raise refused(parameter.code, value)
    prefix = match[1] or "eq"
    exact = _decimal(match[2])
    low, high = found if prefix in ("eq", "ne") else (exact, exact)
    if prefix == "ap":
        low, high = exact - abs(exact) / 10, exact + abs(exact) / 10
    system, code = (number(parts[1]), short(parts[2])) if len(parts) == 3 else (0, "")
    of = {name: found for name, found in (("system", system), ("code", code)) if found}
    return _Measured(Range(prefix), tuple(of)), (low, high, *of.values())


@dataclass(frozen=True, slots=True)
class _Measured:
    """A range in a unit: `names` says which columns it is known by."""

    range: Range
    names: tuple[str, ...]

    def __call__(self, row: FromClause, low: Any, high: Any, *of: Any) -> ColumnElement[bool]:
        same = (row.c[name] == value for name, value in zip(self.names, of, strict=True))
        return and_(self.range(row, low, high), *same)


def _decimal(text: str) -> float:
    try:
        return float(Decimal(text))
    except (InvalidOperation, OverflowError):
        return 0.0


def _compared(
    prefix: str, low: object, high: object, first: ColumnElement[object], last: ColumnElement[object]
) -> ColumnElement[bool]:
    """Whether the stored range `first` to `last` stands to the searched one (`low` to `high`) as `prefix` says."""
    within = and_(first >= low, first <= high, last <= high)
    match prefix:
        case "eq":
            return within
        case "ne":
            return not_(within)
        case "gt":
            return last > high
        case "ge":
            # Above it, or within it: what ends within has also begun no earlier.
            return and_(last >= low, or_(last > high, first >= low))
        case "lt":
            return first < low
        case "le":
            return and_(first <= high, or_(first < low, last <= high))
        case "sa":
            return first > high
        case "eb":
            return last < low
        case _:
            return and_(first <= high, last >= low)


def missing(parameter: Parameter, value: str) -> bool:
    if value not in ("true", "false"):
        raise refused(f"{parameter.code}:missing", value)
    return value == "true"
