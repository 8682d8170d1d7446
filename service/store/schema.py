"""The shape of the database and its revisions (Alembic): bring it up to date, or say that it is not.

https://alembic.sqlalchemy.org
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from service.issues import Issue, issue
from service.store.engine import Database

_FOLDER = Path(__file__).parent / "migrations"
# What the revisions make of an empty SQLite file, see snapshot.py.
SNAPSHOT = _FOLDER / "sqlite.sql"
# A trigger has semicolons of its own, but no statement has an empty line.
BETWEEN = "\n\n"
# Any number does, as long as it is always the same: two upgrades at one time wait for each other.
_LOCK = 7_305_002_026


def revisions() -> list[str]:
    """Every revision there is, the oldest first: the files are named by them."""
    return sorted(file.stem.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The revision that this program needs."""
    return revisions()[-1]


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest revision, in one transaction; gives the revision before and after."""

    def work(connection: Connection) -> str | None:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        before = _revision(connection)
        if before is None and database.is_sqlite and _is_empty(connection):
            _fill(connection)
        if _revision(connection) != head():
            migrate(connection)
        return before

    return database.write(work), head()


def check_schema(database: Database) -> list[Issue]:
    """What is wrong with the schema of the database: it is empty, older than this program, newer, or another's."""
    with database.read() as connection:
        have = _revision(connection)
        if have is None:
            return [issue("store.schema-empty" if _is_empty(connection) else "store.schema-foreign")]
    if have == head():
        return []
    key = "store.schema-old" if have in revisions() else "store.schema-new"
    return [issue(key, have=have, needed=head())]


def _fill(connection: Connection) -> None:
    for statement in SNAPSHOT.read_text("utf-8").split(BETWEEN)[1:]:
        connection.exec_driver_sql(statement)


def _is_empty(connection: Connection) -> bool:
    return not inspect(connection).get_table_names()


def _revision(connection: Connection) -> str | None:
    """The revision that the database has; None where it has none (Alembic's own table says)."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the revisions that the database lacks, up to `to`."""
    # Alembic is loaded only where there is something to do: it is a fifth of a start.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
