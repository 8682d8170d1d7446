"""Whether the archive is whole: each bag by its own checksums, and all of them together against the record.

The archived records are gathered in a small file, so that memory does not grow with the archive.
"""

import hashlib
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from service.drops import Drop, DropError
from service.export import bag
from service.export.shelf import Entry
from service.export.snapshot import snapshot
from service.issues import Issue, issue
from service.store import Store
from service.store.visibility import EVERYTHING, source

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_RECORDS = re.compile(r"data/records/[A-Za-z]+\.\d+\.ndjson")
MOST = 1000
"""Issues that are told one by one."""


class _Record(msgspec.Struct):
    reference: str
    version: int
    sha256: str


@dataclass
class Verified:
    """What was found; `records` are the resources that the archive has in their newest version."""

    runs: int = 0
    files: int = 0
    bytes: int = 0
    records: int = 0
    extra: int = 0
    issues: list[Issue] = field(default_factory=list)
    more: int = 0

    def found(self, one: Issue) -> None:
        if len(self.issues) < MOST:
            self.issues.append(one)
        else:
            self.more += 1


def verify(
    drop: Drop, runs: list[Entry], store: Store | None, told: Callable[[str], None] = lambda _: None
) -> Verified:
    """Read every file of the runs (in order) again; with `store`, every resource as of the last run must be there.

    `extra` counts what the archive has and the record has no longer: what was deleted or destroyed since.
    """
    done = Verified()
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "index")) as index:
        index.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE kept (reference TEXT PRIMARY KEY, version INTEGER, sha256 TEXT, seen INTEGER) WITHOUT ROWID"
        )
        for entry in runs:
            told(entry.run)
            done.runs += 1
            _bag(drop, entry, index, done)
        done.records = index.execute("SELECT count(*) FROM kept").fetchone()[0]
        if store is not None and runs:
            _against(store, runs[-1], index, done)
    return done


def _bag(drop: Drop, entry: Entry, index: sqlite3.Connection, done: Verified) -> None:
    try:
        tags = drop.read(f"{entry.run}/{bag.TAGS}")
    except DropError:
        done.found(issue("archive.missing-file", file=bag.TAGS, run=entry.run))
        return
    if hashlib.sha256(tags).hexdigest() != entry.seal:
        done.found(issue("archive.damaged-file", file=bag.TAGS, run=entry.run))
    for sha256, name in _lines(tags.decode()):
        _file(drop, entry, name, sha256, index, done)
    try:
        manifest = drop.read(f"{entry.run}/{bag.MANIFEST}", longest=10**12).decode()
    except DropError:
        return  # Told as a file of the tag manifest.
    listed = set()
    for sha256, name in _lines(manifest):
        listed.add(f"{entry.run}/{name}")
        _file(drop, entry, name, sha256, index, done)
    for name in drop.list(f"{entry.run}/data/"):
        if name not in listed:
            reason = f"`{name}` is not in its manifest"
            done.found(issue("archive.broken-bag", run=entry.run, reason=reason))


def _lines(manifest: str) -> Iterator[tuple[str, str]]:
    for line in manifest.splitlines():
        if found := _LINE.fullmatch(line):
            yield found[1], found[2]


def _file(drop: Drop, entry: Entry, name: str, sha256: str, index: sqlite3.Connection, done: Verified) -> None:
    """Read a file once: for its checksum, and for its records."""
    digest, rest = hashlib.sha256(), b""
    is_records = _RECORDS.fullmatch(name) is not None
    rows: list[tuple[str, int, str]] = []
    try:
        with closing(drop.chunks(f"{entry.run}/{name}")) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                done.bytes += len(chunk)
                if is_records:
                    *whole, rest = (rest + chunk).split(b"\n")
                    rows += (_row(line) for line in whole if line)
    except DropError:
        done.found(issue("archive.missing-file", file=name, run=entry.run))
        return
    except msgspec.MsgspecError:
        rows = []  # Not what was written: the checksum says so.
        digest.update(b"?")
    done.files += 1
    if digest.hexdigest() != sha256:
        done.found(issue("archive.damaged-file", file=name, run=entry.run))
    index.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, 0)", rows)


def _row(line: bytes) -> tuple[str, int, str]:
    one = msgspec.json.decode(line, type=_Record)
    return one.reference, one.version, one.sha256


def _against(store: Store, last: Entry, index: sqlite3.Connection, done: Verified) -> None:
    who = source(*last.controllers) if last.controllers else EVERYTHING
    for row in snapshot(store, last.at, who=who):
        reference = f"{row.type}/{row.id}"
        kept = index.execute("SELECT version, sha256 FROM kept WHERE reference = ?", (reference,)).fetchone()
        if kept is None or kept[0] != row.version:
            done.found(issue("archive.missing-record", reference=reference, version=row.version))
        elif kept[1] != hashlib.sha256(row.body or b"").hexdigest():
            done.found(issue("archive.damaged-record", reference=reference, version=row.version))
        index.execute("UPDATE kept SET seen = 1 WHERE reference = ?", (reference,))
    done.extra = index.execute("SELECT count(*) FROM kept WHERE seen = 0").fetchone()[0]
