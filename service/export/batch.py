"""The batch: many source documents become Bundles, part by part; a restart does only the parts that are missing.

bundles/part-000000.ndjson   one Bundle a line, in input order      rejects/part-000000.ndjson   what was set aside
report.json, report.txt      what came of it all                     manifest.json                last: the run is whole
state/                       while the run is not: the plan, and a record of each part that is done
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from service.export import plan, report, sources
from service.export.executors.base import Done, Executor, Work
from service.export.partition import Convert, Ran, Reject, digest, run_partition
from service.export.plan import Header, Partition, Totals
from service.export.targets import Target, TargetError
from service.issues import Issue, issue

PLAN = "state/plan.ndjson"
MANIFEST = "manifest.json"
_FATAL = frozenset({"batch.cannot-write", "batch.other-setup", "batch.no-file-system"})
"""What would be the same with every other part."""


class File(msgspec.Struct, frozen=True):
    """A file of the output."""

    name: str
    sha256: str
    bytes: int
    lines: int


class Record(msgspec.Struct, frozen=True):
    """What is kept of a part that is done."""

    number: int
    documents: int
    converted: int
    files: list[File]
    found: dict[str, dict[str, int]]
    rejected: list[Reject]


class Manifest(msgspec.Struct, frozen=True):
    """The last file of a run. Two runs of the same input have the same one."""

    run: Header
    documents: int
    converted: int
    rejected: int
    files: list[File]


@dataclass(slots=True)
class Result:
    """How a run ended; without `manifest` it is not whole, and `failures` say why."""

    manifest: Manifest | None = None
    failures: list[Issue] = field(default_factory=list)
    was_done: bool = False


class Progress:
    """Told how the run goes; this one keeps it to itself."""

    def begin(self, totals: Totals, done: int) -> None:
        """`done` documents were done by an earlier run."""

    def part(self, one: Done) -> None:
        """Another part."""


def complete(part: Partition, target: Target, convert: Convert, language: str) -> Done:
    """Run one part and write what it gives; its record last. Done again, it writes the same."""
    try:
        lines = itertools.chain.from_iterable(map(sources.read, part.pieces))
        ran = run_partition(lines, convert, language)
        files = [_put(target, f"{folder}/{part.name}.ndjson", body) for folder, body in _bodies(ran) if body]
        found = {severity: dict(sorted(keys.items())) for severity, keys in sorted(ran.found.items())}
        record = Record(part.number, ran.documents, ran.converted, files, found, ran.rejected)
        target.write(_state(part), msgspec.json.encode(record))
    except TargetError as error:
        return Done(part.number, failure=error.issue)
    return Done(part.number, ran.documents, ran.converted)


def _bodies(ran: Ran) -> tuple[tuple[str, bytes], ...]:
    return ("bundles", ran.bundles), ("rejects", ran.rejects)


def _put(target: Target, name: str, body: bytes) -> File:
    target.write(name, body)
    return File(name, digest(body), len(body), body.count(b"\n"))


def _state(part: Partition) -> str:
    return f"state/{part.name}.json"


def run(
    header: Header,
    target: Target,
    executor: Callable[[], Executor],
    work: Work,
    *,
    progress: Progress | None = None,
    language: str = "en",
) -> Result:
    """Do what is missing of the run `header` in `target`, which nobody else may be writing to (see `lock.held`).

    `executor` is made only where there is something to do. Raises `TargetError` where the folder holds something else
    or a source cannot be found.
    """
    progress = progress or Progress()
    if (there := _finished(target, header)) is not None:
        _clear(target)
        return Result(there, was_done=True)
    _sweep(target)
    totals = _planned(target, header)
    failures = _missing(target, totals, executor, work, progress)
    if failures:
        with suppress(TargetError):
            _report(target, failures, language)
        return Result(failures=failures)
    report_ = _report(target, [], language)
    manifest = Manifest(header, report_.documents, report_.converted, report_.rejected, _files(target))
    target.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    _clear(target)
    return Result(manifest)


def _finished(target: Target, header: Header) -> Manifest | None:
    there = target.read(MANIFEST)
    if there is None:
        return None
    manifest = msgspec.json.decode(there, type=Manifest)
    _same(target, manifest.run, header)
    return manifest


def _same(target: Target, there: Header, wanted: Header) -> None:
    differing = [name for name in Header.__struct_fields__ if getattr(there, name) != getattr(wanted, name)]
    if differing:
        raise TargetError(issue("batch.other-run", place=target.url, what=", ".join(differing)))


def _sweep(target: Target) -> None:
    for folder in ("", "bundles", "rejects", "state"):
        target.sweep(folder)


def _clear(target: Target) -> None:
    _sweep(target)
    target.remove("state")


def _planned(target: Target, header: Header) -> Totals:
    """The plan of this run, made where there is none."""
    if PLAN.partition("/")[2] in target.names("state"):
        with target.opened(PLAN) as stream:
            _same(target, plan.header(stream), header)
            return next(one for one in plan.read(stream) if isinstance(one, Totals))
    if any(target.names(folder) - {".lock", "lock.json"} for folder in ("", "bundles", "rejects")):
        raise TargetError(issue("batch.not-a-run", place=target.url))
    found = sources.found(header.sources, without=target.url)
    with target.writer(PLAN) as stream:
        return plan.write(stream, header, plan.partitions(found, header.lines, header.size))


def _parts(target: Target) -> Iterator[Partition]:
    with target.opened(PLAN) as stream:
        plan.header(stream)
        yield from (one for one in plan.read(stream) if isinstance(one, Partition))


def _missing(
    target: Target, totals: Totals, executor: Callable[[], Executor], work: Work, progress: Progress
) -> list[Issue]:
    """Run the parts that have no record; gives why some could not be done."""
    there = target.names("state")
    progress.begin(totals, sum(one.documents for one in _parts(target) if f"{one.name}.json" in there))
    if len(there) > totals.parts:
        return []
    failures: list[Issue] = []
    results = executor().run(work, (one for one in _parts(target) if f"{one.name}.json" not in there))
    try:
        for done in results:
            progress.part(done)
            if done.failure is not None:
                failures.append(done.failure)
                if done.failure.key in _FATAL:
                    break
    finally:
        if close := getattr(results, "close", None):
            close()
    return failures


def _records(target: Target) -> Iterator[Record]:
    for name in sorted(target.names("state")):
        body = target.read(f"state/{name}") if name.startswith("part-") else None
        if body is not None:
            yield msgspec.json.decode(body, type=Record)


def _report(target: Target, failures: Sequence[Issue], language: str) -> report.Report:
    made = report.Report(complete=not failures)
    for record in _records(target):
        made.add(record.documents, record.converted, record.found, record.rejected)
    made.failures = [one.text(language) for one in failures]
    target.write("report.json", made.json())
    target.write("report.txt", made.text(language).encode())
    return made


def _files(target: Target) -> list[File]:
    own: Iterable[Any] = (_described(target, name) for name in ("report.json", "report.txt"))
    return [*itertools.chain.from_iterable(record.files for record in _records(target)), *own]


def _described(target: Target, name: str) -> File:
    body = target.read(name) or b""
    return File(name, digest(body), len(body), body.count(b"\n"))
