"""The value of one search parameter with its modifier, read into tests on index rows.

https://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause

from service.issues import issue
from service.store import terms
from service.store.errors import StoreError
from service.store.parameters import Parameter, Parameters
from service.store.records import ID
from service.store.terms import Build, Expand, Meaning

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("not", "in", "not-in"),
    "string": ("exact", "contains"),
    "uri": ("below", "above"),
    "reference": ("identifier",),
    "date": (),
    "quantity": (),
    "number": (),
}
"""What each kind of parameter understands beside `:missing`; a reference also the types it may lead to."""
_MOST_VALUES = 500
Bind = Callable[[str], Any]
"""What stands in a condition for the value of that name: a parameter of the statement, or the value itself."""


@dataclass(frozen=True, slots=True)
class Test:
    """A test on the rows of a table; the values in it are known by their `names`."""

    build: Build
    names: tuple[str, ...]

    def on(self, row: FromClause, bind: Bind) -> ColumnElement[bool]:
        return self.build(row, *map(bind, self.names))


class Reader:
    """Reads values; `now` is what `ap` compares with, `expand` lists value sets. All `values` of what it has read."""

    def __init__(self, parameters: Parameters, now: datetime, expand: Expand) -> None:
        self.parameters = parameters
        self.now = now
        self.expand = expand
        self.values: dict[str, Any] = {}

    def tests(self, parameter: Parameter, modifier: str, value: str) -> tuple[tuple[Test, ...], bool]:
        """One test for each value between commas, and whether none of them may hold."""
        if modifier == "missing":
            return (self._test((terms.anything, ())),), terms.missing(parameter, value)
        known = modifier in MODIFIERS[parameter.kind] or (
            parameter.kind == "reference" and modifier in parameter.targets
        )
        if modifier and not known:
            raise StoreError(issue("store.search-modifier", parameter=parameter.code, modifier=modifier))
        tests = tuple(self._one(parameter, modifier, one) for one in _values(parameter, value))
        return tests, modifier in ("not", "not-in")

    def tokens(self, parameter: Parameter, value: str) -> tuple[Test, ...]:
        """Tests of the identifier of a reference."""
        return tuple(self._test(terms.token_test(parameter, one)) for one in _values(parameter, value))

    def groups(self, parameter: Parameter, value: str) -> tuple[tuple[Test, ...], ...]:
        """For each value of a composite the tests of its components."""
        return tuple(self._group(parameter, one) for one in _values(parameter, value))

    def ids(self, value: str) -> Test:
        return self._test((terms.ids, tuple(one for one in value.split(",") if ID.fullmatch(one))))

    def updated(self, value: str) -> tuple[Test, ...]:
        """`_lastUpdated`: what is kept has whole milliseconds."""
        parameter = Parameter("Resource", "_lastUpdated", "date", 0, "")
        found = (terms.date_range(parameter, one, self.now) for one in _values(parameter, value))
        return tuple(
            self._test((terms.Range(prefix, "updated", "updated"), (low, high))) for prefix, low, high in found
        )

    def _test(self, meaning: Meaning) -> Test:
        build, values = meaning
        named = {f"v{at}": value for at, value in enumerate(values, len(self.values))}
        self.values |= named
        return Test(build, tuple(named))

    def _group(self, parameter: Parameter, value: str) -> tuple[Test, ...]:
        parts = terms.split(value, "$")
        if len(parts) != len(parameter.components):
            raise terms.refused(parameter.code, value)
        return tuple(self._one(one, "", part) for one, part in zip(parameter.components, parts, strict=True))

    def _one(self, parameter: Parameter, modifier: str, value: str) -> Test:
        return self._test(self._meaning(parameter, modifier, value))

    def _meaning(self, parameter: Parameter, modifier: str, value: str) -> Meaning:
        match parameter.kind:
            case "token" if modifier in ("in", "not-in"):
                return terms.member_test(parameter, value, self.expand)
            case "token":
                return terms.token_test(parameter, value)
            case "uri":
                return terms.uri_test(parameter, value, modifier or None)
            case "string":
                return terms.string_test(parameter, value, modifier or None)
            case "reference":
                return terms.reference_test(parameter, value, modifier or None, self.parameters.base_urls)
            case "date":
                return terms.date_test(parameter, value, self.now)
            case _:
                return terms.quantity_test(parameter, value)


def _values(parameter: Parameter, value: str) -> list[str]:
    found = [one for one in terms.split(value, ",") if one]
    if not found or len(found) > _MOST_VALUES:
        raise terms.refused(parameter.code, value)
    return found
