"""How a batch goes: a bar with rate, time left and rejects for a person, nothing for a program."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from service.export.batch import Progress
from service.export.executors import Done
from service.export.plan import Totals

_EVERY = 0.2
"""Seconds between two looks of the bar."""


class Bar(Progress):
    """A bar on standard error. It has no thread of its own, for the workers are forked while it is shown."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Shown

        columns = (
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[rejects]:,} ✗", style="red"),
        )
        self._bar: Any = Shown(*columns, console=Console(stderr=True), auto_refresh=False)
        self._task: Any = None
        self._rejects = 0
        self._done = 0
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bar.refresh()
        self._bar.stop()

    def begin(self, totals: Totals, done: int) -> None:
        self._task = self._bar.add_task("", total=totals.documents, completed=done, rate=0.0, rejects=0)
        self._start = time.monotonic()

    def part(self, one: Done) -> None:
        now = time.monotonic()
        self._done += one.documents
        self._rejects += one.documents - one.converted
        rate = self._done / max(now - self._start, 1e-6)
        self._bar.update(self._task, advance=one.documents, rate=rate, rejects=self._rejects)
        if now - self._shown > _EVERY:
            self._shown = now
            self._bar.refresh()


class Silent(Progress):
    """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        return


def shown() -> Bar | Silent:
    """The bar where a person can see it."""
    return Bar() if sys.stderr.isatty() else Silent()
