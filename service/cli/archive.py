"""`yhdessa archive`: bring what is new into the regional archive, and prove that it is there. docs/archive.md"""

from pathlib import Path
from typing import Any

import click

from service.cli.db import DATA, URL
from service.cli.engine import definitions, settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON, LANGUAGE, report
from service.cli.stored import stored
from service.cli.submitting import CONFIG
from service.cli.submitting import command as submit
from service.config import Settings
from service.fhir.json import pretty
from service.issues import has_errors, issue

TO = click.option("--to", metavar="URL", help="Where the bags go, in place of what the settings say.")
TAKE_OVER = click.option("--take-over", is_flag=True, help="Make the run although another machine has begun one.")


@click.group()
def command() -> None:
    """Bring what is new into the regional archive, and prove that it is there."""


command.add_command(submit, "submit")


@command.command()
@TAKE_OVER
@CONFIG
@TO
@DATA
@URL
@JSON
@LANGUAGE
def run(take_over: bool, config: Path | None, to: str | None, as_json: bool, lang: str | None, **flags: Any) -> None:
    """Archive what has changed since the last good run; a run that was interrupted is finished first.

    Exit code 1: done, with warnings (fewer records than before, a plan that cannot be printed).
    """
    _made(settings(language=lang, **flags), config, to, take_over=take_over, fresh=True, as_json=as_json)


@command.command()
@TAKE_OVER
@CONFIG
@TO
@DATA
@URL
@JSON
@LANGUAGE
def resume(take_over: bool, config: Path | None, to: str | None, as_json: bool, lang: str | None, **flags: Any) -> None:
    """Finish the run that was interrupted, and begin none."""
    _made(settings(language=lang, **flags), config, to, take_over=take_over, fresh=False, as_json=as_json)


def _made(
    chosen: Settings, config: Path | None, to: str | None, *, take_over: bool, fresh: bool, as_json: bool
) -> None:
    from service.cli import archiving

    own = archiving.loaded(chosen, config, to)
    found = []
    with (
        archiving.alone(chosen) as folder,
        stored(chosen, definitions(chosen)) as store,
        archiving.shelved(own) as drop,
    ):
        place = archiving.unfinished(folder)
        places = [place] if place else []
        for one in (*places, *([None] if fresh else [])):
            at = one or archiving.begin(folder, store, drop, own)
            entry, issues = archiving.finish(at, store, drop, own, chosen, take_over=take_over)
            found += issues
            report(at.name, issues, as_json=as_json, language=chosen.language)
            if entry is not None:
                click.echo(pretty(_row(entry))) if as_json else archiving.echo(entry)
            elif not as_json:
                click.echo(issue("archive.nothing-new").text(chosen.language), err=True)
    raise SystemExit(1 if found else 0)


@command.command(name="list")
@CONFIG
@TO
@DATA
@JSON
def list_command(config: Path | None, to: str | None, data: Path | None, as_json: bool) -> None:
    """The runs that the archive has, and one that is not finished."""
    from service.cli import archiving
    from service.export import shelf

    chosen = settings(data=data)
    with archiving.shelved(archiving.loaded(chosen, config, to)) as drop:
        runs = shelf.entries(drop)
    place = archiving.unfinished(chosen.data / "archive")
    if as_json:
        rows = [_row(one) for one in runs]
        click.echo(pretty({"runs": rows, "unfinished": place.name if place else None}))
        return
    for one in runs:
        archiving.echo(one)
    if place:
        click.echo(f"{place.name}  …")


@command.command()
@click.argument("runs", metavar="[RUN…]", nargs=-1)
@click.option("--bags-only", is_flag=True, help="Check the bags alone, not whether the record is in them.")
@CONFIG
@TO
@DATA
@URL
@JSON
@LANGUAGE
def verify(
    runs: tuple[str, ...],
    bags_only: bool,
    config: Path | None,
    to: str | None,
    data: Path | None,
    database: str | None,
    as_json: bool,
    lang: str | None,
) -> None:
    """Read the archive again: every file by its checksum, and every resource of the record as of the last run.

    With RUN only these bags are read. Exit code 1: something is missing or damaged.
    """
    from contextlib import nullcontext

    from service.cli import archiving
    from service.export import archive_verify, shelf

    chosen = settings(data=data, database=database, language=lang)
    with archiving.shelved(archiving.loaded(chosen, config, to)) as drop:
        there = shelf.entries(drop)
        names = [one.run for one in there]
        for unknown in set(runs) - set(names):
            raise CouldNotRun(issue("archive.no-run", run=unknown, there=", ".join(names) or "–"))
        wanted = [one for one in there if not runs or one.run in runs]
        whole = not bags_only and not runs
        with stored(chosen, definitions(chosen)) if whole else nullcontext() as store, archiving.shown() as told:
            done = archive_verify.verify(drop, wanted, store, lambda name: told(name, 0))
    report("archive", done.issues, as_json=as_json, language=chosen.language)
    counts = {name: getattr(done, name) for name in ("runs", "files", "bytes", "records", "extra", "more")}
    if as_json:
        click.echo(pretty(counts | {"whole": whole, "valid": not has_errors(done.issues)}))
    else:
        click.echo("  ".join(f"{name} {count:,}" for name, count in counts.items()))
    raise SystemExit(1 if has_errors(done.issues) else 0)


def _row(entry: Any) -> dict[str, Any]:
    import msgspec

    row: dict[str, Any] = msgspec.to_builtins(entry)
    return row
