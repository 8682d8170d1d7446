"""A run of the archive: what has changed since the last good run, described, checked and packed as a BagIt bag.

data/resources/CarePlan.0001.ndjson   the resources as they are kept, one a line (FHIR NDJSON)
data/records/CarePlan.0001.ndjson     what is said of the resource on the same line, see records.py
data/parquet/CarePlan.0001.parquet    both as a table, where it is wanted
data/plans/d8/<id>.v3.pdf             the plan as PDF/A
data/deleted.ndjson                   what was deleted since the last run
data/run.json                         what was archived, from when to when, by which rules

A run is made in a folder of this machine, as of one moment, file by file; who goes on with it after a crash makes the
same bytes. docs/archive.md
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from service.export import bag
from service.export.parquet import Table
from service.export.records import record
from service.export.retention import Facts, Rules
from service.export.snapshot import Cut, Row, chunks, types, wanted
from service.export.surroundings import Surroundings, gather
from service.export.targets import Local
from service.issues import Issue, issue
from service.store import Store, Visibility
from service.store.values import instant
from service.store.visibility import EVERYTHING, source

ROWS, BYTES = 20_000, 64_000_000
"""A file ends with the first of these."""
_PAPERS = 50
Papers = Callable[[Collection[str], int], Mapping[str, bytes | Issue]]
"""The PDF/A of plans (ids) as of a moment (microseconds), or why there is none."""


class Header(msgspec.Struct, frozen=True):
    """What makes a run the same run; times in microseconds, 0 is from the beginning."""

    run: str
    at: int
    since: int
    previous: str
    rules: str
    controllers: list[str]
    formats: list[str]
    plans: bool
    before: int


class Part(msgspec.Struct, frozen=True):
    """A finished file of a type: how many resources, and the number of the last."""

    rows: int
    upto: int


@dataclass(frozen=True, slots=True)
class Made:
    """A bag that is whole; `total` resources are in the record, `counts` of them in this bag, by type."""

    folder: Path
    total: int
    counts: dict[str, int]
    deleted: int
    papers: int
    issues: list[Issue]


@dataclass
class Run:
    """One run in the folder `place`; `told` hears of each finished file."""

    store: Store
    place: Path
    header: Header
    rules: Rules
    facts: Facts
    papers: Papers | None
    told: Callable[[str, int], None] = lambda _name, _rows: None

    def make(self) -> Made:
        """Do what is missing of the bag, and check it."""
        self.state.folder.mkdir(parents=True, exist_ok=True)
        around = self.state.folder / "surroundings.sqlite"
        if not around.exists():
            gather(self.store.database, self.header.at, around)
        names = types(self.store)
        with closing(Surroundings(around)) as surroundings:
            for name in names:
                self._type(name, surroundings)
        deleted = self._deleted(names)
        counts = {name: rows for name in names if (rows := sum(one.rows for one in self._parts(name)))}
        issues = self._plans() if self.papers and self.header.plans and counts.get("CarePlan") else []
        total = self.total(names)
        papers = sum(1 for _ in (self.bag.folder / "data" / "plans").rglob("*.pdf"))
        self._described(total, counts, deleted, papers)
        for folder in ("", "data", "data/resources", "data/records", "data/parquet"):
            self.bag.sweep(folder)
        if counts or deleted:
            bag.pack(self.bag.folder, self._info())
            issues = [*issues, *bag.check(self.bag.folder, self.header.run)]
        if total < self.header.before:
            gone = self.header.before - total
            issues = [issue("archive.fewer", now=total, before=self.header.before, gone=gone), *issues]
        return Made(self.bag.folder, total, counts, deleted, papers, issues)

    @property
    def bag(self) -> Local:
        return Local(self.place / "bag")

    @property
    def state(self) -> Local:
        return Local(self.place / "state")

    def cut(self, *, since: bool = True) -> Cut:
        """What is looked at."""
        return Cut(self.header.at, self.header.since if since and self.header.since else None, None, self._who())

    def total(self, names: Collection[str]) -> int:
        """How many resources there are as of the moment."""
        count = 0
        with self.store.database.read() as connection:
            for name in names:
                rows = wanted(connection, name, self.cut(since=False)).order_by(None).subquery()
                count += int(connection.execute(select(func.count()).select_from(rows)).scalar_one())
        return count

    def _who(self) -> Visibility:
        return source(*self.header.controllers) if self.header.controllers else EVERYTHING

    def _parts(self, name: str) -> list[Part]:
        """The files of a type that are finished; the last one of a type that is done has no rows."""
        found: list[Part] = []
        while (body := self.state.read(f"{name}.{len(found) + 1:04d}.json")) is not None:
            found.append(msgspec.json.decode(body, type=Part))
        return found

    def _type(self, name: str, around: Surroundings) -> None:
        there = self._parts(name)
        if there and not there[-1].rows:
            return
        number, after = len(there) + 1, there[-1].upto if there else 0
        rows = self._rows(name, after)
        while True:
            part = self._file(name, number, rows, around)
            self.state.write(f"{name}.{number:04d}.json", msgspec.json.encode(part))
            if not part.rows:
                return
            self.told(name, part.rows)
            number += 1

    def _rows(self, name: str, after: int) -> Iterator[Row]:
        for some in chunks(self.store.database, name, self.cut(), after=after):
            for rid, id_, number, updated, organisation, body, _ in some:
                yield Row(rid, name, id_, number, updated, organisation, bytes(body))

    def _file(self, name: str, number: int, rows: Iterator[Row], around: Surroundings) -> Part:
        """The next file of a type with what is said of it; nothing where there are no more rows."""
        row = next(rows, None)
        if row is None:
            return Part(0, 0)
        stem = f"{name}.{number:04d}"
        count = size = 0
        with ExitStack() as stack:
            resources = stack.enter_context(self.bag.writer(f"data/resources/{stem}.ndjson"))
            records = stack.enter_context(self.bag.writer(f"data/records/{stem}.ndjson"))
            table = None
            if "parquet" in self.header.formats:
                table = stack.enter_context(Table(self.bag, f"data/parquet/{stem}.parquet"))
            while True:
                assert row.body is not None
                about = record(row, self.rules, self.facts, around)
                resources.write(row.body + b"\n")
                records.write(msgspec.json.encode(about) + b"\n")
                if table is not None:
                    table.add(about, row.body)
                count, size, last = count + 1, size + len(row.body), row.rid
                if count >= ROWS or size >= BYTES or (row := next(rows, None)) is None:
                    return Part(count, last)

    def _deleted(self, names: Collection[str]) -> int:
        """What was deleted since the last run; a first run has nothing to say of it."""
        if not self.header.since:
            return 0
        done = self.state.read("deleted.json")
        if done is None:
            count = 0
            with self.bag.writer("data/deleted.ndjson") as stream:
                for name in names:
                    for rows in chunks(self.store.database, name, self.cut(), deleted=True):
                        for _, id_, number, updated, organisation, _, _ in rows:
                            row = {"reference": f"{name}/{id_}", "version": number, "deleted": instant(updated)}
                            stream.write(msgspec.json.encode(row | {"controller": organisation}) + b"\n")
                            count += 1
            done = msgspec.json.encode(count)
            self.state.write("deleted.json", done)
        found: int = msgspec.json.decode(done, type=int)
        if not found:
            self.bag.remove("data/deleted.ndjson")
        return found

    def _plans(self) -> list[Issue]:
        """The papers that are missing; a plan that cannot be printed is told."""
        assert self.papers is not None
        found: list[Issue] = []
        for rows in chunks(self.store.database, "CarePlan", self.cut(), most=_PAPERS):
            names = {row[1]: f"data/plans/{row[1][:2]}/{row[1]}.v{row[2]}.pdf" for row in rows}
            missing = [id_ for id_, name in names.items() if not (self.bag.folder / name).exists()]
            for id_, paper in (self.papers(missing, self.header.at) if missing else {}).items():
                if isinstance(paper, Issue):
                    found.append(paper)
                else:
                    self.bag.write(names[id_], paper)
            self.told("plans", len(rows))
        return found

    def _described(self, total: int, counts: dict[str, int], deleted: int, papers: int) -> None:
        row = {
            "run": self.header.run,
            "from": instant(self.header.since) if self.header.since else None,
            "to": instant(self.header.at),
            "previous": self.header.previous or None,
            "controllers": self.header.controllers,
            "resources": counts,
            "deleted": deleted,
            "plans": papers,
            "recordTotal": total,
            "rules": {key: one.source for key, one in self.rules.classes.items()},
        }
        self.bag.write("data/run.json", msgspec.json.format(msgspec.json.encode(row), indent=2) + b"\n")

    def _info(self) -> dict[str, str]:
        moment = datetime.fromtimestamp(self.header.at / 1_000_000, UTC)
        first = instant(self.header.since) if self.header.since else "the beginning"
        return {
            "Bagging-Date": moment.date().isoformat(),
            "Bag-Software-Agent": "yhdessa-fhir",
            "External-Identifier": self.header.run,
            "External-Description": f"FHIR R4 resources changed after {first} up to {instant(self.header.at)}",
            "Internal-Sender-Identifier": ", ".join(self.header.controllers) or "all registers",
        }


def run_name(at: int) -> str:
    """The name of a run as of a moment; names in order are runs in order."""
    moment = datetime.fromtimestamp(at // 1000 / 1000, UTC)
    return f"yhdessa-{moment:%Y%m%dT%H%M%S}{at // 1000 % 1000:03d}Z"
