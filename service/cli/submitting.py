"""`yhdessa archive submit`: push to an archive that offers `$bulk-submit`. docs/archive.md"""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from service.cli.db import DATA, URL
from service.cli.engine import definitions, settings
from service.cli.failures import CouldNotRun
from service.cli.stored import stored
from service.config import Settings
from service.export.submit import COMPLETED, OPEN, STOPPED, Consumer, Submission, SubmitError
from service.export.targets import Local
from service.fhir.json import pretty
from service.issues import issue

if TYPE_CHECKING:
    from service.export.archive_settings import ArchiveSettings
    from service.store import Store

CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings of the archive.  [default: archive.toml in the data folder]",
)
BASE = click.option("--base-url", help="Address at which the archive reaches this service.")
EXPORTS = click.option(
    "--exports",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bulk exports.  [default: as `serve`]",
)
_TOLD = (OPEN, COMPLETED)


@click.group()
def command() -> None:
    """Push to an archive that offers `$bulk-submit`: it fetches an export from here."""


@command.command()
@click.option("--open", "stays", is_flag=True, help="Leave it open, for corrections with `replace`.")
@CONFIG
@BASE
@EXPORTS
@DATA
@URL
def new(stays: bool, config: Path | None, **flags: Any) -> None:
    """Export what has changed since the last submission, and tell the archive of it."""
    with _place(config, flags) as (chosen, own, consumer, kept):
        last = max((one.at for one in _every(kept) if one.state in _TOLD), default=0)
        url, job, at = _exported(chosen, own, last)
        made = Submission(uuid.uuid4().hex, at, OPEN, [url], [job])
        # Until the archive has taken it, it counts for nothing.
        _keep(kept, msgspec.structs.replace(made, state="untold"))
        consumer.tell(made, url, None, OPEN if stays else COMPLETED)
        _disclosed(chosen, own, job, at)
        _keep(kept, msgspec.structs.replace(made, state=OPEN if stays else COMPLETED))
    click.echo(made.id)


@command.command()
@click.argument("id_", metavar="ID")
@CONFIG
@BASE
@EXPORTS
@DATA
@URL
def replace(id_: str, config: Path | None, **flags: Any) -> None:
    """Export anew what the open submission ID holds, in place of what was told last."""
    with _place(config, flags) as (chosen, own, consumer, kept):
        there = _one(kept, id_)
        since = max((one.at for one in _every(kept) if one.at < there.at and one.state in _TOLD), default=0)
        url, job, at = _exported(chosen, own, since)
        consumer.tell(there, url, there.manifests[-1], OPEN)
        _disclosed(chosen, own, job, at)
        manifests, jobs = [*there.manifests, url], [*there.jobs, job]
        _keep(kept, msgspec.structs.replace(there, at=at, manifests=manifests, jobs=jobs))


@command.command()
@click.argument("id_", metavar="ID")
@CONFIG
@BASE
@DATA
@URL
def complete(id_: str, config: Path | None, **flags: Any) -> None:
    """Say that the open submission ID is complete."""
    _ended(id_, COMPLETED, config, flags)


@command.command()
@click.argument("id_", metavar="ID")
@CONFIG
@BASE
@DATA
@URL
def stop(id_: str, config: Path | None, **flags: Any) -> None:
    """Take the open submission ID back: the archive deletes what it has of it."""
    _ended(id_, STOPPED, config, flags)


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--wait", "seconds", type=click.FloatRange(0), default=0, help="Seconds to wait until it has finished.")
@CONFIG
@BASE
@DATA
@URL
def status(id_: str, seconds: float, config: Path | None, **flags: Any) -> None:
    """What the archive says of the submission ID, as JSON. Exit code 1: it found errors, or has not finished."""
    with _place(config, flags) as (_, _, consumer, kept):
        there = _one(kept, id_)
        if not there.status:
            there = msgspec.structs.replace(there, status=consumer.ask(there))
            _keep(kept, there)
        until = time.monotonic() + seconds
        done, manifest, pause = consumer.poll(there.status)
        while not done and time.monotonic() + pause < until:
            time.sleep(pause)
            done, manifest, pause = consumer.poll(there.status)
        outcomes = consumer.outcomes(manifest)
    rows = [one for outcome in outcomes for one in outcome.get("issue", ())]
    failed = any(one.get("severity") in ("error", "fatal") for one in rows)
    click.echo(pretty({"id": id_, "state": there.state, "finished": done, "issues": rows, "manifest": manifest}))
    raise SystemExit(1 if failed or not done else 0)


def _ended(id_: str, state: str, config: Path | None, flags: Mapping[str, Any]) -> None:
    with _place(config, flags) as (_, _, consumer, kept):
        there = _one(kept, id_)
        consumer.tell(there, None, None, state)
        _keep(kept, msgspec.structs.replace(there, state=state))


@contextmanager
def _place(
    config: Path | None, flags: Mapping[str, Any]
) -> "Iterator[tuple[Settings, ArchiveSettings, Consumer, Local]]":
    """The settings, the archive's FHIR face and the submissions; what goes wrong there ends the command."""
    from service.cli import archiving
    from service.deliver.session import open_session
    from service.deliver.settings import read
    from service.deliver.transport import exchange

    chosen = settings(**flags)
    own = archiving.loaded(chosen, config, None)
    if not own.submit:
        raise CouldNotRun(issue("archive.no-submit"))
    if not chosen.base_url:
        raise CouldNotRun(issue("cli.public-without-base-url", host=chosen.host))
    receiver = read(Path(own.submit["receiver"]))
    with open_session(receiver) as session:

        def call(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
            return exchange(session, receiver.limits, method, url, body, headers)

        base = chosen.base_url.rstrip("/")
        consumer = Consumer(receiver.url, own.submit["system"], own.submit["value"], base, call)
        yield chosen, own, consumer, Local(chosen.data / "archive" / "submissions")


def _exported(chosen: Settings, own: "ArchiveSettings", since: int) -> tuple[str, str, int]:
    """An export that the archive's client may read: its address, its job, and its moment."""
    with stored(chosen, definitions(chosen)) as store:
        id_, at = _job(store, own, since)
        _run(store, chosen, id_)
    return f"{str(chosen.base_url).rstrip('/')}/export/{id_}", id_, at


def _job(store: "Store", own: "ArchiveSettings", since: int) -> tuple[str, int]:
    from service.export import jobs
    from service.export.snapshot import take
    from service.export.wanted import ANY, Wanted
    from service.store.values import micros

    scope = "source" if own.controllers else "everything"
    wanted = Wanted("system", "archive submit", (ANY,), scope, own.controllers, since=since or None, role="archive")
    id_, at = uuid.uuid4().hex, take(store)
    organisation = own.organisation
    job = jobs.Job(
        id_, own.submit["client"], organisation, jobs.WAITING, wanted, at, micros(store.clock()), 0, 0, 0, None, None
    )
    store.database.write(lambda connection: jobs.begin(connection, job))
    return id_, at


def _disclosed(chosen: Settings, own: "ArchiveSettings", job: str, at: int) -> None:
    """Write it down, once the archive has taken it: another controller's is a disclosure, 703/2023 10 §."""
    from service.cli.uselog import user
    from service.export.shelf import owners
    from service.store.audit import Detail, Event, record

    with stored(chosen) as store:
        with store.database.read() as connection:
            providers = own.controllers or tuple(owners(connection))
        other = bool(own.organisation) and (own.organisation,) != providers
        detail = Detail(
            "disclosure" if other else "archive",
            user=user(),
            request=job,
            description=f"submission {at}",
            provider=" ".join(providers),
            recipient=own.organisation,
            purpose=own.purpose,
            basis=f"statutory {job}: {own.basis}" if other else "",
            confirmed=own.name,
        )
        event = Event("archive", providers[0] if len(providers) == 1 else "", "R", "0", detail)
        store.database.write(lambda connection: record(connection, [event], store.clock()))


def _run(store: "Store", chosen: Settings, id_: str) -> None:
    """Run the export, unless a runner of the service has taken it; returns when it is done."""
    from service.export import jobs
    from service.export.run import Limits
    from service.export.runner import Runner

    runner = Runner(store, chosen.export_folder, Limits(chosen.export_bytes, chosen.export_hours, 1))
    while True:
        job = store.database.write(lambda connection: jobs.claim_one(connection, id_, runner.owner, runner.now))
        if job is not None:
            runner.run(job)
        with store.database.read() as connection:
            there = jobs.find(connection, id_)
        if there is None or there.state == jobs.FAILED:
            raise SubmitError(issue("export.job"))
        if there.state == jobs.DONE:
            return
        time.sleep(1)


def _every(kept: Local) -> list[Submission]:
    found = (kept.read(name) for name in sorted(kept.names("")))
    return [msgspec.json.decode(body, type=Submission) for body in found if body is not None]


def _one(kept: Local, id_: str) -> Submission:
    found = next((one for one in _every(kept) if one.id == id_), None)
    if found is None:
        raise CouldNotRun(issue("archive.no-submission", id=id_))
    return found


def _keep(kept: Local, one: Submission) -> None:
    kept.write(f"{one.id}.json", msgspec.json.encode(one))
