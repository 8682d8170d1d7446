"""The files of an export: NDJSON, each written beside and renamed when it is whole, none larger than it may be.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-output-file-request, https://github.com/ndjson/ndjson-spec
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from service.export.jobs import File

BESIDE = ".part-"
_AT_ONCE = 1_000_000


class Output:
    """Writes the files of one part, one after the other: `prefix.1.ndjson`, `prefix.2.ndjson`, …"""

    def __init__(self, folder: Path, prefix: str, part: int, owner: str, first: int = 1) -> None:
        self.folder = folder
        self.prefix = prefix
        self.part = part
        self.number = first
        self.size = 0
        self.count = 0
        self._owner = owner
        self._digest = hashlib.sha256()
        self._fd: int | None = None
        self._held: list[bytes] = []
        self._holding = 0

    @property
    def name(self) -> str:
        """Of the file that is being written."""
        return f"{self.prefix}.{self.number}.ndjson"

    def write(self, lines: Sequence[bytes], resources: int | None = None) -> None:
        """Lines without their ends; `resources` where not each of them is one that counts."""
        if not lines:
            return
        data = b"\n".join(lines) + b"\n"
        self._held.append(data)
        self._holding += len(data)
        self.size += len(data)
        self.count += len(lines) if resources is None else resources
        if self._holding >= _AT_ONCE:
            self._flush()

    def _flush(self) -> int:
        if self._fd is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held, self._holding = [], 0
        _write(self._fd, data)
        self._digest.update(data)
        return self._fd

    def close(self, continues: bool = False) -> File | None:
        """Finish the file, safely on the disk under its name; None where nothing was written. The next may begin."""
        if not self.size:
            return None
        descriptor = self._flush()
        os.fsync(descriptor)
        os.close(descriptor)
        self._fd = None
        self._beside.rename(self.folder / self.name)
        _sync(self.folder)
        after = f"{self.prefix}.{self.number + 1}.ndjson" if continues else None
        made = File(self.name, self.part, self.number, self.count, self.size, self._digest.digest(), after)
        self.number, self.size, self.count, self._digest = self.number + 1, 0, 0, hashlib.sha256()
        return made

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing of a file that is not finished."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self._beside.unlink(missing_ok=True)

    @property
    def _beside(self) -> Path:
        return self.folder / f"{self.name}{BESIDE}{self._owner}"


def remove(folder: Path) -> None:
    """Delete the folder of an export with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def tidy(folder: Path) -> None:
    """Delete what runners that were killed have left beside the files of a finished export."""
    for one in folder.glob(f"*{BESIDE}*"):
        with contextlib.suppress(FileNotFoundError):
            one.unlink()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(folder: Path) -> None:
    """What was renamed stays renamed, also after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
