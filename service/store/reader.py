"""The value of one search parameter with its modifier, read into tests on index rows.

https://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, or_, true

from service.issues import issue
from service.store import terms
from service.store.errors import StoreError
from service.store.parameters import Parameter, Parameters
from service.store.records import ID
from service.store.terms import Expand, Test

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


class Reader:
    """Reads values; `now` is what `ap` compares with, `expand` lists value sets."""

    def __init__(self, parameters: Parameters, now: datetime, expand: Expand) -> None:
        self.parameters = parameters
        self.now = now
        self.expand = expand

    def tests(self, parameter: Parameter, modifier: str, value: str) -> tuple[tuple[Test, ...], bool]:
        """One test for each value between commas, and whether none of them may hold."""
        if modifier == "missing":
            return (lambda _: true(),), terms.missing(parameter, value)
        known = modifier in MODIFIERS[parameter.kind] or (
            parameter.kind == "reference" and modifier in parameter.targets
        )
        if modifier and not known:
            raise StoreError(issue("store.search-modifier", parameter=parameter.code, modifier=modifier))
        read = self._one(parameter, modifier)
        return tuple(read(one) for one in _values(parameter, value)), modifier in ("not", "not-in")

    def tokens(self, parameter: Parameter, value: str) -> tuple[Test, ...]:
        """Tests of the identifier of a reference."""
        return tuple(terms.token_test(parameter, one) for one in _values(parameter, value))

    def groups(self, parameter: Parameter, value: str) -> tuple[tuple[Test, ...], ...]:
        """For each value of a composite the tests of its components."""
        return tuple(self._group(parameter, one) for one in _values(parameter, value))

    def ids(self, value: str) -> Test:
        wanted = [one for one in value.split(",") if ID.fullmatch(one)]
        return lambda row: row.c.id.in_(wanted)

    def updated(self, value: str) -> Test:
        """`_lastUpdated`: what is kept has whole milliseconds."""
        parameter = Parameter("Resource", "_lastUpdated", "date", 0, "")
        found = [terms.date_range(parameter, one, self.now) for one in _values(parameter, value)]

        def test(row: FromClause) -> ColumnElement[bool]:
            at = row.c.updated
            return or_(*(terms.compared(prefix, low, high, at, at) for prefix, low, high in found))

        return test

    def _group(self, parameter: Parameter, value: str) -> tuple[Test, ...]:
        parts = terms.split(value, "$")
        if len(parts) != len(parameter.components):
            raise terms.refused(parameter.code, value)
        return tuple(self._one(one, "")(part) for one, part in zip(parameter.components, parts, strict=True))

    def _one(self, parameter: Parameter, modifier: str) -> Callable[[str], Test]:
        match parameter.kind:
            case "token" if modifier in ("in", "not-in"):
                return lambda value: terms.member_test(parameter, value, self.expand)
            case "token":
                return lambda value: terms.token_test(parameter, value)
            case "uri":
                return lambda value: terms.uri_test(parameter, value, modifier or None)
            case "string":
                return lambda value: terms.string_test(parameter, value, modifier or None)
            case "reference":
                base = self.parameters.base_urls
                return lambda value: terms.reference_test(parameter, value, modifier or None, base)
            case "date":
                return lambda value: terms.date_test(parameter, value, self.now)
            case _:
                return lambda value: terms.quantity_test(parameter, value)


def _values(parameter: Parameter, value: str) -> list[str]:
    found = [one for one in terms.split(value, ",") if one]
    if not found or len(found) > _MOST_VALUES:
        raise terms.refused(parameter.code, value)
    return found
