"""A database that is not this program's revision: every command says so in one sentence."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.store import schema
from service.store.engine import FILE, Database, database_url

RECEIVER = (
    'name = "r"\norganisation = "2.999.1"\nsector = "health"\nkind = "fhir_transaction"\nurl = "http://localhost"\n'
)
COMMANDS = (
    "archive run --to archive",
    "archive verify --to archive",
    "audit verify",
    "clients list",
    "deliver --once",
    "disclosures family",
    "export list",
    "export to folder",
    "outbox list",
    "policy explain plan --recipient 2.999.1",
    "print plan --output paper",
    "retention report",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "receivers").mkdir()
    (folder / "receivers" / "r.toml").write_text(RECEIVER)
    database = Database(database_url(None, folder))
    schema.upgrade(database)
    database.close()
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_with_one_sentence(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("service.api.logs.configure", lambda _level: None)
    done = CliRunner().invoke(main, [*command.split(), "--data", str(data)], catch_exceptions=False)
    assert done.exit_code == 3
    assert "yhdessa db upgrade" in done.stderr
