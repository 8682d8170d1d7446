"""Run an export job: plan its parts, write what is missing of them, file by file.

After each file the database knows how far its part has got. Who takes a job over goes on from there, and as the record
is read as of the same moment, in the same order, the files come out the same to the last byte.
"""

import logging
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import SQLAlchemyError

from service.export import files, jobs, members
from service.export.blocks import blocks
from service.export.files import Output
from service.export.jobs import DELETED, ERROR, OUTPUT, File, Job, Lost, Part
from service.export.selection import Selection
from service.export.snapshot import Cut, chunks
from service.export.wanted import Note
from service.fhir.json import JsonError, encode, parse
from service.fhir.shown import shown
from service.issues import Issue, issue, outcome
from service.store import Store, StoreError, cuts
from service.store.engine import Database
from service.store.tables import resource, version
from service.store.values import micros

T = TypeVar("T")
SECOND = 1_000_000
# How many deletions stand in one Bundle.
_ENTRIES = 500
_AGAIN = 10 * SECOND
_BEAT = jobs.LEASE // 5
_JOB = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger("yhdessa.export")


@dataclass(frozen=True, slots=True)
class Limits:
    """`size` in bytes after which a file ends; `hours` that a finished export is kept; `most` jobs run at once."""

    size: int = 100_000_000
    hours: int = 24
    most: int = 2


def own(store: Store) -> Store:
    """The same record over connections of its own, which the caller closes: they remember little of what they read."""
    database = Database(store.database.url, pool=2)
    if database.is_sqlite:

        @event.listens_for(database.engine, "connect")
        def connected(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA cache_size=-4096")

    return Store(database, store.parameters, clock=store.clock, expand=store.expand, ids=store.ids)


@dataclass
class Runner:
    """Runs jobs of a store into a folder, each into its own subfolder; `stop` asks whether to let go.

    With `flat` the folder itself is that of the one job.
    """

    store: Store
    folder: Path
    limits: Limits = Limits()
    stop: Callable[[], bool] = lambda: False
    told: Callable[[Job], None] = lambda _: None
    flat: bool = False
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def once(self) -> bool:
        """Claim a job and run it; False where there is none to run."""
        job = self._write(lambda connection: jobs.claim(connection, self.owner, self.now, self.limits.most))
        if job is None:
            return False
        self.run(job)
        return True

    @property
    def now(self) -> int:
        return micros(self.store.clock())

    def place(self, id_: str) -> Path:
        """The folder of a job."""
        return self.folder if self.flat else self.folder / id_

    def run(self, job: Job) -> None:
        """Run a job that is this runner's; whatever happens, the job is done, failed, or can be claimed again."""
        try:
            if job.attempts >= jobs.TRIES:
                self._fail(job, "tries")
                return
            _Run(self, job).all()
        except Lost:
            # Deleted meanwhile, or slower than its lease: what it wrote last is nobody's now.
            if self._read(lambda connection: jobs.find(connection, job.id)) is None:
                self._clear(job.id)
        except (OSError, SQLAlchemyError, StoreError) as error:
            _log.warning("an export will be tried again: %s", type(error).__name__)
            self._write(lambda connection: jobs.release(connection, job.id, self.owner, self.now + _AGAIN))

    def sweep(self) -> None:
        """Delete exports whose time is over, and folders that no job owns."""
        for id_ in self._read(lambda connection: jobs.expired(connection, self.now)):
            self._write(lambda connection, gone=id_: jobs.remove(connection, gone))  # type: ignore[misc]
            files.remove(self.folder / id_)
        if self.folder.is_dir():
            for one in self.folder.iterdir():
                # Only what can be ours: somebody may keep other things in the folder.
                if _JOB.fullmatch(one.name) and not self._known(one.name):
                    files.remove(one)

    def _known(self, id_: str) -> bool:
        return self._read(lambda connection: jobs.find(connection, id_)) is not None

    def _fail(self, job: Job, reason: str) -> None:
        expires = self.now + self.limits.hours * 3600 * SECOND
        self._write(lambda connection: jobs.fail(connection, job.id, self.owner, self.now, expires, reason))
        self._clear(job.id)

    def _clear(self, id_: str) -> None:
        # A folder that somebody named is not ours to delete.
        if not self.flat:
            files.remove(self.place(id_))

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self.store.database.write(work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.store.database.read() as connection:
            return work(connection)


class _Run:
    """One job in the hands of one runner."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self.runner = runner
        self.store = runner.store
        self.job = job
        self.selection = Selection(runner.store, job)
        self.folder = runner.place(job.id)
        self.done = 0
        self.beaten = runner.now

    def all(self) -> None:
        parts = self._read(jobs.parts) or self._plan()
        written = self._read(lambda connection, id_: jobs.files(connection, id_))
        self.done = sum(one.count for one in written if parts[one.part].kind == OUTPUT)
        for part in parts:
            if not part.finished:
                self._part(part)
        expires = self.runner.now + self.runner.limits.hours * 3600 * SECOND
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
        found = [told(one) for one in self.job.wanted.notes]
        output = Output(self.folder, "outcome", part.number, self.runner.owner)
        with output:
            output.write([self._outcome(one) for one in found])
            self._advance(replace(part, finished=True), output)

    def _resources(self, part: Part) -> None:
        """Everything of one type, from where an earlier runner stopped."""
        first = len(self._read(lambda connection, id_: jobs.files(connection, id_, part.number))) + 1
        output = Output(self.folder, part.type, part.number, self.runner.owner, first)
        problems: list[bytes] = []
        cut, narrow = self.selection.cut(part.type), self.selection.narrow(part.type)
        most = self.runner.limits.size
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
        output = Output(self.folder, "patients", part.number, self.runner.owner, first)
        problems: list[bytes] = []
        with output:
            for block in blocks(self.selection, part.upto):
                header = encode(block.header())
                begun = False
                for type_name, row in block.rows():
                    line = self._line(type_name, row, problems)
                    if line is None:
                        continue
                    if begun and output.size >= 2 * self.runner.limits.size:
                        # Too much for one file. Only when the block is whole has the part moved on.
                        block.held.append(output.close(continues=True))
                        begun = False
                    output.write([line] if begun else [header, line], 1)
                    begun = True
                if output.size >= self.runner.limits.size or block.held:
                    part = replace(part, upto=block.rid)
                    self._advance(part, output, problems, block.held)
                    problems = []
                self._beat(output.count)
            self._advance(replace(part, finished=True), output, problems)

    def _deletions(self, part: Part) -> None:
        """What was deleted since, as transactions that delete it."""
        output = Output(self.folder, f"deleted.{part.type}", part.number, self.runner.owner)
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
            outcomes = Output(self.folder, f"outcome.{part.type or 'patients'}", 0, self.runner.owner, number)
            with outcomes:
                outcomes.write(problems)
                made += [one for one in (outcomes.close(),) if one is not None]
        if part.kind == OUTPUT:
            self.done += sum(one.count for one in made if one.part == part.number)
        self._write(jobs.advance, part, made, self.done)
        self.runner.told(replace(self.job, done=self.done))
        self._let_go()

    def _beat(self, written: int = 0) -> None:
        """Keep the lease, and say how far it is, now and then."""
        now = self.runner.now
        if now - self.beaten >= _BEAT or now < self.beaten:
            self.beaten = now
            done = self.done + written
            self._write(lambda connection, *rest: jobs.keep(connection, *rest, done=done))
            self.runner.told(replace(self.job, done=done))
        self._let_go()

    def _let_go(self) -> None:
        """Stop where the process is to end: another may go on at once."""
        if self.runner.stop():
            self.store.database.write(
                lambda connection: jobs.release(connection, self.job.id, self.runner.owner, self.runner.now - 1)
            )
            raise Lost(self.job.id)

    def _outcome(self, one: Issue) -> bytes:
        return encode(outcome([one], self.job.wanted.language))

    def _write(self, work: Callable[..., T], *rest: Any) -> T:
        id_, owner = self.job.id, self.runner.owner
        return self.store.database.write(lambda connection: work(connection, id_, owner, self.runner.now, *rest))

    def _read(self, work: Callable[[Connection, str], T]) -> T:
        with self.store.database.read() as connection:
            return work(connection, self.job.id)


def told(note: Note) -> Issue:
    """The issue of a note."""
    params: dict[str, Any] = dict(note.params)
    return issue(note.key, **params)


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
