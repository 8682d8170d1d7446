"""A batch for tests: documents that a word converts, so that a run takes no time, and the real one."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.clock import now
from service.export import batch, lock, plan
from service.export.batch import Result
from service.export.executors import Done, Executor
from service.export.executors.serial import Serial
from service.export.partition import Answer
from service.export.plan import Header, Partition
from service.export.targets import open_target
from service.fhir import json
from service.issues import issue


def convert(text: bytes) -> Answer:
    """`{"n": 1}` becomes `{"made":1}`; a negative number is an error, `fault` a fault of ours."""
    try:
        document = json.parse(text)
    except json.JsonError as error:
        return Answer(False, None, [error.issue])
    if "fault" in document:
        raise KeyError("fault")
    if document["n"] < 0:
        return Answer(False, None, [issue("intake.missing", name="n", line=1, column=7)])
    return Answer(True, json.encode({"made": document["n"]}), [])


@dataclass(frozen=True)
class Work:
    """Runs a part with `convert`. A part in `deadly` kills its worker, each time or only the first."""

    out: str
    deadly: tuple[int, ...] = ()
    once: str | None = None

    def __call__(self, part: Partition) -> Done:
        if part.number in self.deadly and self._first():
            os.kill(os.getpid(), signal.SIGKILL)
        return batch.complete(part, open_target(self.out), convert, "en")

    def _first(self) -> bool:
        if self.once is None:
            return True
        try:
            Path(self.once).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def header(*sources: Path | str, lines: int = 2) -> Header:
    return Header([str(one) for one in sources], "setup", "bundles", lines, plan.SIZE)


def run(
    out: Path | str,
    *sources: Path | str,
    executor: Callable[[], Executor] = Serial,
    lines: int = 2,
    work: Work | None = None,
) -> Result:
    """One run, as the command does it."""
    target = open_target(str(out))
    with lock.held(target, now(), patience=0):
        return batch.run(header(*sources, lines=lines), target, executor, work or Work(str(out)))


def documents(file: Path, *numbers: int) -> Path:
    """One document a line."""
    file.write_bytes(b"".join(b'{"n": %d}\n' % one for one in numbers))
    return file


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the lock."""
    files = (one for one in folder.rglob("*") if one.is_file() and one.name != ".lock")
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


def made(folder: Path) -> list[int]:
    """What the Bundles of a run hold, in order."""
    files = sorted((folder / "bundles").glob("*.ndjson"))
    return [json.parse(line)["made"] for file in files for line in file.read_bytes().splitlines()]
