"""The archive's place as we write to it: bags, and for each run that is whole an entry in `runs/`, written last.

    <run>/…            the bag             runs/<run>.json   the run is whole
    in-progress.json   who is at work

703/2023 10 §: a run into the archive of another controller is one disclosure in the use log.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select

from service.drops import Drop, DropError
from service.export import bag
from service.export.archive import Header, Made
from service.export.archive_settings import ArchiveSettings
from service.export.targets import Local
from service.issues import issue
from service.store import cuts
from service.store.audit import Detail, Event, find, record
from service.store.engine import Database
from service.store.tables import resource

BUSY = "in-progress.json"
CLIENT = "archive"
_NAMESPACE = uuid.UUID("0c6a4a55-5f57-4a55-8a0c-9b8c1f3c7d11")
_BLOCK = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """A run that is whole in the archive; times in microseconds, `seal` is the SHA-256 of the bag's tag manifest."""

    run: str
    at: int
    since: int
    previous: str
    total: int
    resources: dict[str, int]
    deleted: int
    papers: int
    files: int
    bytes: int
    seal: str
    controllers: list[str]
    formats: list[str]


class Busy(msgspec.Struct, frozen=True):
    """Who makes a run."""

    run: str
    by: str


def entries(drop: Drop) -> list[Entry]:
    """The runs that the archive has, in order."""
    names = sorted(one for one in drop.list("runs/") if one.endswith(".json"))
    return [msgspec.json.decode(drop.read(one), type=Entry) for one in names]


def claim(drop: Drop, run: str, by: str, *, take_over: bool) -> None:
    """Say that this run is being made. Raises `DropError` `archive.in-progress` where another one is."""
    own = msgspec.json.encode(Busy(run, by))
    try:
        drop.put(BUSY, own, replace=take_over)
    except DropError as error:
        there = msgspec.json.decode(drop.read(BUSY), type=Busy) if drop.exists(BUSY) else None
        if there is None:
            raise
        raise DropError(issue("archive.in-progress", run=there.run, by=there.by)) from error


def send(drop: Drop, made: Made, header: Header, state: Local, told: Callable[[str], None] = lambda _: None) -> Entry:
    """Bring the bag there, its manifests last; gives the entry that `close` writes when all else is done."""
    sent = set((state.read("sent.txt") or b"").decode().splitlines())
    names = [*bag.payload(made.folder), "bag-info.txt", "bagit.txt", bag.MANIFEST, bag.TAGS]
    size = 0
    with (state.folder / "sent.txt").open("a", encoding="utf-8") as done:
        for name in names:
            size += (made.folder / name).stat().st_size
            if name not in sent:
                drop.put(f"{header.run}/{name}", _blocks(made.folder / name), replace=True)
                done.write(f"{name}\n")
                done.flush()
                told(name)
    return Entry(
        header.run,
        header.at,
        header.since,
        header.previous,
        made.total,
        made.counts,
        made.deleted,
        made.papers,
        len(names),
        size,
        bag.digest(made.folder / bag.TAGS),
        header.controllers,
        header.formats,
    )


def disclose(database: Database, settings: ArchiveSettings, entry: Entry, user: str, now: datetime) -> None:
    """Write the run down once, whoever goes on with it; as a disclosure where the archive is another controller's."""
    id_ = str(uuid.uuid5(_NAMESPACE, entry.run))
    with database.read() as connection:
        providers = entry.controllers or owners(connection)
    other = bool(settings.organisation) and [settings.organisation] != providers
    types = ", ".join(f"{name} {count}" for name, count in sorted(entry.resources.items()))
    detail = Detail(
        interaction="disclosure" if other else "archive",
        user=user,
        request=entry.run,
        description=f"archive {sum(entry.resources.values())}: {types}",
        provider=" ".join(providers),
        recipient=settings.organisation,
        purpose=settings.purpose,
        basis=f"statutory {entry.run}: {settings.basis}" if other else "",
        digests=(entry.seal,),
        confirmed=settings.name,
    )
    event = Event(CLIENT, providers[0] if len(providers) == 1 else "", "R", "0", detail)

    def work(connection: Connection) -> None:
        if not find(connection, id_=id_, count=1):
            record(connection, [event], now, ids=lambda _: id_)

    database.write(work)


def owners(connection: Connection) -> list[str]:
    """Every register that there is something of; one look into the index for each of its types."""
    found: set[str] = set()
    for name in cuts.types(connection):
        first = select(func.min(resource.c.organisation)).where(resource.c.type == name)
        one = connection.execute(first).scalar_one()
        while one is not None:
            found.add(one)
            one = connection.execute(first.where(resource.c.organisation > one)).scalar_one()
    return sorted(found)


def close(drop: Drop, entry: Entry) -> None:
    """The run is whole: from now on the next one begins where it has ended."""
    drop.put(f"runs/{entry.run}.json", msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n", replace=True)
    drop.delete(BUSY)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


__all__ = ["BUSY", "Busy", "Entry", "claim", "close", "disclose", "entries", "send"]
