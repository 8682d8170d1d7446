"""One worker process: lanes to every receiver, leases kept, a quick and orderly end.

SIGTERM lets each lane finish what it is sending; what was not sent is given back, what takes too long is left in doubt.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.clock import Clock
from service.deliver.lane import LEASE, Lane, Work, run
from service.deliver.metrics import Metrics
from service.deliver.receivers.base import Receiver
from service.deliver.shipments import Bodies, Kit
from service.store import Store, StoreError

log = structlog.get_logger("deliver")

IDLE = 0.5
# Of the five seconds that an operator gives us, what a lane may take to finish its sending.
PATIENCE = 3.5


class Worker:
    """Delivers until it is stopped, or with `once` until nothing is due."""

    def __init__(
        self, store: Store, receivers: Iterable[Receiver], kit: Kit, clock: Clock, metrics: Metrics | None = None
    ) -> None:
        self.stopping = threading.Event()
        self.metrics = metrics or Metrics()
        name = f"{socket.gethostname()}:{os.getpid()}"
        work = Work(store, kit, clock, self.metrics, self.stopping, name, Bodies())
        self.lanes = [Lane(work, one) for one in receivers for _ in range(one.settings.lanes)]

    def stop(self) -> None:
        """Ask it to end; may be called by a signal handler."""
        self.stopping.set()

    def run(self, *, once: bool = False, idle: float = IDLE) -> None:
        """Deliver; returns when stopped, at most `PATIENCE` seconds and a commit later."""
        threads = [
            threading.Thread(
                target=run,
                args=(lane, self.stopping),
                kwargs={"once": once, "idle": idle},
                name=f"lane-{number}",
                daemon=True,
            )
            for number, lane in enumerate(self.lanes)
        ]
        for one in threads:
            one.start()
        renewed = time.monotonic()
        while any(one.is_alive() for one in threads) and not self.stopping.wait(0.1 if once else 0.5):
            if time.monotonic() - renewed > LEASE / 4:
                self._renew()
                renewed = time.monotonic()
        self.stopping.set()
        self._end(threads)

    def _renew(self) -> None:
        for lane in self.lanes:
            try:
                lane.renew()
            except (SQLAlchemyError, StoreError) as error:
                log.error("leases not renewed", receiver=lane.receiver.settings.name, error=type(error).__name__)

    def _end(self, threads: list[threading.Thread]) -> None:
        deadline = time.monotonic() + PATIENCE
        for one, lane in zip(threads, self.lanes, strict=True):
            one.join(max(0.0, deadline - time.monotonic()))
            if one.is_alive():
                log.warning("left while sending", receiver=lane.receiver.settings.name)
                try:
                    lane.abandon()
                except (SQLAlchemyError, StoreError) as error:
                    # The lease will run out by itself.
                    log.error("not given back", receiver=lane.receiver.settings.name, error=type(error).__name__)
