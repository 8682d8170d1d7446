"""A run of the archive from its first byte to its entry there; what `yhdessa archive run` and `resume` do."""

import hashlib
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from service.cli.failures import CouldNotRun
from service.cli.papers import Papers
from service.cli.uselog import user
from service.clock import now
from service.config import Settings
from service.drops import Drop, open_drop
from service.export import archive, archive_settings, lock, shelf
from service.export.archive import Header, Run
from service.export.archive_settings import ArchiveSettings
from service.export.retention import Facts, Rules
from service.export.shelf import Entry
from service.export.snapshot import take
from service.export.targets import Local
from service.issues import Issue

if TYPE_CHECKING:
    from service.store import Store

HEADER, RULES, FACTS = "header.json", "retention.toml", "facts.ndjson"


def loaded(chosen: Settings, config: Path | None, to: str | None) -> ArchiveSettings:
    """The settings of the archive: those of its file, or a place alone."""
    file = config or chosen.data / archive_settings.FILE
    if to and config is None and not file.exists():
        return ArchiveSettings("archive", _url(to))
    found = archive_settings.load(file)
    return replace(found, to=_url(to)) if to else found


def _url(to: str) -> str:
    return to if "://" in to else (Path.cwd() / to).as_uri()


def shelved(settings: ArchiveSettings) -> Drop:
    """The archive's place, for the caller to close. Raises `DropError`."""
    options = dict(settings.options)
    if settings.to.startswith("file://"):
        options.setdefault("create", True)
    return open_drop(settings.to, options)


@contextmanager
def alone(chosen: Settings) -> Iterator[Path]:
    """The folder where runs are made, with nobody else in it."""
    folder = chosen.data / "archive"
    with lock.held(Local(folder), now()):
        yield folder


def unfinished(folder: Path) -> Path | None:
    """The run that was interrupted."""
    places = sorted(one.parent for one in folder.glob(f"*/{HEADER}"))
    return places[0] if places else None


def begin(folder: Path, store: "Store", drop: Drop, settings: ArchiveSettings) -> Path:
    """A new run, from where the last one has ended; its rules and facts are kept beside it."""
    runs = shelf.entries(drop)
    last = runs[-1] if runs else None
    at = take(store)
    place = folder / archive.run_name(at)
    state = Local(place)
    rules = settings.retention.read_bytes() if settings.retention else b""
    if rules:
        state.write(RULES, rules)
    if settings.facts:
        state.write(FACTS, settings.facts.read_bytes())
    header = Header(
        place.name,
        at,
        last.at if last else 0,
        last.run if last else "",
        hashlib.sha256(rules).hexdigest(),
        list(settings.controllers),
        list(settings.formats),
        settings.plans,
        last.total if last else 0,
    )
    # Last: a folder without it is no run.
    state.write(HEADER, msgspec.json.encode(header))
    return place


def finish(
    place: Path, store: "Store", drop: Drop, settings: ArchiveSettings, chosen: Settings, *, take_over: bool
) -> tuple[Entry | None, list[Issue]]:
    """Do what is missing of a run; None where nothing has changed since the last one."""
    header = msgspec.json.decode((place / HEADER).read_bytes(), type=Header)
    by = f"{socket.gethostname()}, {place}"
    shelf.claim(drop, header.run, by, take_over=take_over)
    rules, facts = place / RULES, place / FACTS
    with shown() as told, Papers(store, chosen) as papers:
        run = Run(
            store,
            place,
            header,
            Rules.load(rules if rules.exists() else None),
            Facts.load(facts if facts.exists() else None),
            papers if header.plans else None,
            told,
        )
        made = run.make()
        if any(one.key == "archive.broken-bag" for one in made.issues):
            raise CouldNotRun(*made.issues)
        if not made.counts and not made.deleted:
            drop.delete(shelf.BUSY)
            shutil.rmtree(place)
            return None, made.issues
        entry = shelf.send(drop, made, header, run.state, lambda name: told(name, 0))
    shelf.disclose(store.database, settings, entry, user(), store.clock())
    shelf.close(drop, entry)
    shutil.rmtree(place)
    return entry, made.issues


@contextmanager
def shown() -> Iterator[Callable[[str, int], None]]:
    """What is being done, on one line of standard error, where a person can see it."""
    if not sys.stderr.isatty():
        yield lambda _name, _rows: None
        return
    from rich.console import Console
    from rich.status import Status

    count = 0
    with Status("", console=Console(stderr=True)) as status:

        def told(name: str, rows: int) -> None:
            nonlocal count
            count += rows
            status.update(f"{name}  {count:,}")

        yield told


def echo(entry: Entry) -> None:
    """One run on one line."""
    resources = sum(entry.resources.values())
    click.echo(f"{entry.run}  {resources:,} resources, {entry.papers:,} plans, {entry.deleted:,} deleted")
