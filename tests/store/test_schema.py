"""The database's shape: revisions, and starts on one that does not fit."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import literal, select, text

from service.fhir.definitions import core
from service.store import EVERYTHING, StoreError, clients, open_store, schema, snapshot, tables
from service.store.engine import FILE, Database
from service.store.parameters import parameter_id
from tests.store.conftest import OURS


def test_the_revisions_make_the_tables_that_the_program_has(url: str) -> None:
    assert clients.client.metadata is tables.metadata
    database = Database(url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    assert schema.upgrade(database) == (schema.head(), schema.head())
    database.close()


def test_the_tables_of_a_new_file_are_those_that_the_revisions_make() -> None:
    assert schema.SNAPSHOT.read_text("utf-8") == snapshot.made(), "a revision was added: run `make schema`"


def test_a_new_file_gets_the_revisions_that_its_tables_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = tmp_path / "older.sql"
    older.write_text(snapshot.made(schema.revisions()[0]), "utf-8")
    monkeypatch.setattr(schema, "SNAPSHOT", older)
    database = Database(f"sqlite+pysqlite:///{tmp_path / 'new.sqlite'}")
    assert schema.upgrade(database) == (None, schema.head())
    assert schema.check_schema(database) == []
    database.close()


def test_the_files_are_named_by_their_revisions() -> None:
    folder = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    walked = [one.revision for one in folder.walk_revisions()]
    assert schema.revisions() == walked[::-1]
    assert schema.head() == folder.get_current_head()


def test_a_new_data_folder_is_made_ready(tmp_path: Path) -> None:
    one = open_store(None, tmp_path / "new" / "data", core())
    assert schema.check_schema(one.database) == []
    one.close()
    assert (tmp_path / "new" / "data" / FILE).exists()
    open_store(None, tmp_path / "new" / "data", core()).close()


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "store.schema-new"),
        ("DELETE FROM alembic_version", "store.schema-foreign"),
    ],
)
def test_a_start_on_another_schema_says_so_and_refuses(url: str, tmp_path: Path, statement: str, key: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(text(statement))
    database.close()
    with pytest.raises(StoreError) as error:
        open_store(url, tmp_path, core())
    assert [one.key for one in error.value.issues] == [key]


def test_an_older_revision_is_refused_until_it_is_upgraded(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url)
    known = schema.head()
    monkeypatch.setattr(schema, "head", lambda: "a-newer-one")
    assert [one.key for one in schema.check_schema(database)] == ["store.schema-old"]
    database.close()
    with pytest.raises(StoreError) as error:
        open_store(url, tmp_path, core())
    assert error.value.issues[0].params == {"have": known, "needed": "a-newer-one"}


def test_an_empty_database_is_not_filled_without_being_asked(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        open_store(f"sqlite:///{tmp_path / 'other.sqlite'}", tmp_path, core())
    assert [one.key for one in error.value.issues] == ["store.schema-empty"]


def test_rows_that_said_the_same_twice_go_and_are_still_found(url: str, tmp_path: Path) -> None:
    """A database of before revision 0007, where what two parameters find alike stood under the number of each."""
    store = open_store(url, tmp_path, core())
    own = {"identifier": [{"system": "urn:s", "value": "1"}], "name": [{"family": "Meikäläinen", "given": ["Aino"]}]}
    about = {"reference": "Patient/aino", "identifier": {"system": "urn:s", "value": "1"}}
    both: tuple[dict[str, Any], ...] = (
        {"resourceType": "Patient", "id": "aino", **own},
        {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": about},
    )
    for one in both:
        store.update(one["resourceType"], one["id"], one, OURS, EVERYTHING)
    searches = (
        ("Patient", "name", "meikäläinen"),
        ("Patient", "phonetic", "aino"),
        ("Coverage", "beneficiary", "Patient/aino"),
        ("Coverage", "patient", "Patient/aino"),
        ("Coverage", "patient:identifier", "urn:s|1"),
    )

    def state() -> tuple[dict[str, list[Any]], list[list[str]]]:
        with store.database.read() as connection:
            rows = {
                name: sorted(map(tuple, connection.execute(table.select()))) for name, table in tables.INDEXES.items()
            }
        found = [store.search(store.query(kind, [(name, value)]), EVERYTHING) for kind, name, value in searches]
        return rows, [[one.reference for one in page.entries] for page in found]

    expected = state()
    doubled = (
        (tables.string, "Patient", "name", "phonetic"),
        (tables.reference, "Coverage", "beneficiary", "patient"),
        (tables.token, "Coverage", "beneficiary:identifier", "patient:identifier"),
    )
    with store.database.engine.begin() as connection:
        for table, kind, first, second in doubled:
            rest = [one for one in table.c if one.name != "param"]
            twice = select(literal(parameter_id(kind, second)), *rest).where(table.c.param == parameter_id(kind, first))
            added = connection.execute(table.insert().from_select(["param", *(one.name for one in rest)], twice))
            assert added.rowcount
        connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
    assert schema.upgrade(store.database) == ("0006", schema.head())
    assert state() == expected
    assert all(expected[1])
    store.close()
