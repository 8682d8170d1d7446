"""`yhdessa audit`: the use log of this installation."""

from pathlib import Path

import click
from sqlalchemy import Connection, select

from service.cli.db import DATA, URL, checked
from service.cli.output import JSON, report
from service.fhir.json import pretty
from service.issues import issue, outcome
from service.store import audit
from service.store.tables import audit as rows


@click.group()
def command() -> None:
    """Check the use log."""


@command.command()
@click.option("--head", help="Hash that was kept somewhere else: the trail must hold it still.")
@DATA
@URL
@JSON
def verify(data: Path | None, database: str | None, head: str | None, as_json: bool) -> None:
    """Walk the whole trail and check that no row was changed, removed or added from outside; exit code 1 where one was.

    Prints how many rows there are and the hash of the last: keep it somewhere else, and give it as `--head` next time.
    """
    with checked(data, database) as one, one.read() as connection:
        found = audit.verify(connection)
        issues = list(found.issues)
        if head and not issues and not _holds(connection, head):
            issues.append(issue("store.audit-broken", seq=found.rows))
    if as_json:
        click.echo(pretty({"rows": found.rows, "head": found.head, "outcome": outcome(issues)}))
    else:
        report("audit", issues, as_json=False)
        click.echo(f"{found.rows} {found.head}")
    raise SystemExit(1 if issues else 0)


def _holds(connection: Connection, head: str) -> bool:
    """Whether a row of the trail has this hash."""
    try:
        wanted = bytes.fromhex(head)
    except ValueError:
        return False
    return connection.execute(select(rows.c.seq).where(rows.c.hash == wanted).limit(1)).first() is not None
