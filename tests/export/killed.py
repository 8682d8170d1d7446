"""A runner of exports that kills itself (SIGKILL) at the n-th thing it does: `killed.py DATABASE FOLDER SIZE N`.

Counted are writes to files, syncs, renames, and what is noted in the database, before and after its commit.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.export import files, jobs

# Who is killed cannot give its job back; the next one need not wait long for it.
jobs.LEASE = 1_000_000

from service.export.run import Limits  # noqa: E402
from service.export.runner import Runner  # noqa: E402
from service.fhir.definitions import core  # noqa: E402
from service.store import open_store  # noqa: E402
from service.store.engine import Database  # noqa: E402


class Doom:
    """Counts what is done and ends the process when its time has come."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.seen = 0

    def step(self) -> None:
        self.seen += 1
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def doomed(*given: Any, **named: Any) -> Any:
            self.step()
            done = work(*given, **named)
            self.step()
            return done

        return doomed


def main(database: str, folder: str, size: str, at: str) -> None:
    doom = Doom(int(at))
    files._write = doom.around(files._write)
    files._sync = doom.around(files._sync)
    Path.rename = doom.around(Path.rename)  # type: ignore[method-assign]
    jobs.advance = doom.around(jobs.advance)
    Database.write = doom.around(Database.write)  # type: ignore[method-assign]
    store = open_store(database, Path(folder), core(), base_urls=("http://localhost/fhir/",))
    runner = Runner(store, Path(folder), Limits(int(size), 24, 2))
    runner.sweep()
    while runner.once():
        pass
    store.close()
    print(doom.seen)


if __name__ == "__main__":
    main(*sys.argv[1:])
