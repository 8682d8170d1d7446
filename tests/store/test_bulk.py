"""Rows go in and come out as they are, however many and whatever is in them, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from service.store import Store, tables
from service.store.bulk import insert_all, insert_rows

TEXTS = ["", " ", "a", 'quo"ted', "it's", "back\\slash\\n", "line\nfeed\ttab\x01", "{a,b}", "NULL", "ä😀", "%s %b %%"]
STRING = ("rid", "param", "norm", "exact", "part")
QUANTITY = ("part", "rid", "param", "low", "high", "system", "code")
STRINGS = [(at, 1, text, -(2**63) + at, at % 3) for at, text in enumerate(TEXTS)]
QUANTITIES = [(0, at, 2, low, 1e308, 2**63 - 1, "") for at, low in enumerate((-1e308, 0.1, 1.0, -0.5))]


def found(store: Store, table: Table, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    with store.database.read() as connection:
        rows = connection.execute(select(*(table.c[one] for one in columns)))
        return sorted(tuple(row) for row in rows)


def test_rows_of_several_tables_go_in_together(store: Store) -> None:
    def work(connection: Connection) -> None:
        insert_all(connection, [])
        insert_all(
            connection,
            [
                (tables.string, STRING, STRINGS),
                (tables.token, ("rid",), []),
                (tables.quantity, QUANTITY, QUANTITIES),
            ],
        )

    store.database.write(work)
    assert found(store, tables.string, STRING) == sorted(STRINGS)
    assert found(store, tables.quantity, QUANTITY) == sorted(QUANTITIES)


def test_one_of_several_tables_that_refuses_a_row_keeps_all_out(store: Store) -> None:
    batches = [(tables.string, STRING, STRINGS), (tables.quantity, QUANTITY, QUANTITIES * 2)]
    with pytest.raises(DBAPIError):
        store.database.write(lambda connection: insert_all(connection, batches))
    assert found(store, tables.string, STRING) == found(store, tables.quantity, QUANTITY) == []


def test_what_is_there_already_stays_and_only_what_is_new_is_given(store: Store) -> None:
    columns = ("organisation", "system", "id", "kind", "version", "digest", "updated")

    def row(id_: str, digest: bytes) -> tuple[Any, ...]:
        return "2.999.10", "s", id_, "case", 1, digest, 2**60

    def add(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        returning = ("id", "digest")
        made = store.database.write(
            lambda connection: insert_rows(connection, tables.document, columns, rows, returning=returning)
        )
        return [(id_, bytes(digest)) for id_, digest in made]

    assert add(row("a", b"\x00\xff\\")) == [("a", b"\x00\xff\\")]
    assert add(row("b", b""), row("a", b"other"), row("c", b"{}")) == [("b", b""), ("c", b"{}")]
    assert found(store, tables.document, ("id", "digest")) == [("a", b"\x00\xff\\"), ("b", b""), ("c", b"{}")]


def test_what_may_be_missing_is(store: Store) -> None:
    texts, numbers = ("id", "client", "organisation", "state"), ("at", "created", "polled", "done", "total", "attempts")
    some = ("lease_until", "lease_owner")
    columns = (*texts, "wanted", *numbers, *some)
    rows = [(str(at), "c", "o", "waiting", b"{}", *range(6), 7 if at == 2 else None, None) for at in range(3)]
    store.database.write(lambda connection: insert_rows(connection, tables.export_job, columns, rows))
    assert found(store, tables.export_job, ("id", *some)) == [("0", None, None), ("1", None, None), ("2", 7, None)]
