"""`yhdessa db`: the database of this installation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.cli.engine import settings
from service.cli.failures import CouldNotRun
from service.store import schema
from service.store.engine import Database, database_url

DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.  [default: YHDESSA_DATA]"
)
URL = click.option("--database", help="Database URL.  [default: YHDESSA_DATABASE, else SQLite in the data folder]")


def opened(data: Path | None, database: str | None) -> Database:
    """The database that the settings name, whatever revision it has; the data folder is made."""
    chosen = settings(data=data, database=database)
    if not chosen.database:
        chosen.data.mkdir(parents=True, exist_ok=True)
    return Database(database_url(chosen.database, chosen.data))


@contextmanager
def checked(data: Path | None, database: str | None, *, new: bool = False) -> Iterator[Database]:
    """The same, closed in the end; `CouldNotRun` where its tables are not those of this program.

    With `new` a SQLite file that is not there yet is made.
    """
    one = opened(data, database)
    try:
        if new and one.is_sqlite and not Path(str(one.url.database)).exists():
            schema.upgrade(one)
        problems = schema.check_schema(one)
        if problems:
            raise CouldNotRun(*problems)
        yield one
    finally:
        one.close()


@click.group()
def command() -> None:
    """Bring the database up to date."""


@command.command()
@DATA
@URL
def upgrade(data: Path | None, database: str | None) -> None:
    """Make the tables, or change them to what this program needs. Make a backup first."""
    one = opened(data, database)
    try:
        before, after = schema.upgrade(one)
    finally:
        one.close()
    click.echo(f"{before or '–'} → {after}" if before != after else f"{after}")
