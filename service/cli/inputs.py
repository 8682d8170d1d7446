"""What a command reads: files, folders, NDJSON and standard input, one document after the other."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import click

from service.cli.failures import CouldNotRun
from service.fhir.json import placed
from service.issues import Issue, issue

LINED = (".ndjson", ".jsonl")
SUFFIXES = (".json", *LINED)

FILES = click.argument("files", metavar="FILE…", nargs=-1, required=True)


@dataclass(frozen=True, slots=True)
class Text:
    """One document: `name` is for people (`file` or `file:line`), `stem` for output files, `line` counts from 1."""

    name: str
    stem: str
    data: bytes
    line: int = 1
    done: int = 0
    total: int = 0

    @property
    def file(self) -> str:
        """The name without the line."""
        return self.name.removesuffix(f":{self.line}")

    def at(self, issues: Iterable[Issue]) -> list[Issue]:
        """The issues, which point into this document, with their places in the whole file."""
        return self.moved(placed(issues, self.data))

    def moved(self, issues: Iterable[Issue]) -> list[Issue]:
        """The issues, whose places count from the start of this document, as they count in the whole file."""
        return [replace(one, line=one.line + self.line - 1) if one.line else one for one in issues]


def read(files: Iterable[str]) -> Iterator[Text]:
    """Every document of `files` in order; `-` is standard input. Raises a usage error for a name that is not there."""
    return _texts([found for name in files for found in _found(name)])


def _texts(paths: list[tuple[Path | None, str]]) -> Iterator[Text]:
    total = sum(path.stat().st_size for path, _ in paths if path is not None)
    done = 0
    for path, stem in paths:
        if path is None:
            yield from _documents(sys.stdin.buffer, "-", stem, 0, 0)
            continue
        try:
            with path.open("rb") as stream:
                yield from _documents(stream, str(path), stem, done, total)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CouldNotRun(issue("cli.cannot-read", file=path, reason=reason)) from None
        done += path.stat().st_size


def _found(name: str) -> list[tuple[Path | None, str]]:
    """The files a name stands for, each with the name of its output."""
    if name == "-":
        return [(None, "stdin")]
    path = Path(name)
    if path.exists() and not path.is_dir():
        return [(path, path.name.removesuffix(path.suffix))]
    if not path.is_dir():
        raise click.BadParameter(f"{name!r} is neither a file nor a folder.", param_hint="FILE")
    inside = sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES and one.is_file())
    if not inside:
        raise CouldNotRun(issue("cli.no-input", place=name))
    return [(one, one.relative_to(path).with_suffix("").as_posix()) for one in inside]


def _documents(stream: BinaryIO, name: str, stem: str, done: int, total: int) -> Iterator[Text]:
    """One document; or one a line, where the name says so or a whole JSON object on the first line is not the last."""
    lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    number, first = next(lines, (1, b""))
    by_line = name.endswith(LINED)
    if not by_line and not _whole(first):
        data = first + stream.read()
        yield Text(name, stem, data, number, done + len(data), total)
        return
    second = next(lines, None)
    if second is None:
        yield Text(name, stem, first, number, done + len(first), total)
        return
    for at, line in itertools.chain([(number, first), second], lines):
        done += len(line)
        yield Text(f"{name}:{at}", f"{stem}-{at}", line, at, done, total)


def _whole(line: bytes) -> bool:
    """Whether the line looks like a whole JSON object; what is really in it, the reader says later."""
    text = line.strip().removeprefix(b"\xef\xbb\xbf")
    return text.startswith(b"{") and text.endswith(b"}") and len(text) > 2
