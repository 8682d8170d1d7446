"""What a batch reads: files, folders, globs and buckets; where their documents stand, and the documents themselves.

JSON with one document a file, NDJSON with one a line, both packed with gzip or not.
"""

import contextlib
import functools
import gzip
import io
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from service.export.partition import Line
from service.export.targets import TargetError, connected, failures, reason
from service.fhir.json import MAX_BYTES
from service.issues import issue

LINED = (".ndjson", ".jsonl")
SUFFIXES = tuple(f"{one}{packed}" for one in (".json", *LINED) for packed in ("", ".gz"))
_BLOCK = 1 << 20
_PATIENCE = (0.5, 2.0)
"""Seconds to wait before each further try to reach a file."""
_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)


class Source(NamedTuple):
    """A file: its URL (a path on this machine) and its size in bytes."""

    url: str
    size: int


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Documents that stand together in one file: from byte `start` (of what is unpacked), `length` bytes.

    `line` is the number of the first line, `lines` how many there are; `whole`: it is one document. `size` is that of
    the file when the run began. With `broken` the file cannot be read from here on, for that reason.
    """

    url: str
    size: int
    start: int
    length: int
    line: int
    lines: int
    whole: bool = False
    broken: str = ""


def found(places: Iterable[str], without: str = "") -> Iterator[Source]:
    """The files that each place stands for: a file, a folder with all below it, or a glob; each file once, sorted.

    What lies in the folder `without` is left out. `TargetError` for a place with nothing to read.
    """
    seen: set[str] = set()
    for place in places:
        any_here = False
        for one in _listed(place):
            any_here = True
            if one.url not in seen and not (without and one.url.startswith(without + "/")):
                seen.add(one.url)
                yield one
        if not any_here:
            raise TargetError(issue("batch.no-input", place=place))


def _listed(place: str) -> list[Source]:
    system, path = connected(place)
    try:
        if not any(mark in path for mark in "*?[") or system.exists(path):
            rows = system.find(path, detail=True) if system.isdir(path) else {path: system.info(path)}
            rows = {name: row for name, row in rows.items() if name == path or _is_readable(name)}
        else:
            rows = {name: row for name, row in system.glob(path, detail=True).items() if row["type"] == "file"}
    except failures() as error:
        raise TargetError(issue("batch.cannot-read", file=place, reason=reason(error))) from None
    # Some stores list a folder as an empty file.
    return sorted(Source(_url(system, name), int(row["size"] or 0)) for name, row in rows.items() if name[-1] != "/")


def _is_readable(name: str) -> bool:
    # What begins with a point is beside its file and not there yet.
    last = PurePosixPath(name).name
    return last.endswith(SUFFIXES) and not last.startswith(".")


def _url(system: Any, path: str) -> str:
    return path if _is_local(system) else str(system.unstrip_protocol(path))


def _is_local(system: Any) -> bool:
    return "file" in ((system.protocol,) if isinstance(system.protocol, str) else system.protocol)


def pieces(source: Source, lines: int, size: int) -> Iterator[Piece]:
    """The documents of a file in pieces of at most `lines` lines, each ended by the line that passes `size` bytes.

    A file that cannot be read to its end gives a last piece that is `broken`. `TargetError` where it is out of reach.
    """
    at, number = 0, 1
    try:
        with opened(source.url) as stream:
            if not _by_line(source.url, stream):
                length, count = _measured(stream)
                yield Piece(source.url, source.size, 0, length, 1, count, whole=True)
                return
            stream.seek(0)
            for length, count in _cuts(stream, lines, size):
                yield Piece(source.url, source.size, at, length, number, count)
                at, number = at + length, number + count
    except (PermissionError, FileNotFoundError, IsADirectoryError, *_BROKEN) as error:
        yield Piece(source.url, source.size, at, 0, number, 1, broken=reason(error))
    except failures() as error:
        raise TargetError(issue("batch.cannot-read", file=source.url, reason=reason(error))) from None


def _by_line(url: str, stream: BinaryIO) -> bool:
    """Whether each line is a document: the name says so, or the first line is a whole object and not the last."""
    if url.removesuffix(".gz").endswith(LINED):
        return True
    for line in iter(functools.partial(stream.readline, MAX_BYTES), b""):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if text:
            whole = text.startswith(b"{") and text.endswith(b"}") and len(text) > 2
            return whole and any(one.strip() for one in iter(functools.partial(stream.readline, MAX_BYTES), b""))
    return False


def _measured(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(0)
    length = count = 0
    for block in iter(functools.partial(stream.read, _BLOCK), b""):
        length, count = length + len(block), count + block.count(b"\n")
    return length, max(count, 1)


def _cuts(stream: BinaryIO, most: int, size: int) -> Iterator[tuple[int, int]]:
    """How long each piece is, in bytes and lines; a line longer than a block is never held as a whole."""
    length = count = 0
    for line in iter(functools.partial(stream.readline, _BLOCK), b""):
        length += len(line)
        if line.endswith(b"\n"):
            count += 1
            if count >= most or length >= size:
                yield length, count
                length = count = 0
    if length:
        yield length, count + 1


def read(piece: Piece) -> Iterator[Line]:
    """The documents of a piece; one that cannot be read is a line with a problem.

    `TargetError` `batch.unreachable` where the place cannot be reached, now and after some tries.
    """
    number = piece.line
    try:
        if piece.broken:
            yield _lost(piece, number, "batch.unreadable", piece.broken)
            return
        with _reached(piece) as stream:
            if piece.whole:
                yield _whole(piece, stream)
                return
            for line in _lines(piece, stream):
                number = line.line + 1
                yield line
    except FileNotFoundError:
        yield _lost(piece, number, "batch.vanished", "")
    except (PermissionError, IsADirectoryError, *_BROKEN) as error:
        yield _lost(piece, number, "batch.unreadable", reason(error))
    except failures() as error:
        raise TargetError(issue("batch.unreachable", file=piece.url, reason=reason(error))) from None


def _lines(piece: Piece, stream: BinaryIO) -> Iterator[Line]:
    number, left = piece.line, piece.length
    while left > 0:
        line = stream.readline(min(left, MAX_BYTES + 1))
        if not line:
            yield _lost(piece, number, "batch.changed", "")
            return
        left -= len(line)
        if len(line) > MAX_BYTES:
            left -= _skipped(stream, left)
            yield Line(piece.url, number, None, issue("batch.too-long", most=MAX_BYTES, line=number, column=1))
        elif line.strip():
            yield Line(piece.url, number, line.rstrip(b"\r\n"))
        number += 1


def _whole(piece: Piece, stream: BinaryIO) -> Line:
    if piece.length > MAX_BYTES:
        return Line(piece.url, 1, None, issue("batch.too-long", most=MAX_BYTES, line=1, column=1))
    data = stream.read(piece.length)
    if len(data) < piece.length or _grown(piece):
        return _lost(piece, 1, "batch.changed", "")
    return Line(piece.url, 1, data)


def _grown(piece: Piece) -> bool:
    """Whether a file on this machine is no longer as long as it was; to ask a bucket would cost as much as reading."""
    system, path = connected(piece.url)
    return _is_local(system) and system.size(path) != piece.size


def _lost(piece: Piece, number: int, key: str, why: str) -> Line:
    return Line(piece.url, number, None, issue(key, file=piece.url, line=number, reason=why))


def _skipped(stream: BinaryIO, left: int) -> int:
    """Read on to the end of the line; gives how many bytes that was."""
    passed = 0
    while passed < left:
        part = stream.readline(min(left - passed, _BLOCK))
        passed += len(part)
        if not part or part.endswith(b"\n"):
            break
    return passed


@contextlib.contextmanager
def _reached(piece: Piece) -> Iterator[BinaryIO]:
    """What the piece holds; closed after it, unless the next piece can go on with it."""
    stream = _connected(piece)
    try:
        yield stream
    finally:
        if stream is not _open.stream:
            stream.close()


def _connected(piece: Piece) -> BinaryIO:
    """What the piece holds, to be read from its start; tried again where the place does not answer."""
    for wait in (*_PATIENCE, None):
        try:
            return _packed(piece) if piece.url.endswith(".gz") else _plain(piece)
        except (FileNotFoundError, PermissionError, IsADirectoryError, *_BROKEN):
            raise
        except failures() as error:
            if wait is None:
                raise TargetError(issue("batch.unreachable", file=piece.url, reason=reason(error))) from None
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _plain(piece: Piece) -> BinaryIO:
    system, path = connected(piece.url)
    if piece.length <= MAX_BYTES:
        return io.BytesIO(system.cat_file(path, start=piece.start, end=piece.start + piece.length))
    stream = io.BufferedReader(system.open(path, "rb"), _BLOCK)
    stream.seek(piece.start)
    return cast(BinaryIO, stream)


class _Open(threading.local):
    """The packed file that was read last: the next piece of it goes on from there and does not unpack it all again."""

    url: str = ""
    stream: BinaryIO | None = None


_open = _Open()


def _packed(piece: Piece) -> BinaryIO:
    stream = _open.stream if _open.url == piece.url else None
    if stream is None or stream.closed or stream.tell() > piece.start:
        if _open.stream is not None:
            _open.stream.close()
        system, path = connected(piece.url)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=system.open(path, "rb"), mode="rb"))
        _open.url, _open.stream = piece.url, stream
    stream.seek(piece.start)
    return stream


@contextlib.contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """The content of a file, unpacked."""
    system, path = connected(url)
    with system.open(path, "rb") as raw:
        if url.endswith(".gz"):
            with gzip.open(raw, "rb") as stream:
                yield cast(BinaryIO, stream)
        else:
            # The streams of buckets read lines only whole, however long they are.
            yield cast(BinaryIO, io.BufferedReader(raw, _BLOCK))
