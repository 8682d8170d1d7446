"""One worker process: lanes to every receiver, leases kept, a quick and orderly end.

SIGTERM lets each lane finish what it is sending; what was not sent is given back, what takes too long is left in doubt.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.clock import Clock
from service.deliver.lane import Lane, Work, run
from service.deliver.metrics import Metrics
from service.deliver.receivers.base import Receiver
from service.deliver.shipments import Bodies, Kit
from service.store import Store, StoreError

log = structlog.get_logger("deliver")

IDLE = 0.5
# Seconds that rows are held without being renewed.
LEASE = 60.0
# Of the five seconds that an operator gives us, what a lane may take to finish its sending.
PATIENCE = 3.5
# Seconds between two looks for receivers that are new.
LOOK = 5.0
Found = Callable[[], Iterable[Receiver]]
"""Receivers that come and go while the worker runs, as subscribers do."""


class Worker:
    """Delivers until it is stopped, or with `once` until nothing is due; `failed` where it stumbled over itself."""

    def __init__(
        self,
        store: Store,
        receivers: Iterable[Receiver],
        kit: Kit,
        clock: Clock,
        metrics: Metrics | None = None,
        found: Found | None = None,
        lease: float = LEASE,
    ) -> None:
        self.stopping = threading.Event()
        self.metrics = metrics or Metrics()
        self.failed = False
        self._found = found
        name = f"{socket.gethostname()}:{os.getpid()}"
        self._work = Work(store, kit, clock, self.metrics, self.stopping, name, Bodies(), lease)
        self.lanes = [Lane(self._work, one) for one in receivers for _ in range(one.settings.lanes)]
        self._threads: list[threading.Thread] = []

    def stop(self) -> None:
        """Ask it to end; may be called by a signal handler."""
        self.stopping.set()

    def run(self, *, once: bool = False, idle: float = IDLE) -> None:
        """Deliver; returns when stopped, at most `PATIENCE` seconds and a commit later."""
        for lane in self.lanes:
            self._start(lane, once, idle)
        self._look(once, idle)
        renewed = looked = time.monotonic()
        while (not once or self._busy()) and not self.stopping.wait(0.05 if once else 0.5):
            if time.monotonic() - renewed > self._work.lease / 4:
                self._renew()
                renewed = time.monotonic()
            if not once and time.monotonic() - looked > LOOK:
                self._look(once, idle)
                looked = time.monotonic()
        self.stopping.set()
        self._end()

    def _busy(self) -> bool:
        return any(one.is_alive() for one in self._threads)

    def _start(self, lane: Lane, once: bool, idle: float) -> None:
        given = {"once": once, "idle": idle}
        thread = threading.Thread(target=self._run, args=(lane,), kwargs=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, lane: Lane, *, once: bool, idle: float) -> None:
        finished = False
        try:
            run(lane, self.stopping, once=once, idle=idle)
            finished = True
        finally:
            if not finished:
                # A fault of ours: the process ends, and who watches over it starts another.
                self.failed = True
                self.stopping.set()

    def _look(self, once: bool, idle: float) -> None:
        """A lane for each receiver that is new."""
        if self._found is None:
            return
        try:
            known = {lane.organisation for lane in self.lanes}
            fresh = [Lane(self._work, one) for one in self._found() if one.settings.organisation not in known]
        except (SQLAlchemyError, StoreError) as error:
            log.error("receivers not looked for", error=type(error).__name__)
            return
        for lane in fresh:
            self.lanes.append(lane)
            self._start(lane, once, idle)

    def _renew(self) -> None:
        for lane in self.lanes:
            try:
                lane.renew()
            except (SQLAlchemyError, StoreError) as error:
                log.error("leases not renewed", receiver=lane.receiver.settings.name, error=type(error).__name__)

    def _end(self) -> None:
        deadline = time.monotonic() + PATIENCE
        for one, lane in zip(self._threads, self.lanes, strict=True):
            one.join(max(0.0, deadline - time.monotonic()))
            if one.is_alive():
                log.warning("left while sending", receiver=lane.receiver.settings.name)
                try:
                    lane.abandon()
                except (SQLAlchemyError, StoreError) as error:
                    # The lease will run out by itself.
                    log.error("not given back", receiver=lane.receiver.settings.name, error=type(error).__name__)
