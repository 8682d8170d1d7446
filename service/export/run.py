"""Run an export job: plan its parts, write what is missing of them, file by file.

After each file the database knows how far its part has got. Who takes a job over goes on from there, and as the record
is read as of the same moment, in the same order, the files come out the same to the last byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select

from service.export import files, jobs, members
from service.export.blocks import blocks
from service.export.files import Output
from service.export.jobs import DELETED, ERROR, OUTPUT, SECOND, File, Job, Lost, Part
from service.export.selection import Selection
from service.export.snapshot import Cut, chunks
from service.fhir.json import JsonError, encode, parse
from service.fhir.shown import shown
from service.issues import Issue, issue, outcome
from service.store import Store, cuts
from service.store.tables import resource, version
from service.store.values import micros

T = TypeVar("T")
# How many deletions stand in one Bundle.
_ENTRIES = 500
_BEAT = jobs.LEASE // 5


@dataclass(frozen=True, slots=True)
class Limits:
    """`size` in bytes after which a file ends; `hours` that a finished export is kept; `most` jobs run at once."""

    size: int = 100_000_000
    hours: int = 24
    most: int = 2

    def end(self, now: int) -> int:
        """Until when an export that is finished `now` is kept (microseconds)."""
        return now + self.hours * 3600 * SECOND


DEFAULTS = Limits()


class Run:
    """One job in the hands of the runner `owner`; raises `Lost` where it is so no longer, or is to let go (`stop`)."""

    def __init__(
        self,
        store: Store,
        job: Job,
        folder: Path,
        limits: Limits,
        owner: str,
        stop: Callable[[], bool],
        told: Callable[[Job], None],
    ) -> None:
        self.store = store
        self.job = job
        self.folder = folder
        self.limits = limits
        self.owner = owner
        self.stop = stop
        self.told = told
        self.selection = Selection(store, job)
        self.done = 0
        self.beaten = self.now

    @property
    def now(self) -> int:
        return micros(self.store.clock())

    def all(self) -> None:
        parts = self._read(jobs.parts) or self._plan()
        written = self._read(lambda connection, id_: jobs.files(connection, id_))
        self.done = sum(one.count for one in written if parts[one.part].kind == OUTPUT)
        for part in parts:
            if not part.finished:
                self._part(part)
        expires = self.limits.end(self.now)
        files.tidy(self.folder)
        self._write(jobs.finish, expires)

    def _plan(self) -> list[Part]:
        """The parts, and the patients if only some are meant; a plan that was not finished is made anew."""
        if self.job.wanted.is_narrow:
            self._write(lambda connection, *_: jobs.clear_members(connection, self.job.id))
            for some in members.chosen(self.store, self.job.wanted, self.job.at):
                self._write(lambda connection, *_, found=some: jobs.add_members(connection, self.job.id, found))
                self._beat()
        with self.store.database.read() as connection:
            types = self.selection.types(cuts.types(connection))
            counts = [_count(connection, one) for one in types]
        parts = [Part(0, ERROR, "OperationOutcome")]
        if self.job.wanted.organized:
            parts.append(Part(1, OUTPUT, ""))
        else:
            parts += [Part(number, OUTPUT, one) for number, one in enumerate(types, 1)]
        if self.job.wanted.since is not None:
            parts += [Part(number, DELETED, one) for number, one in enumerate(types, len(parts))]
        self._write(jobs.plan, parts, sum(counts))
        return parts

    def _part(self, part: Part) -> None:
        if part.kind == ERROR:
            self._notes(part)
        elif part.kind == DELETED:
            self._deletions(part)
        elif self.job.wanted.organized:
            self._blocks(part)
        else:
            self._resources(part)

    def _notes(self, part: Part) -> None:
        output = Output(self.folder, "outcome", part.number, self.owner)
        with output:
            output.write([self._outcome(one.issue) for one in self.job.wanted.notes])
            self._advance(replace(part, finished=True), output)

    def _resources(self, part: Part) -> None:
        """Everything of one type, from where an earlier runner stopped."""
        first = len(self._read(lambda connection, id_: jobs.files(connection, id_, part.number))) + 1
        output = Output(self.folder, part.type, part.number, self.owner, first)
        problems: list[bytes] = []
        cut, narrow = self.selection.cut(part.type), self.selection.narrow(part.type)
        most = self.limits.size
        with output:
            for rows in chunks(self.store.database, part.type, cut, after=part.upto, narrow=narrow):
                lines: list[bytes] = []
                size = output.size
                for row in rows:
                    line = self._line(part.type, row, problems)
                    if line is None:
                        continue
                    lines.append(line)
                    size += len(line) + 1
                    if size >= most:
                        output.write(lines)
                        part = replace(part, upto=row[0])
                        self._advance(part, output, problems)
                        lines, size, problems = [], 0, []
                output.write(lines)
                self._beat(output.count)
            self._advance(replace(part, finished=True), output, problems)

    def _line(self, type_name: str, row: Any, problems: list[bytes]) -> bytes | None:
        """The line of a resource: its bytes as they are kept, or the elements that were asked for."""
        body: bytes = row[5]
        try:
            if self.job.wanted.elements:
                definitions = self.store.parameters.definitions
                body = encode(shown(definitions, parse(body), elements=self.job.wanted.elements))
            if body[:1] == b"{" and b"\n" not in body:
                return body
        except JsonError:
            body = b""
        problems.append(self._outcome(issue("export.resource", reference=f"{type_name}/{row[1]}")))
        return None

    def _blocks(self, part: Part) -> None:
        """Everything by patient."""
        first = len(self._read(lambda connection, id_: jobs.files(connection, id_, part.number))) + 1
        output = Output(self.folder, "patients", part.number, self.owner, first)
        problems: list[bytes] = []
        with output:
            for block in blocks(self.selection, part.upto):
                header = encode(block.header())
                begun = False
                for type_name, row in block.rows():
                    line = self._line(type_name, row, problems)
                    if line is None:
                        continue
                    if begun and output.size >= 2 * self.limits.size:
                        # Too much for one file. Only when the block is whole has the part moved on.
                        block.held.append(output.close(continues=True))
                        begun = False
                    output.write([line] if begun else [header, line], 1)
                    begun = True
                if output.size >= self.limits.size or block.held:
                    part = replace(part, upto=block.rid)
                    self._advance(part, output, problems, block.held)
                    problems = []
                self._beat(output.count)
            self._advance(replace(part, finished=True), output, problems)

    def _deletions(self, part: Part) -> None:
        """What was deleted since, as transactions that delete it."""
        output = Output(self.folder, f"deleted.{part.type}", part.number, self.owner)
        wanted = self.job.wanted
        cut = Cut(self.job.at, wanted.since, wanted.until, wanted.who)
        with output:
            found = chunks(self.store.database, part.type, cut, deleted=True)
            gone = (one for rows in found for one in self._kept(part, rows))
            for some in _batches(gone, _ENTRIES):
                entries = [{"request": {"method": "DELETE", "url": f"{part.type}/{id_}"}} for id_ in some]
                output.write([encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})])
                self._beat()
            self._advance(replace(part, finished=True), output)

    def _kept(self, part: Part, rows: Sequence[Any]) -> list[str]:
        """The ids of those that would have been exported had they not been deleted."""
        narrow = self.selection.narrow(part.type)
        if narrow is None:
            return [row[1] for row in rows]
        with self.store.database.read() as connection:
            living = {row[0]: (*row[:5], body) for row in rows if (body := _before(connection, row)) is not None}
            kept = narrow.kept(connection, list(living.values()))
        return [row[1] for row in rows if row[0] in kept]

    def _advance(
        self, part: Part, output: Output, problems: Sequence[bytes] = (), held: Sequence[File | None] = ()
    ) -> None:
        """Finish the file that is open and note how far the part has got."""
        number = output.number
        made = [one for one in (*held, output.close()) if one is not None]
        if problems:
            outcomes = Output(self.folder, f"outcome.{part.type or 'patients'}", 0, self.owner, number)
            with outcomes:
                outcomes.write(problems)
                made += [one for one in (outcomes.close(),) if one is not None]
        if part.kind == OUTPUT:
            self.done += sum(one.count for one in made if one.part == part.number)
        self._write(jobs.advance, part, made, self.done)
        self.told(replace(self.job, done=self.done))
        self._let_go()

    def _beat(self, written: int = 0) -> None:
        """Keep the lease, and say how far it is, now and then."""
        now = self.now
        if now - self.beaten >= _BEAT or now < self.beaten:
            self.beaten = now
            done = self.done + written
            self._write(lambda connection, *rest: jobs.keep(connection, *rest, done=done))
            self.told(replace(self.job, done=done))
        self._let_go()

    def _let_go(self) -> None:
        """Stop where the process is to end: another may go on at once."""
        if self.stop():
            self.store.database.write(
                lambda connection: jobs.release(connection, self.job.id, self.owner, self.now - 1)
            )
            raise Lost(self.job.id)

    def _outcome(self, one: Issue) -> bytes:
        return encode(outcome([one], self.job.wanted.language))

    def _write(self, work: Callable[..., T], *rest: Any) -> T:
        id_, owner = self.job.id, self.owner
        return self.store.database.write(lambda connection: work(connection, id_, owner, self.now, *rest))

    def _read(self, work: Callable[[Connection, str], T]) -> T:
        with self.store.database.read() as connection:
            return work(connection, self.job.id)


def _count(connection: Connection, type_name: str) -> int:
    statement = select(func.count()).select_from(resource).where(resource.c.type == type_name)
    return int(connection.execute(statement).scalar_one())


def _before(connection: Connection, row: Any) -> bytes | None:
    """The content of a resource in the version before the one of the row."""
    here = (version.c.rid == row[0], version.c.version == row[2] - 1)
    found = connection.execute(select(version.c.body).where(*here)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _batches(items: Iterator[str], most: int) -> Iterator[list[str]]:
    some: list[str] = []
    for one in items:
        some.append(one)
        if len(some) == most:
            yield some
            some = []
    if some:
        yield some
