"""`yhdessa retention`: what has outlived its time, and its destruction. docs/archive.md"""

import sys
from pathlib import Path
from typing import Any

import click

from service.cli.db import DATA, URL
from service.cli.engine import definitions, settings
from service.cli.output import JSON
from service.cli.stored import stored
from service.cli.uselog import user
from service.clock import now
from service.fhir.json import pretty

RULES = click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules of your own in place of those that travel with the program.",
)
FACTS = click.option(
    "--facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Closings, deaths and holds of clients (NDJSON), from the client system.",
)


@click.group()
def command() -> None:
    """Say what has outlived its time, and destroy it."""


@command.command()
@RULES
@FACTS
@DATA
@URL
@JSON
def report(rules: Path | None, facts: Path | None, as_json: bool, **flags: Any) -> None:
    """How many records of each class there are, and whose time is over, runs, or is not known. Changes nothing."""
    _done(rules, facts, as_json=as_json, apply=False, flags=flags)


@command.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be destroyed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@RULES
@FACTS
@DATA
@URL
@JSON
def apply(dry_run: bool, yes: bool, rules: Path | None, facts: Path | None, as_json: bool, **flags: Any) -> None:
    """Destroy what has outlived its time: all versions, index rows and documents. The use log stays, and says so.

    Nothing goes without a known closing or death (--facts), under a hold, needed by another record, or about to be
    delivered. It cannot be undone.
    """
    _done(rules, facts, as_json=as_json, apply=not dry_run, flags=flags, ask=not yes)


def _done(
    rules: Path | None, facts: Path | None, *, as_json: bool, apply: bool, flags: dict[str, Any], ask: bool = False
) -> None:
    from service.cli import archiving
    from service.export import destruction
    from service.export.retention import Facts, Rules

    chosen = settings(**flags)
    own, known = Rules.load(rules), Facts.load(facts)
    with stored(chosen, definitions(chosen)) as store:
        moment = now()
        with archiving.shown() as told:
            found = destruction.look(store, own, known, moment.date(), told)
        rows: dict[str, Any] = {key: dict(sorted(states.items())) for key, states in sorted(found.states.items())}
        over = sum(len(one) for one in found.due)
        done: dict[str, int] = {}
        if apply and over:
            if ask and not (sys.stdin.isatty() and click.confirm(f"{over} ✗ ?", err=True)):
                raise click.UsageError("Give --yes to destroy without being asked, or --dry-run.")
            gone, stayed = destruction.apply(store, found, own, user(), moment)
            done = {name: getattr(gone, name) for name in ("resources", "versions", "documents")} | {"stayed": stayed}
    if as_json:
        click.echo(pretty({"classes": rows, "over": over, "destroyed": done}))
        return
    for key, states in rows.items():
        for state, count in states.items():
            click.echo(f"{count:>12,}  {key:<16} {state}")
    if done:
        click.echo("destroyed: " + "  ".join(f"{name} {count:,}" for name, count in done.items()))
