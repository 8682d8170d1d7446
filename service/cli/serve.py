"""`yhdessa serve`: the HTTP face, on this machine only until clients are registered."""

import gc
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.cli.engine import MAPPINGS, settings
from service.cli.failures import CouldNotRun
from service.config import Settings
from service.issues import issue
from service.lazy import absent


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port to listen on.  [default: 8080]")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.  [default: var/data]")
@click.option("--database", help="Database URL.  [default: SQLite in the data folder]")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes.  [default: 1]")
@click.option("--threads", type=click.IntRange(1, 256), help="Threads in each worker.  [default: 8]")
@click.option("--timeout", type=click.IntRange(1), help="Seconds until a silent worker is replaced.  [default: 60]")
@click.option("--base-url", help="Address at which clients reach the service.  [default: as requested, on loopback]")
@click.option(
    "--token-key", type=click.Path(dir_okay=False, path_type=Path), help="Key (PEM) that signs access tokens."
)
@click.option("--token-seconds", type=click.IntRange(10, 3600), help="Seconds a token is good for.  [default: 300]")
@click.option(
    "--issuers", type=click.Path(dir_okay=False, path_type=Path), help="File with other authorization servers."
)
@click.option("--fetch-private/--no-fetch-private", default=None, help="Whether keys may come from private addresses.")
@click.option("--rate", type=click.IntRange(0), help="Requests a second a client may make.  [default: 100]")
@click.option("--client-ids", type=click.Choice(["own", "any"]), help="Ids that clients may choose.  [default: own]")
@click.option("--telemetry/--no-telemetry", default=None, help="Whether traces are sent (OpenTelemetry).")
@click.option("--max-body", type=click.IntRange(1000), help="Longest request body in bytes.  [default: 20000000]")
@click.option("--exports", type=click.Path(file_okay=False, path_type=Path), help="Folder for bulk exports.")
@click.option("--export-runners", type=click.IntRange(0, 16), help="Bulk exports that run at once.  [default: 1]")
@click.option("--export-bytes", type=click.IntRange(10_000), help="Largest file of an export.  [default: 100000000]")
@click.option("--export-hours", type=click.IntRange(1, 8760), help="Hours an export is kept.  [default: 24]")
@click.option(
    "--activity-style", type=click.Choice(["detail", "reference"]), help="How measures stand in the CarePlan."
)
@MAPPINGS
@click.option("--packages", type=click.Path(file_okay=False, path_type=Path), help="Folder with further FHIR packages.")
@click.option(
    "--lang", "language", type=click.Choice(["fi", "sv", "en"]), help="Language where a caller asks for none."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Least severe log line.")
def command(mappings: tuple[Path, ...], **flags: object) -> None:
    """Serve the HTTP face until stopped; ready when `GET /ready` answers 200."""
    gc.disable()  # Until everything is loaded, see service/api/engine.py.
    chosen = settings(mappings=mappings or None, **flags)
    refuse(chosen)
    with counted(chosen.workers):
        # structlog would draw tracebacks with it; ours are frames in a line, and it takes a tenth of the start.
        with absent("rich"):
            from service.api.server import serve

        click.echo(f"http://{chosen.host}:{chosen.port}/ (stop with Ctrl-C)", err=True)
        if chosen.is_loopback:
            click.echo(issue("cli.loopback-only").text(chosen.language), err=True)
        serve(chosen)


@contextmanager
def counted(workers: int) -> Iterator[None]:
    """A folder in which several workers add up their metrics; it must be known before these are first imported."""
    with tempfile.TemporaryDirectory(prefix="yhdessa-metrics-") as folder:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _without_clients(chosen: Settings) -> bool:
    """Whether nobody could authenticate: no client is registered and no other server's tokens are accepted."""
    from service.store import clients, schema
    from service.store.engine import FILE, Database, database_url

    if chosen.issuers or (chosen.data / "issuers.toml").exists():
        return False
    if not chosen.database and not (chosen.data / FILE).exists():
        return True
    database = Database(database_url(chosen.database, chosen.data))
    try:
        problems = schema.check_schema(database)
        if problems:
            raise CouldNotRun(*problems)
        with database.read() as connection:
            return not any(one.revoked is None for one in clients.everyone(connection))
    finally:
        database.close()


# What must be so before other machines may reach the service, in the order in which it is said.
_PUBLIC: dict[str, Callable[[Settings], bool]] = {
    "cli.test-key": lambda chosen: chosen.uses_test_key,
    "cli.public-without-auth": _without_clients,
    "cli.public-without-base-url": lambda chosen: not chosen.base_url,
}


def refuse(chosen: Settings) -> None:
    """Raise `CouldNotRun` for what must not be served: the public without authentication, a port in use."""
    if not chosen.is_loopback:
        for key, is_wrong in _PUBLIC.items():
            if is_wrong(chosen):
                raise CouldNotRun(issue(key, host=chosen.host))
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.host.strip("[]"), chosen.port))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CouldNotRun(issue("cli.port-taken", address=f"{chosen.host}:{chosen.port}", reason=reason)) from None
