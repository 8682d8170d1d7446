"""`_typeFilter`: searches that what is exported has to fulfil, as it was at the cut.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#_typefilter-query-parameter
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, Connection, and_, create_engine, select

from service.export.compartments import either
from service.export.snapshot import Narrow
from service.fhir.json import JsonError, parse
from service.store import EVERYTHING, Store, StoreError
from service.store.bulk import insert_rows
from service.store.clauses import Compiler
from service.store.parameters import Parameters
from service.store.query import Chain, Has, Query
from service.store.query import parse as parse_query
from service.store.tables import INDEXES, metadata, resource

_SPLIT = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
_SHAPE = re.compile(r"([A-Z][A-Za-z]*)\?(.+)", re.DOTALL)
# Of the form of the result: none of them says what is in it.
_RESULT = frozenset({"_sort", "_count", "_include", "_revinclude", "_summary", "_total", "_elements"})
_FORM = frozenset({"_contained", "_containedType", "_format", "_pretty", "_page"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FilterError(ValueError):
    """A filter that cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One search on one type."""

    type: str
    query: Query


def split(texts: Iterable[str]) -> list[str]:
    """Every filter by itself: one parameter may hold several, with commas between them, as earlier releases had it."""
    return [one for text in texts for one in _SPLIT.split(text) if one]


def read(store: Store, text: str, at: int) -> Filter:
    """The filter `Type?query`; `ap` compares with the moment `at`. Raises `FilterError`."""
    match = _SHAPE.fullmatch(text)
    if match is None or store.parameters.definitions.types().get(match[1]) != "resource":
        raise FilterError("it does not begin with a type and `?`")
    pairs = parse_qsl(match[2], keep_blank_values=True)
    for name, value in pairs:
        if name.partition(":")[0] in _RESULT | _FORM:
            raise FilterError(f"`{name}` is about the form of a result")
        if "\x00" in name + value:
            raise FilterError("it holds a NUL")
    now = _EPOCH + timedelta(microseconds=at)
    try:
        query = parse_query(store.parameters, match[1], pairs, now=now, expand=store.expand)
    except StoreError as error:
        raise FilterError(error.issues[0].text()) from None
    if query.ignored:
        raise FilterError(query.ignored[0].text())
    if not query.criteria or any(isinstance(one, Chain | Has) for one in query.criteria):
        raise FilterError("it looks at other resources" if query.criteria else "it has no criteria")
    return Filter(match[1], query)


def narrows(filters: Iterable[Filter], parameters: Parameters) -> Mapping[str, Narrow]:
    """The condition for each type that has filters; of several for one type, one must hold."""
    by_type: dict[str, list[Narrow]] = {}
    for one in filters:
        by_type.setdefault(one.type, []).append(_narrow(one, parameters))
    return {name: either(found) for name, found in by_type.items()}


def _narrow(one: Filter, parameters: Parameters) -> Narrow:
    def settled(connection: Connection) -> ColumnElement[bool]:
        return and_(*_conditions(connection, one))

    def kept(_: Connection, rows: Sequence[Any]) -> set[int]:
        return matching(one, parameters, rows)

    return Narrow(settled, kept)


def matching(one: Filter, parameters: Parameters, rows: Sequence[Any]) -> set[int]:
    """Which rows (number, id, version, updated, organisation, body) fulfil the search.

    The index knows resources only as they are now. So these few are indexed as they were, in a database of their own.
    """
    if not rows:
        return set()
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection, tables=[resource, *INDEXES.values()])
            for row in rows:
                # What cannot be read fulfils nothing.
                with suppress(JsonError):
                    _index(connection, one.type, row, parameters)
            return set(connection.execute(select(resource.c.rid).where(*_conditions(connection, one))).scalars())
    finally:
        engine.dispose()


def _conditions(connection: Connection, one: Filter) -> list[ColumnElement[bool]]:
    """The conditions on `resource`, with the values of the search in them: several filters stand in one statement."""
    return Compiler(connection, EVERYTHING, one.query).restrict().conditions(resource, one.query.values.__getitem__)


_RESOURCE = ("rid", "type", "id", "version", "updated", "deleted", "digest", "organisation")


def _index(connection: Connection, type_name: str, row: Any, parameters: Parameters) -> None:
    rid, id_, version, updated, organisation, body = row[:6]
    made = parameters.extract(parse(body), rid)
    insert_rows(connection, resource, _RESOURCE, [(rid, type_name, id_, version, updated, 0, b"", organisation)])
    for name, table in INDEXES.items():
        columns = tuple(column.name for column in table.columns)
        insert_rows(connection, table, columns, list(getattr(made, name)))
