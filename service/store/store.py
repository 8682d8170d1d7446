"""The record as one object: what the faces call. Every call is one transaction; writes are retried where they collide.

https://hl7.org/fhir/R4/http.html
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from service import clock as clocks
from service.clock import Clock
from service.fhir.definitions import Definitions
from service.issues import Issue, has_errors
from service.store import reading, schema, search, transaction, writing
from service.store.engine import Database, database_url
from service.store.entries import ORDER
from service.store.errors import StoreError
from service.store.parameters import Parameters
from service.store.query import MOST, Pair, Query, parse
from service.store.reading import HistoryPage
from service.store.records import Author, Stored, Written
from service.store.search import Found
from service.store.terms import Expand
from service.store.transaction import Patch, Result
from service.store.visibility import Visibility
from service.store.writing import Answers, Writing

T = TypeVar("T")


def new_id() -> str:
    """A random id for a new resource."""
    return str(uuid.uuid4())


def no_value_sets(_: str) -> None:
    """Used where nobody can list value sets: `:in` is then refused."""
    return


def open_store(
    url: str | None,
    data: Path,
    definitions: Definitions,
    *,
    clock: Clock = clocks.now,
    base_urls: Iterable[str] = (),
    expand: Expand = no_value_sets,
    pool: int = 8,
) -> "Store":
    """The store at `url` (PostgreSQL), or in a SQLite file in the folder `data`, which is made where it is missing.

    A new SQLite file gets its tables at once; any other database must have been brought up to date with
    `schema.upgrade`: `StoreError` `store.schema-…` otherwise. `base_urls` (each ends in `/`) are the addresses at which
    this service is reached: references that begin with one are its own.
    """
    if not url:
        data.mkdir(parents=True, exist_ok=True)
    database = Database(database_url(url, data), pool=pool)
    problems = schema.check_schema(database)
    if not url and [one.key for one in problems] == ["store.schema-empty"]:
        # Of several processes that start on a new folder one makes the tables, and the others wait for it here.
        schema.upgrade(database)
        problems = schema.check_schema(database)
    if has_errors(problems):
        database.close()
        raise StoreError.of(problems)
    return Store(database, Parameters(definitions, tuple(base_urls)), clock=clock, expand=expand)


class Store:
    """Resources with all their versions, found by the official search parameters; safe to share between threads.

    `who` limits what is seen in every call; `author` is written down with every version.
    """

    def __init__(
        self,
        database: Database,
        parameters: Parameters,
        *,
        clock: Clock = clocks.now,
        expand: Expand = no_value_sets,
        ids: Callable[[], str] = new_id,
        answers: Answers | None = None,
    ) -> None:
        self.database = database
        self.parameters = parameters
        self.clock = clock
        self.expand = expand
        self.ids = ids
        self.answers = answers

    def close(self) -> None:
        self.database.close()

    def read(self, type_name: str, id_: str, who: Visibility) -> Stored | None:
        """The current version, with `deleted` set for one that was deleted; None where `who` can know of none."""
        # Only what a recipient may see can take a second statement.
        with self.database.read() if who.scope == "recipient" else self.database.look() as connection:
            return reading.read(connection, type_name, id_, who)

    def vread(self, type_name: str, id_: str, version: int, who: Visibility) -> Stored | None:
        """One version."""
        with self.database.read() as connection:
            return reading.vread(connection, type_name, id_, version, who)

    def history(self, who: Visibility, **wanted: Any) -> HistoryPage:
        """See `reading.history`: of everything, of `type_name`, or of `type_name` and `id_`."""
        with self.database.read() as connection:
            return reading.history(connection, who, **wanted)

    def query(self, type_name: str, pairs: Iterable[Pair], *, most: int = MOST) -> Query:
        """The search `pairs` (decoded) on a type, read; its `ignored` are for the caller to mind or not."""
        return parse(self.parameters, type_name, pairs, now=self.clock(), expand=self.expand, most=most)

    def search(self, query: Query, who: Visibility, page: str | None = None) -> Found:
        """One page of results; `page` is the token that the page before gave as `next`."""
        with self.database.read() as connection:
            return search.search(connection, self.parameters, query, who, page)

    def create(
        self, content: Mapping[str, Any], author: Author, who: Visibility, if_none_exist: Sequence[Pair] | None = None
    ) -> Written:
        """A new resource under a new id, or with `if_none_exist` the one that fits (`unchanged`)."""
        return self.write(author, who, lambda tx: writing.create(tx, content, if_none_exist))

    def update(
        self,
        type_name: str,
        id_: str,
        content: Mapping[str, Any],
        author: Author,
        who: Visibility,
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
        method: str = "PUT",
    ) -> Written:
        """A new version, or a new resource under this id. `if_match`, `if_none_match` as in the headers."""

        def work(tx: Writing) -> Written:
            given = {"if_match": if_match, "if_none_match": if_none_match}
            return writing.update(tx, type_name, id_, content, method=method, **given)

        return self.write(author, who, work)

    def delete(
        self, type_name: str, id_: str, author: Author, who: Visibility, *, if_match: str | None = None
    ) -> Written:
        """A last version without content; `absent` where there is nothing to delete."""
        return self.write(author, who, lambda tx: writing.remove(tx, type_name, id_, if_match=if_match))

    def update_where(
        self,
        type_name: str,
        pairs: Sequence[Pair],
        content: Mapping[str, Any],
        author: Author,
        who: Visibility,
        *,
        if_match: str | None = None,
    ) -> Written:
        """Conditional update."""
        return self.write(
            author, who, lambda tx: writing.update_where(tx, type_name, pairs, content, if_match=if_match)
        )

    def delete_where(
        self,
        type_name: str,
        pairs: Sequence[Pair],
        author: Author,
        who: Visibility,
        *,
        if_match: str | None = None,
    ) -> Written:
        """Conditional delete of the one resource that fits."""
        return self.write(author, who, lambda tx: writing.remove_where(tx, type_name, pairs, if_match=if_match))

    def transaction(
        self, bundle: Mapping[str, Any], author: Author, who: Visibility, patch: Patch | None = None
    ) -> list[Result]:
        """Every entry or none; the results stand in the order of the entries."""
        return self.write(author, who, lambda tx: transaction.run(tx, bundle, patch))

    def batch(
        self, bundle: Mapping[str, Any], author: Author, who: Visibility, patch: Patch | None = None
    ) -> list[Result]:
        """Every entry by itself; an entry that fails has `issues`, the others are done all the same."""
        entries = list(enumerate(bundle.get("entry", [])))
        results: dict[int, Result] = {}
        for index, entry in sorted(entries, key=_turn):
            results[index] = self._entry(index, entry, author, who, patch)
        return [results[index] for index, _ in entries]

    def _entry(self, index: int, entry: Any, author: Author, who: Visibility, patch: Patch | None) -> Result:
        alone = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
        try:
            return self.transaction(alone, author, who, patch)[0]
        except StoreError as error:
            return Result(_method(entry), issues=tuple(_moved(one, index) for one in error.issues))

    def write(self, author: Author, who: Visibility, work: Callable[[Writing], T]) -> T:
        """The result of `work` in one transaction; it may run more than once and must only use what it is given."""
        moment: datetime = self.clock()
        shared = (self.parameters, author, who, moment, self.expand, self.ids, self.answers)
        return self.database.write(lambda connection: work(Writing(connection, *shared)))


def _method(entry: Any) -> str:
    request = entry.get("request") if isinstance(entry, dict) else None
    method = request.get("method") if isinstance(request, dict) else None
    return method if isinstance(method, str) else ""


def _turn(numbered: tuple[int, Any]) -> tuple[int, int]:
    return ORDER.get(_method(numbered[1]), 9), numbered[0]


def _moved(one: Issue, index: int) -> Issue:
    """The same issue, its place in the whole batch instead of in a Bundle of one entry."""
    below = one.pointer or "/entry/0"
    return replace(one, pointer=f"/entry/{index}{below.removeprefix('/entry/0')}")
