"""Who runs export jobs: claims one that waits, runs it, and sweeps away what is over or nobody's."""

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from service.export import files, jobs
from service.export.jobs import SECOND, Job, Lost
from service.export.run import DEFAULTS, Limits, Run
from service.store import Store, StoreError
from service.store.values import micros

T = TypeVar("T")
_AGAIN = 10 * SECOND
_JOB = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger("yhdessa.export")


@dataclass
class Runner:
    """Runs jobs of a store into a folder, each into its own subfolder; `stop` asks whether to let go.

    With `flat` the folder itself is that of the one job.
    """

    store: Store
    folder: Path
    limits: Limits = DEFAULTS
    stop: Callable[[], bool] = lambda: False
    told: Callable[[Job], None] = lambda _: None
    flat: bool = False
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def once(self) -> bool:
        """Claim a job and run it; False where there is none to run."""
        if not self._read(jobs.is_any_open):
            return False
        job = self._write(lambda connection: jobs.claim(connection, self.owner, self.now, self.limits.most))
        if job is None:
            return False
        self.run(job)
        return True

    @property
    def now(self) -> int:
        return micros(self.store.clock())

    def place(self, id_: str) -> Path:
        """The folder of a job."""
        return self.folder if self.flat else self.folder / id_

    def run(self, job: Job) -> None:
        """Run a job that is this runner's; whatever happens, the job is done, failed, or can be claimed again."""
        try:
            if job.attempts >= jobs.TRIES:
                self._fail(job, "tries")
                return
            Run(self.store, job, self.place(job.id), self.limits, self.owner, self.stop, self.told).all()
        except Lost:
            # Deleted meanwhile, or slower than its lease: what it wrote last is nobody's now.
            if self._read(lambda connection: jobs.find(connection, job.id)) is None:
                self._clear(job.id)
        except (OSError, SQLAlchemyError, StoreError) as error:
            _log.warning("an export will be tried again: %s", type(error).__name__)
            self._write(lambda connection: jobs.release(connection, job.id, self.owner, self.now + _AGAIN))

    def sweep(self) -> None:
        """Delete exports whose time is over, and folders that no job owns."""
        for id_ in self._read(lambda connection: jobs.expired(connection, self.now)):
            self._write(lambda connection, gone=id_: jobs.remove(connection, gone))  # type: ignore[misc]
            files.remove(self.folder / id_)
        if self.folder.is_dir():
            for one in self.folder.iterdir():
                # Only what can be ours: somebody may keep other things in the folder.
                if _JOB.fullmatch(one.name) and not self._known(one.name):
                    files.remove(one)

    def _known(self, id_: str) -> bool:
        return self._read(lambda connection: jobs.find(connection, id_)) is not None

    def _fail(self, job: Job, reason: str) -> None:
        expires = self.limits.end(self.now)
        self._write(lambda connection: jobs.fail(connection, job.id, self.owner, self.now, expires, reason))
        self._clear(job.id)

    def _clear(self, id_: str) -> None:
        # A folder that somebody named is not ours to delete.
        if not self.flat:
            files.remove(self.place(id_))

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self.store.database.write(work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.store.database.read() as connection:
            return work(connection)
