"""`yhdessa batch`: a whole backlog of documents becomes Bundles, or goes into the store; see docs/batch.md."""

import contextlib
import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click

from service.cli.db import DATA, URL
from service.cli.engine import MAPPINGS
from service.cli.failures import CouldNotRun, spoken
from service.cli.output import LANGUAGE
from service.clock import now
from service.export.executors import NAMES, executor
from service.issues import issue


@click.command()
@click.argument("places", metavar="IN…", nargs=-1, required=True)
@click.argument("out", metavar="OUT")
@click.option(
    "--executor",
    "kind",
    type=click.Choice(NAMES),
    default="processes",
    help="Where the work is done.  [default: processes]",
)
@click.option("--processes", type=click.IntRange(1), help="How many workers on this machine.  [default: one a core]")
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster (tcp://…), or the Spark master.")
@click.option("--load", is_flag=True, help="Put the documents into the store instead of writing Bundles.")
@click.option("--partition", type=click.IntRange(1), default=500, help="Documents in a part.  [default: 500]")
@click.option("--take-over", is_flag=True, help="Take away the lock that a killed run left in a bucket.")
@click.option("--variant", help="Mapping variant to use instead of the one the document names.")
@click.option(
    "--activity-style", type=click.Choice(["detail", "reference"]), help="How measures stand in the CarePlan."
)
@MAPPINGS
@DATA
@URL
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for programs.")
@LANGUAGE
def command(
    places: tuple[str, ...],
    out: str,
    kind: str,
    processes: int | None,
    scheduler: str | None,
    load: bool,
    partition: int,
    take_over: bool,
    variant: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Convert very many source documents, on all cores or on a cluster; go on where a run has stopped.

    IN is a file, a folder, a glob or a URL (s3://…) of JSON or NDJSON, packed with gzip or not. OUT gets
    `bundles/` (NDJSON), `rejects/` (each document with its outcome), `report.json`, `report.txt`, and `manifest.json`
    when all is done. The same command again does only what is missing. Exit code 1: some documents were rejected; 3:
    the run is not whole.
    """
    from service.cli.batch_work import Work, close
    from service.export import lock
    from service.export.plan import SIZE, Header
    from service.export.targets import open_target

    flags["mappings"] = flags["mappings"] or None
    given = tuple(sorted((name, value) for name, value in _named(flags).items() if value is not None))
    target = open_target(_absolute(out))
    setup = _loaded(given, variant, forked=kind == "processes")
    header = Header([_absolute(one) for one in places], setup, "load" if load else "bundles", partition, SIZE)
    # What may hold a password does not travel: the workers of a cluster have it in their own settings.
    own = tuple(one for one in given if kind not in ("dask", "spark") or one[0] != "database")
    work = Work(target.url, setup, own, variant, load)
    language = flags["lang"] or spoken()
    try:
        with _stoppable(), lock.held(target, now(), take_over=take_over):
            done = _run(header, target, lambda: executor(kind, workers=processes, address=scheduler), work, language)
    except KeyboardInterrupt:
        raise CouldNotRun(issue("batch.stopped")) from None
    finally:
        close()
    click.echo(target.read("report.json" if as_json else "report.txt") or b"", nl=False)
    if done.manifest is None:
        raise CouldNotRun(*done.failures)
    raise SystemExit(1 if done.manifest.rejected else 0)


def _loaded(given: tuple[tuple[str, Any], ...], variant: str | None, *, forked: bool) -> str:
    """Load the converter, to be shared with workers that are `forked`; gives what tells it from another one."""
    from service.cli.batch_work import engine, warm

    gc.disable()
    made, setup = engine(given, variant)
    if variant is not None and variant not in made.catalogue.variants:
        there = ", ".join(f"`{name}`" for name in made.catalogue.variants)
        raise click.BadParameter(issue("cli.unknown-variant", name=variant, there=there).text(spoken()))
    if forked:
        warm(made)
    # What is loaded is shared as long as nobody touches it.
    gc.freeze()
    gc.enable()
    return setup


def _run(header: Any, target: Any, make: Any, work: Any, language: str) -> Any:
    from service.cli.batch_progress import shown
    from service.export import batch

    with shown() as progress:
        return batch.run(header, target, make, work, progress=progress, language=language)


def _named(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags by the names of their settings."""
    return {"language" if name == "lang" else name: value for name, value in flags.items()}


def _absolute(place: str) -> str:
    """A path from the root of this machine, so that workers elsewhere in it find it; a URL as it is."""
    return place if "://" in place else str(Path.cwd() / place)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM stops a run as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
