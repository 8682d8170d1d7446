"""The JSON files of a `.tgz` that nobody vouches for: read from memory, never unpacked, never beyond a limit.

https://docs.python.org/3/library/tarfile.html
"""

import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

MAX_FILES = 50_000
MAX_FILE = 60_000_000
MAX_TOTAL = 600_000_000
_CHUNK = 1 << 16


class ArchiveError(ValueError):
    """The archive is broken or larger than is read."""


def files_of(data: bytes, *, max_total: int = MAX_TOTAL) -> Iterator[tuple[str, bytes]]:
    """(path, content) of each regular file `package/*.json`; anything deeper, links and other files are passed over."""
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _Inflated(data, max_total)), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_FILES:
                    raise ArchiveError(f"it holds more than {MAX_FILES} files")
                if not _wanted(member):
                    continue
                if member.size > MAX_FILE:
                    raise ArchiveError(f"{member.name} is larger than {MAX_FILE} bytes")
                content = archive.extractfile(member)
                if content is not None:
                    yield member.name.removeprefix("./"), content.read()
    except (tarfile.TarError, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise ArchiveError(str(error) or "it ends too early") from None


def _wanted(member: tarfile.TarInfo) -> bool:
    parts = member.name.removeprefix("./").split("/")
    return member.isreg() and len(parts) == 2 and parts[0] == "package" and parts[1].endswith(".json")


class _Inflated(io.RawIOBase):
    """A gzip stream in memory that gives up after `most` bytes: a small file can hold a very large one."""

    def __init__(self, data: bytes, most: int) -> None:
        self._source = io.BytesIO(data)
        self._inflate = zlib.decompressobj(wbits=31)
        self._left = most
        self._ready = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts = []
        wanted = size if size >= 0 else self._left
        while wanted > 0:
            if not self._ready and not self._fill():
                break
            part, self._ready = self._ready[:wanted], self._ready[wanted:]
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _fill(self) -> bool:
        """More inflated bytes into `_ready`; False at the end."""
        while not self._ready:
            waiting = self._inflate.unconsumed_tail or self._source.read(_CHUNK)
            if not waiting:
                if not self._inflate.eof:
                    raise ArchiveError("it is cut short, or no gzip file")
                return False
            if self._inflate.eof:
                return False
            self._ready = self._inflate.decompress(waiting, _CHUNK)
            self._left -= len(self._ready)
            if self._left < 0:
                raise ArchiveError("it holds more than is read")
        return True
