"""Export jobs in the database: begun by a client, claimed by lease by whoever runs them, forgotten in the end.

    waiting ─▶ running (leased) ─▶ done | failed

Every step of a job is one transaction that holds only as long as the lease is its owner's, so two runners never both
write down the same step, and one that is killed loses only the file it was writing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from service.export import wanted as wishes
from service.export.wanted import Wanted
from service.store.bulk import insert_rows
from service.store.tables import export_file, export_job, export_member, export_part
from service.store.upsert import inserting

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
OUTPUT, DELETED, ERROR = "output", "deleted", "error"
SECOND = 1_000_000
LEASE = 30 * SECOND
"""How long a runner that says nothing keeps its job, in microseconds."""
TRIES = 20
"""How often a job may be claimed without getting any further."""
COMMAND = "yhdessa export"
"""The client of a job that a command runs into a folder of its own; nobody else claims it."""
# No two runners may count the running jobs at once.
_CLAIM = 7_305_002_028
_OPEN = export_job.c.state.in_((WAITING, RUNNING))
_TABLES = (export_file, export_part, export_member)


class Lost(Exception):
    """The job is no longer this runner's: it was deleted, or its lease ran out and another has it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now; times in microseconds. `done` of `total` resources have been looked at."""

    id: str
    client: str
    organisation: str
    state: str
    wanted: Wanted
    at: int
    created: int
    done: int
    total: int
    attempts: int
    expires: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a job: everything of one type. Up to the resource `upto` it stands in files that are finished."""

    number: int
    kind: str
    type: str
    upto: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A finished file; `size` in bytes, `digest` SHA-256. `continues` is the file in which its last block goes on."""

    name: str
    part: int
    number: int
    count: int
    size: int
    digest: bytes
    continues: str | None = None


_FILE_COLUMNS = ("job", "name", "part", "number", "count", "size", "digest", "continues")
_PART_COLUMNS = ("job", "number", "kind", "type", "upto", "finished")


def begin(connection: Connection, job: Job) -> None:
    values = {
        "id": job.id,
        "client": job.client,
        "organisation": job.organisation,
        "state": WAITING,
        "wanted": wishes.write(job.wanted),
        "at": job.at,
        "created": job.created,
        "polled": 0,
        "done": 0,
        "total": 0,
        "attempts": 0,
    }
    connection.execute(insert(export_job).values(**values))


def find(connection: Connection, id_: str) -> Job | None:
    row = connection.execute(select(export_job).where(export_job.c.id == id_)).one_or_none()
    return None if row is None else _job(row)


def everyone(connection: Connection) -> list[Job]:
    """Every job there is, the oldest first."""
    return [_job(row) for row in connection.execute(select(export_job).order_by(export_job.c.created, export_job.c.id))]


def unfinished(connection: Connection, client: str) -> int:
    """How many jobs of a client are not done yet."""
    own = (export_job.c.client == client, _OPEN)
    return int(connection.execute(select(func.count()).select_from(export_job).where(*own)).scalar_one())


def poll(connection: Connection, id_: str, now: int, pause: int) -> bool:
    """Note that its state was asked for; False where that was done less than `pause` microseconds ago."""
    where = (export_job.c.id == id_, export_job.c.polled <= now - pause)
    return connection.execute(update(export_job).where(*where).values(polled=now)).rowcount == 1


def is_any_open(connection: Connection) -> bool:
    """Whether there is a job that is not done: nobody needs to take the turn to write where there is none."""
    return connection.execute(select(export_job.c.id).where(_OPEN).limit(1)).first() is not None


def claim(connection: Connection, owner: str, now: int, most: int) -> Job | None:
    """The oldest job that waits, or whose runner has gone silent, now this owner's; None where `most` already run."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(_CLAIM)))
    alive = and_(export_job.c.state == RUNNING, export_job.c.lease_until >= now)
    running = connection.execute(select(func.count()).select_from(export_job).where(alive)).scalar_one()
    if running >= most:
        return None
    free = or_(
        and_(export_job.c.state == WAITING, func.coalesce(export_job.c.lease_until, 0) < now),
        and_(export_job.c.state == RUNNING, export_job.c.lease_until < now),
    )
    statement = select(export_job).where(free, export_job.c.client != COMMAND)
    row = connection.execute(statement.order_by(export_job.c.created, export_job.c.id).limit(1)).first()
    return None if row is None else _taken(connection, row, owner, now)


def claim_one(connection: Connection, id_: str, owner: str, now: int) -> Job | None:
    """This job, now this owner's; None where it is done, or in somebody's hands."""
    free = func.coalesce(export_job.c.lease_until, 0) < now
    here = (export_job.c.id == id_, _OPEN, free)
    row = connection.execute(select(export_job).where(*here).with_for_update()).first()
    return None if row is None else _taken(connection, row, owner, now)


def _taken(connection: Connection, row: Any, owner: str, now: int) -> Job:
    values = {"state": RUNNING, "lease_owner": owner, "lease_until": now + LEASE, "attempts": row.attempts + 1}
    connection.execute(update(export_job).where(export_job.c.id == row.id).values(**values))
    return _job(row)


def keep(connection: Connection, id_: str, owner: str, now: int, **values: Any) -> None:
    """Stay its owner, and note `values` of the job; `Lost` where it is another's, or gone."""
    mine = (export_job.c.id == id_, export_job.c.lease_owner == owner, export_job.c.state == RUNNING)
    done = connection.execute(update(export_job).where(*mine).values(lease_until=now + LEASE, **values))
    if done.rowcount != 1:
        raise Lost(id_)


def release(connection: Connection, id_: str, owner: str, again: int) -> None:
    """Give it back, to be claimed after the moment `again`."""
    mine = (export_job.c.id == id_, export_job.c.lease_owner == owner, export_job.c.state == RUNNING)
    connection.execute(update(export_job).where(*mine).values(state=WAITING, lease_owner=None, lease_until=again))


def plan(connection: Connection, id_: str, owner: str, now: int, parts: Sequence[Part], total: int) -> None:
    """Write down its parts."""
    keep(connection, id_, owner, now, total=total, attempts=0)
    rows = [(id_, one.number, one.kind, one.type, one.upto, int(one.finished)) for one in parts]
    insert_rows(connection, export_part, _PART_COLUMNS, rows)


def advance(
    connection: Connection, id_: str, owner: str, now: int, part: Part, files: Sequence[File], done: int
) -> None:
    """A part has got as far as it says, and these files are finished."""
    keep(connection, id_, owner, now, done=done, attempts=0)
    rows = [(id_, *(getattr(one, name) for name in _FILE_COLUMNS[1:])) for one in files]
    insert_rows(connection, export_file, _FILE_COLUMNS, rows)
    here = (export_part.c.job == id_, export_part.c.number == part.number)
    connection.execute(update(export_part).where(*here).values(upto=part.upto, finished=int(part.finished)))


def finish(connection: Connection, id_: str, owner: str, now: int, expires: int) -> None:
    keep(connection, id_, owner, now, state=DONE, expires=expires)
    clear_members(connection, id_)


def fail(connection: Connection, id_: str, owner: str, now: int, expires: int, reason: str) -> None:
    keep(connection, id_, owner, now, state=FAILED, expires=expires, reason=reason)


def parts(connection: Connection, id_: str) -> list[Part]:
    statement = select(export_part).where(export_part.c.job == id_).order_by(export_part.c.number)
    rows = connection.execute(statement)
    return [Part(row.number, row.kind, row.type, row.upto, bool(row.finished)) for row in rows]


def files(connection: Connection, id_: str, part: int | None = None) -> list[File]:
    """Its finished files in their order."""
    statement = select(export_file).where(export_file.c.job == id_)
    if part is not None:
        statement = statement.where(export_file.c.part == part)
    rows = connection.execute(statement.order_by(export_file.c.part, export_file.c.number, export_file.c.name))
    return [File(*(getattr(row, name) for name in _FILE_COLUMNS[1:])) for row in rows]


def clear_members(connection: Connection, id_: str) -> None:
    connection.execute(delete(export_member).where(export_member.c.job == id_))


def add_members(connection: Connection, id_: str, targets: Iterable[str]) -> None:
    """Limit it to these patients as well."""
    rows = [{"job": id_, "target": one} for one in sorted(set(targets))]
    if rows:
        connection.execute(inserting(connection)(export_member).on_conflict_do_nothing(), rows)


def remove(connection: Connection, id_: str) -> bool:
    """Forget a job; False where there is none."""
    # Its row first, so that no runner can add to it in between.
    connection.execute(select(export_job.c.id).where(export_job.c.id == id_).with_for_update())
    for table in _TABLES:
        connection.execute(delete(table).where(table.c.job == id_))
    return connection.execute(delete(export_job).where(export_job.c.id == id_)).rowcount == 1


def expired(connection: Connection, now: int) -> list[str]:
    """Those whose time is over."""
    statement = select(export_job.c.id).where(export_job.c.expires.is_not(None), export_job.c.expires <= now)
    return list(connection.execute(statement).scalars())


def _job(row: Any) -> Job:
    return Job(
        row.id,
        row.client,
        row.organisation,
        row.state,
        wishes.read(bytes(row.wanted)),
        row.at,
        row.created,
        row.done,
        row.total,
        row.attempts,
        row.expires,
        row.reason,
    )
