"""The values of a search: split, unescaped, and turned into tests on the rows of one index table.

https://hl7.org/fhir/R4/search.html#escaping, https://hl7.org/fhir/R4/search.html#prefix
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from sqlalchemy import ColumnElement, FromClause, and_, false, not_, or_

from service.issues import issue
from service.store.errors import StoreError
from service.store.parameters import Parameter
from service.store.rows import local
from service.store.values import folded, micros, number, short, span, width

Test = Callable[[FromClause], ColumnElement[bool]]
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


def token_test(parameter: Parameter, value: str) -> Test:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it)."""
    parts = [plain(one) for one in split(value, "|")]
    if len(parts) > 2 or not any(parts):
        raise refused(parameter.code, value)
    if len(parts) == 1:
        code = short(parts[0])
        return lambda row: row.c.code == code
    system, code = number(parts[0]), short(parts[1])
    if not code:
        return lambda row: row.c.system == system
    return lambda row: and_(row.c.code == code, row.c.system == system)


def member_test(parameter: Parameter, value: str, expand: Expand) -> Test:
    """`:in` a value set."""
    members = expand(plain(value))
    if members is None:
        raise StoreError(issue("store.search-value-set", parameter=parameter.code, value=value))
    pairs = [(short(code), number(system)) for system, code in members]
    codes = sorted({code for code, _ in pairs})
    systems: dict[int, list[str]] = {}
    for code, system in pairs:
        systems.setdefault(system, []).append(code)

    def test(row: FromClause) -> ColumnElement[bool]:
        one_of = [and_(row.c.system == system, row.c.code.in_(sorted(found))) for system, found in systems.items()]
        # The codes by themselves as well: they are what the index is ordered by.
        return and_(row.c.code.in_(codes), or_(false(), *one_of))

    return test


def uri_test(parameter: Parameter, value: str, modifier: str | None) -> Test:
    text = plain(value)
    if not text:
        raise refused(parameter.code, value)
    exact = short(text)
    if modifier == "below":
        # Itself, and what goes on after a `/`: not `http://a/bc` for `http://a/b`.
        start = text.rstrip("/") + "/"
        return lambda row: or_(row.c.code == exact, and_(row.c.code >= start, row.c.code < start + LAST))
    if modifier == "above":
        steps = text.split("/")
        longer = [short("/".join(steps[:end])) for end in range(1, len(steps) + 1)]
        return lambda row: row.c.code.in_(longer)
    return lambda row: row.c.code == exact


def string_test(parameter: Parameter, value: str, modifier: str | None) -> Test:
    text = plain(value)
    start = folded(text)
    if not start:
        raise refused(parameter.code, value)
    if modifier == "exact":
        same = number(text)
        return lambda row: and_(row.c.norm == start, row.c.exact == same)
    if modifier == "contains":
        return lambda row: row.c.norm.contains(start, autoescape=True)
    return lambda row: and_(row.c.norm >= start, row.c.norm < start + LAST)


def reference_test(parameter: Parameter, value: str, target: str | None, base_urls: tuple[str, ...]) -> Test:
    """An id (of any type the parameter may lead to), `Type/id`, or a URL."""
    text = local(plain(value), base_urls)
    if not text:
        raise refused(parameter.code, value)
    if "/" in text or ":" in text:
        if target is not None and not text.startswith(f"{target}/"):
            return lambda row: false()
        found = [short(text)]
    else:
        found = [f"{one}/{text}" for one in ((target,) if target else parameter.targets)] or [text]
    return lambda row: row.c.target.in_(found)


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


def date_test(parameter: Parameter, value: str, now: datetime) -> Test:
    prefix, low, high = date_range(parameter, value, now)
    return lambda row: compared(prefix, low, high, row.c.low, row.c.high)


def quantity_test(parameter: Parameter, value: str) -> Test:
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

    def test(row: FromClause) -> ColumnElement[bool]:
        return and_(
            compared(prefix, low, high, row.c.low, row.c.high),
            *([row.c.system == system] if system else []),
            *([row.c.code == code] if code else []),
        )

    return test


def _decimal(text: str) -> float:
    try:
        return float(Decimal(text))
    except (InvalidOperation, OverflowError):
        return 0.0


def compared(
    prefix: str, low: float, high: float, first: ColumnElement[object], last: ColumnElement[object]
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
