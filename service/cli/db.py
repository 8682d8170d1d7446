"""`yhdessa db`: the database of this installation."""

from pathlib import Path

import click

from service.cli.engine import settings
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
