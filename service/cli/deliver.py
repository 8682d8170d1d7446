"""`yhdessa deliver`: the worker that brings what is due to its receivers."""

import gc
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from service.cli.db import DATA, URL
from service.cli.engine import settings
from service.cli.failures import CouldNotRun
from service.cli.receivers import RECEIVERS

if TYPE_CHECKING:
    from service.config import Settings
    from service.deliver.metrics import Metrics
    from service.deliver.receivers.base import Receiver
    from service.deliver.shipments import Kit


@click.command()
@click.option("--once", is_flag=True, help="End when nothing is due any more.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes.  [default: 1]")
@click.option("--receiver", "names", multiple=True, help="Deliver only to this receiver; may be repeated.")
@RECEIVERS
@click.option(
    "--policies",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with disclosure policies of your own.",
)
@click.option("--lease", type=click.IntRange(2, 3600), help="Seconds that a row stays in the hand of a worker.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Port on loopback for Prometheus.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Least severe log line.")
@DATA
@URL
def command(
    once: bool,
    workers: int | None,
    names: tuple[str, ...],
    receivers: Path | None,
    policies: Path | None,
    lease: int | None,
    metrics_port: int | None,
    log_level: str | None,
    data: Path | None,
    database: str | None,
) -> None:
    """Bring what is due to its receivers, until stopped.

    Several workers, here and on other machines, share the work. SIGTERM ends it within five seconds: what is being sent
    is finished, what is only in hand is given back. With --once exit code 1 says that something was not delivered.
    """
    chosen = settings(
        data=data,
        database=database,
        receivers=receivers,
        policies=policies,
        delivery_workers=workers,
        delivery_lease=lease,
        delivery_metrics=metrics_port,
        log_level=log_level,
    )
    many = chosen.delivery_workers > 1
    with tempfile.TemporaryDirectory(prefix="yhdessa-metrics-") as folder:
        if many:
            # Before Prometheus' client is first imported: it decides then how to count.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        raise SystemExit(_run(chosen, names, once, many))


def _run(chosen: "Settings", names: tuple[str, ...], once: bool, many: bool) -> int:
    from service.api.logs import configure
    from service.cli.delivering import kit, opened, receivers
    from service.deliver.processes import supervise
    from service.deliver.receivers import make
    from service.policy import validated

    configure(chosen.log_level)
    targets = [make(one) for one in receivers(chosen, names)]
    made = kit(chosen)
    # What is wrong with the database is said once and not by every worker.
    opened(chosen).close()
    if many:
        # Every decision asks the validator: made here, it is there at once and once for all workers.
        validated({"resourceType": "Bundle", "type": "collection"})
    # What is loaded stays until the end: workers share it, and nobody looks through it for garbage.
    gc.freeze()
    if not many:
        return _work(chosen, made, targets, once, chosen.delivery_metrics, only=bool(names))
    works: list[Callable[[], int]] = [
        lambda: _work(chosen, made, targets, once, None, only=bool(names)) for _ in range(chosen.delivery_workers)
    ]
    if chosen.delivery_metrics is not None and not once:
        works.append(lambda: _metrics_only(chosen))
    return supervise(works, once=once)


def _work(
    chosen: "Settings", made: "Kit", targets: "list[Receiver]", once: bool, port: int | None, *, only: bool
) -> int:
    """One worker process; `only`: to these receivers and nobody else."""
    from service.cli.delivering import opened, signer
    from service.clock import now
    from service.deliver.metrics import Metrics
    from service.deliver.notifying import subscribers
    from service.deliver.worker import Worker

    threading.excepthook = _stumbled
    store, metrics = opened(chosen), Metrics()
    calls = signer(chosen)
    found = None if only else lambda: subscribers(store, calls)
    worker = Worker(store, targets, made, now, metrics, found, chosen.delivery_lease)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if port is not None:
        _serve_metrics(chosen, metrics, port)
    worker.run(once=once)
    store.close()
    if worker.failed:
        return CouldNotRun.exit_code
    return 1 if once and worker.metrics.unfinished else 0


def _stumbled(found: threading.ExceptHookArgs) -> None:
    """Told without its message, which may quote what it was about."""
    import structlog

    from service.api.logs import frames

    where = frames(found.exc_value) if found.exc_value is not None else []
    structlog.get_logger("deliver").critical("worker stumbled", exception=found.exc_type.__name__, frames=where)


def _metrics_only(chosen: "Settings") -> int:
    """A process that only shows what the others count."""
    from service.deliver.metrics import Metrics

    _serve_metrics(chosen, Metrics(), chosen.delivery_metrics or 0)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


def _serve_metrics(chosen: "Settings", metrics: "Metrics", port: int) -> None:
    from prometheus_client import start_http_server

    from service.cli.delivering import opened
    from service.clock import now
    from service.deliver.backlog import Backlog

    registry = metrics.shown()
    registry.register(Backlog(opened(chosen).database, now))
    start_http_server(port, "127.0.0.1", registry)
