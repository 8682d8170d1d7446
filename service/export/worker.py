"""Runs waiting exports beside whatever else a process does: one thread that looks for a job now and then.

Which process runs a job does not matter, and how often one is killed neither: the database says what is left to do.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from service.export.run import Limits
from service.export.runner import Runner
from service.export.sparing import sparing
from service.store import Store, StoreError

# Seconds between two looks for jobs that another process was told of, and between two looks for what is over.
_LOOK, _SWEEP = 2.0, 300.0
_log = logging.getLogger("yhdessa.export")


class Worker:
    """A thread that runs jobs until it is stopped; `wake` says that there is one."""

    def __init__(self, store: Callable[[], Store], folder: Path, limits: Limits) -> None:
        self._store = store
        self._folder = folder
        self._limits = limits
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="export", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self, seconds: float = 5.0) -> None:
        """Let go of the job in hand, which another may then go on with, and end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _loop(self) -> None:
        store = sparing(self._store())
        try:
            self._run(Runner(store, self._folder, self._limits, self._stop.is_set))
        finally:
            store.close()

    def _run(self, runner: Runner) -> None:
        idle = _SWEEP
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if idle >= _SWEEP:
                    runner.sweep()
                    idle = 0.0
                while not self._stop.is_set() and runner.once():
                    pass
            except (OSError, SQLAlchemyError, StoreError) as error:
                _log.warning("exports cannot be looked for: %s", type(error).__name__)
            self._wake.wait(_LOOK)
            idle += _LOOK
