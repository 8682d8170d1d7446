"""Fixed values, patterns and limits of an ElementDefinition.

https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_
"""

import datetime
from decimal import Decimal
from typing import Any

from service.fhir.json import encode
from service.validation.run import At, ItemCheck, Json, Run

_NUMBERS = (int, Decimal, float)


def given(element: Json, prefix: str) -> tuple[str, Any] | None:
    """The key and value of `fixed[x]`, `pattern[x]`, `minValue[x]` or `maxValue[x]`, where the element has one."""
    for key, value in element.items():
        if key.startswith(prefix) and key[len(prefix) : len(prefix) + 1].isupper():
            return key, value
    return None


def equal(value: Any, expected: Any) -> bool:
    """Whether two JSON values are the same; numbers by value, objects whatever the order of their keys."""
    if type(expected) is dict:
        return (
            type(value) is dict
            and value.keys() == expected.keys()
            and all(equal(value[key], one) for key, one in expected.items())
        )
    if type(expected) is list:
        return (
            type(value) is list
            and len(value) == len(expected)
            and all(equal(one, other) for one, other in zip(value, expected, strict=True))
        )
    return _same(value, expected)


def matches(value: Any, pattern: Any) -> bool:
    """Whether `value` holds at least what `pattern` holds; each item of an array must be met by some item."""
    if type(pattern) is dict:
        if type(value) is not dict:
            return False
        for key, expected in pattern.items():  # noqa: SIM110 - a generator costs more than what it does here
            if key not in value or not matches(value[key], expected):
                return False
        return True
    if type(pattern) is list:
        if type(value) is not list:
            return False
        for expected in pattern:  # noqa: SIM110
            if not _is_met(value, expected):
                return False
        return True
    if type(pattern) is str:
        return type(value) is str and value == pattern
    return _same(value, pattern)


def _is_met(items: list[Any], expected: Any) -> bool:
    for item in items:  # noqa: SIM110 - a generator costs more than what it does here
        if matches(item, expected):
            return True
    return False


def _same(value: Any, expected: Any) -> bool:
    if type(expected) is bool or type(value) is bool:
        return value is expected
    if isinstance(expected, _NUMBERS):
        return isinstance(value, _NUMBERS) and Decimal(value) == Decimal(expected)
    return type(value) is type(expected) and bool(value == expected)


def compile_values(element: Json, base: Json) -> list[ItemCheck]:
    """The checks of fixed, pattern, limits and length that `element` adds to `base`."""
    checks: list[ItemCheck] = []
    fixed = given(element, "fixed")
    if fixed and fixed != given(base, "fixed"):
        checks.append(_expect("validation.fixed", equal, fixed[1]))
    pattern = given(element, "pattern")
    if pattern and pattern != given(base, "pattern"):
        checks.append(_expect("validation.pattern", matches, pattern[1]))
    for prefix, key, sign in (("minValue", "validation.min-value", 1), ("maxValue", "validation.max-value", -1)):
        limit = given(element, prefix)
        if limit and limit != given(base, prefix):
            checks.append(_limit(key, limit[1], sign))
    if "maxLength" in element and element["maxLength"] != base.get("maxLength"):
        checks.append(_length(element["maxLength"]))
    return checks


def _expect(key: str, test: Any, expected: Any) -> ItemCheck:
    text = encode(expected).decode()

    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        if not test(value, expected):
            run.add(key, at, expected=text, value=short(value))

    return check


def short(value: Any) -> str:
    """A JSON value for a message."""
    return value if type(value) is str else encode(value).decode()


def _limit(key: str, limit: Any, sign: int) -> ItemCheck:
    text = short(limit)

    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        if type(limit) is dict and type(value) is str:
            bound = from_today(limit, -sign, run.options.today)
            order = compare(value[:10], bound) if bound else None
        else:
            order = compare(value, limit)
        if order is not None and order * sign < 0:
            run.add(key, at, value=short(value), limit=text)

    return check


def from_today(duration: Json, sign: int, today: datetime.date | None) -> str | None:
    """The day that lies a Duration in whole days, weeks, months or years after (1) or before (-1) today."""
    number, unit = duration.get("value"), duration.get("code")
    if today is None or type(number) is not int or unit not in ("a", "mo", "wk", "d") or number > 10_000:
        return None
    try:
        if unit in ("wk", "d"):
            return (today + datetime.timedelta(days=sign * number * (7 if unit == "wk" else 1))).isoformat()
        months = today.year * 12 + today.month - 1 + sign * number * (12 if unit == "a" else 1)
        first = datetime.date(months // 12, months % 12 + 1, 1)
    except (ValueError, OverflowError):
        return None
    return f"{first.isoformat()[:8]}{today.day:02d}"


def compare(value: Any, limit: Any) -> int | None:
    """-1, 0 or 1; `None` where the two cannot be compared (other units, other precision, not ordered)."""
    if type(value) is dict and type(limit) is dict:
        if all(value.get(key) == limit.get(key) for key in ("system", "code")) and "comparator" not in value:
            return compare(value.get("value"), limit.get("value"))
        return None
    if type(value) is bool or type(limit) is bool:
        return None
    if isinstance(value, _NUMBERS) and isinstance(limit, _NUMBERS):
        one, other = Decimal(value), Decimal(limit)
        return (one > other) - (one < other)
    if type(value) is str and type(limit) is str:
        return _compare_times(value, limit)
    return None


def _compare_times(value: str, limit: str) -> int | None:
    if "T" in value and "T" in limit and value[10:][8:] != limit[10:][8:]:
        return None if value[:10] == limit[:10] else (value > limit) - (value < limit)
    size = min(len(value), len(limit))
    if value[:size] == limit[:size]:
        return 0 if len(value) == len(limit) else None
    return (value > limit) - (value < limit)


def _length(most: int) -> ItemCheck:
    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        if type(value) is str and len(value) > most:
            run.add("validation.max-length", at, most=most, length=len(value))

    return check
