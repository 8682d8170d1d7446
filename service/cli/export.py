"""`yhdessa export`: run the bulk exports that wait, or write one into a folder. docs/bulk.md"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.db import DATA, URL
from service.cli.engine import definitions, settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.cli.stored import stored
from service.fhir.json import pretty
from service.issues import issue

if TYPE_CHECKING:
    from service.export.jobs import Job
    from service.store import Store

EXPORTS = click.option(
    "--exports",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bulk exports.  [default: as `serve`]",
)
# Names the job of a folder that is not finished, so that the same command goes on with it.
MARK = ".export"


@click.group()
def command() -> None:
    """Run bulk exports, or write one into a folder."""


@command.command()
@click.option("--once", is_flag=True, help="End when no export waits.")
@DATA
@URL
@EXPORTS
def run(once: bool, data: Path | None, database: str | None, exports: Path | None) -> None:
    """Run the exports that clients have begun, until stopped: for installations whose `serve` runs none."""
    from service.export.run import Limits
    from service.export.runner import Runner

    chosen = settings(data=data, database=database, exports=exports)
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    with stored(chosen, definitions(chosen)) as store:
        limits = Limits(chosen.export_bytes, chosen.export_hours, max(1, chosen.export_runners))
        with _bar() as told:
            runner = Runner(store, chosen.export_folder, limits, ended.is_set, told)
            while not ended.is_set():
                runner.sweep()
                while runner.once() and not ended.is_set():
                    pass
                if once or ended.wait(2):
                    return


@command.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
@click.option("--type", "types", multiple=True, help="Resource type; may be repeated.  [default: all]")
@click.option("--since", help="Only what was changed after this instant, with what was deleted since.")
@click.option("--patients", is_flag=True, help="Only what belongs to patients.")
@click.option("--group", default="", help="Only what belongs to the patients of this group, as `county-10`.")
@click.option("--filter", "filters", multiple=True, help="Search as `CarePlan?status=active`; may be repeated.")
@DATA
@URL
def to(
    folder: Path,
    types: tuple[str, ...],
    since: str | None,
    patients: bool,
    group: str,
    filters: tuple[str, ...],
    data: Path | None,
    database: str | None,
) -> None:
    """Export into FOLDER as NDJSON, `manifest.json` last. A run that was interrupted goes on where it stopped."""
    from service.cli.uselog import user
    from service.export import folders
    from service.export.run import Limits
    from service.export.runner import Runner
    from service.export.wanted import ANY, Wanted

    chosen = settings(data=data, database=database)
    wanted = Wanted(
        level="group" if group else "patient" if patients else "system",
        url=f"file:{folder.name}",
        allowed=(ANY,),
        scope="everything",
        types=types,
        since=None if since is None else _moment(since),
        group=group,
        filters=filters,
        role="admin",
        language=chosen.language,
        token=False,
    )
    with stored(chosen, definitions(chosen)) as store, _bar() as told:
        _check(store, wanted.types, wanted.filters, group)
        runner = Runner(store, folder, Limits(chosen.export_bytes), told=told, flat=True)
        done = folders.write(runner, wanted, MARK, user())
    if done is None:
        raise CouldNotRun(issue("export.busy", folder=folder.name))
    click.echo(f"{done} {folder}")


@command.command(name="list")
@DATA
@URL
@JSON
def list_command(data: Path | None, database: str | None, as_json: bool) -> None:
    """Every export there is, the oldest first."""
    from service.export import jobs

    with stored(settings(data=data, database=database)) as store, store.database.read() as connection:
        rows = [_row(one) for one in jobs.everyone(connection)]
    if as_json:
        click.echo(pretty(rows))
        return
    for row in rows:
        click.echo(f"{row['id']}  {row['state']}  {row['done']}/{row['total']}  {row['client']}  {row['created']}")


@command.command()
@click.argument("id_", metavar="ID")
@DATA
@URL
@EXPORTS
def drop(id_: str, data: Path | None, database: str | None, exports: Path | None) -> None:
    """Delete the export ID with its files."""
    from service.export import files, jobs

    chosen = settings(data=data, database=database, exports=exports)
    with stored(chosen) as store:
        if not store.database.write(lambda connection: jobs.remove(connection, id_)):
            raise CouldNotRun(issue("export.job"))
    files.remove(chosen.export_folder / id_)
    click.echo(id_)


def _moment(text: str) -> int:
    from service.fhir.values import PRIMITIVES
    from service.store.values import span

    found = span(text) if PRIMITIVES["instant"](text) is None else None
    if found is None:
        raise click.BadParameter("an instant with seconds and an offset is needed, as 2026-03-28T12:00:00Z")
    return found[0]


def _check(store: "Store", types: tuple[str, ...], filters: tuple[str, ...], group: str) -> None:
    """Say what cannot be before anything is written."""
    from service.export import groups
    from service.export.filters import FilterError, read
    from service.store import EVERYTHING

    known = store.parameters.definitions.types()
    for one in types:
        if known.get(one) != "resource":
            raise CouldNotRun(issue("http.unknown-type", type=one))
    for one in filters:
        try:
            read(store, one, 0)
        except FilterError as error:
            raise CouldNotRun(issue("export.filter", value=one, reason=error)) from None
    kept = store.read("Group", group, EVERYTHING) if group else None
    if group and kept is None and groups.read_id(group) not in groups.catalogue(store.database).groups(EVERYTHING):
        raise CouldNotRun(issue("export.group", id=group))


@contextmanager
def _bar() -> Iterator[Callable[["Job"], None]]:
    """A bar with rate and time left where a person watches; else nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, int] = {}

        def told(job: "Job") -> None:
            if job.id not in tasks:
                tasks[job.id] = bar.add_task(job.id[:8], total=job.total or None)
            bar.update(tasks[job.id], completed=job.done, total=job.total or None)  # type: ignore[arg-type]

        yield told


def _row(one: "Job") -> dict[str, object]:
    from service.store.values import instant

    return {
        "id": one.id,
        "client": one.client,
        "state": one.state,
        "request": one.wanted.url,
        "transactionTime": instant(one.at),
        "created": instant(one.created),
        "expires": None if one.expires is None else instant(one.expires),
        "done": one.done,
        "total": one.total,
    }
