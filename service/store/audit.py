"""The use log: rows that only follow each other, each sealed with a hash over itself and all before it.

703/2023 10 §, https://hl7.org/fhir/R4/auditevent.html
"""

import hashlib
import secrets
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from service.fhir.json import canonical
from service.issues import Issue, issue
from service.store.bulk import insert_all
from service.store.engine import Database
from service.store.raw import Statement
from service.store.tables import audit, audit_entity, audit_head
from service.store.values import micros

_COLUMNS = ("seq", "id", "recorded", "client", "organisation", "action", "outcome", "detail", "hash")
_BATCH = 2000
# How long, in seconds, those who are expected to record something are waited for.
_GATHERING = 0.004
_LAST = Statement(select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == 1).with_for_update())
_MOVE = Statement(
    update(audit_head).where(audit_head.c.id == 1).values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
)


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a row tells beside its columns; see `Event`."""

    interaction: str
    entities: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    user: str = ""
    user_name: str = ""
    address: str = ""
    request: str = ""
    description: str = ""
    provider: str = ""
    recipient: str = ""
    purpose: str = ""
    basis: str = ""
    keys: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    confirmed: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One use of the record, or one attempt.

    `interaction` is a code of http://hl7.org/fhir/restful-interaction or the name of an operation; `action` one of
    C R U D E; `outcome` 0 (success), 4, 8 or 12. In `detail`: `entities` and `patients` as relative references, `user`
    the worker behind the client where it is known, `provider` and `recipient` organisations (OIDs; of the first there
    can be several, between spaces), `basis` the provision or permission relied on, `keys` those of the issues in the
    answer.
    """

    client: str
    organisation: str
    action: str
    outcome: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is kept; `recorded` in microseconds."""

    seq: int
    id: str
    recorded: int
    client: str
    organisation: str
    action: str
    outcome: str
    detail: bytes
    hash: bytes

    def event(self) -> Event:
        found = msgspec.json.decode(self.detail, type=Detail)
        return Event(self.client, self.organisation, self.action, self.outcome, found)


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the trail was found whole; `head` is the hash of its last row, to be kept somewhere else."""

    rows: int
    head: str
    issues: tuple[Issue, ...]


def new_id(at: int) -> str:
    """A random id that begins with the moment `at` (microseconds), so that new ones stand together in their index.

    https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
    """
    chance = secrets.randbits(74)
    return str(uuid.UUID(int=at // 1000 << 80 | 7 << 76 | chance >> 62 << 64 | 2 << 62 | chance & (1 << 62) - 1))


def record(
    connection: Connection, events: Sequence[Event], now: datetime, ids: Callable[[int], str] = new_id
) -> list[str]:
    """Write the events in the transaction that is open, and give their ids.

    Everybody who records waits from here until this transaction has ended: call it last.
    """
    if not events:
        return []
    seq, last = _LAST(connection)[0]
    at = micros(now)
    rows: list[tuple[Any, ...]] = []
    named: set[tuple[str, int]] = set()
    for event in events:
        seq += 1
        detail = msgspec.json.encode(event.detail)
        content = (seq, ids(at), at, event.client, event.organisation, event.action, event.outcome)
        last = _seal(last, content, detail)
        rows.append((*content, detail, last))
        named.update((one, seq) for one in (*event.detail.entities, *event.detail.patients))
    insert_all(connection, [(audit, _COLUMNS, rows), (audit_entity, ("reference", "seq"), sorted(named))])
    _MOVE(connection, to_seq=seq, to_hash=last)
    return [row[1] for row in rows]


def sealed(before: bytes, row: Row) -> bytes:
    """The hash of a row that comes after one with the hash `before`."""
    content = (row.seq, row.id, row.recorded, row.client, row.organisation, row.action, row.outcome)
    return _seal(before, content, row.detail)


def _seal(before: bytes, content: tuple[Any, ...], detail: bytes) -> bytes:
    return hashlib.sha256(before + canonical(content) + detail).digest()


def verify(connection: Connection) -> Verified:
    """Walk the whole trail. The first row that does not follow from the one before it is an issue."""
    last, count = b"", 0
    while True:
        some = rows_after(connection, count, _BATCH)
        for row in some:
            if row.seq != count + 1 or sealed(last, row) != row.hash:
                return Verified(count, last.hex(), (issue("store.audit-broken", seq=count + 1),))
            last, count = row.hash, row.seq
        if len(some) < _BATCH:
            break
    head = connection.execute(select(audit_head).where(audit_head.c.id == 1)).one_or_none()
    if head is None or head.seq != count or bytes(head.hash) != last:
        return Verified(count, last.hex(), (issue("store.audit-broken", seq=count + 1),))
    return Verified(count, last.hex(), ())


def rows_after(connection: Connection, seq: int, count: int) -> list[Row]:
    """Up to `count` rows that come after `seq`, in order."""
    statement = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(count)
    return [_row(one) for one in connection.execute(statement)]


def find(
    connection: Connection,
    *,
    id_: str | None = None,
    organisation: str | None = None,
    reference: str | None = None,
    since: int | None = None,
    until: int | None = None,
    before: int | None = None,
    count: int = 50,
) -> list[Row]:
    """Rows, newest first: of one id, of a client's organisation, about a resource; `before` a row for the next page."""
    statement = select(audit)
    if reference is not None:
        statement = statement.join(audit_entity, audit_entity.c.seq == audit.c.seq)
        statement = statement.where(audit_entity.c.reference == reference)
    equal = {"id": id_, "organisation": organisation}
    statement = statement.where(*(audit.c[name] == value for name, value in equal.items() if value is not None))
    if since is not None:
        statement = statement.where(audit.c.recorded >= since)
    if until is not None:
        statement = statement.where(audit.c.recorded <= until)
    if before is not None:
        statement = statement.where(audit.c.seq < before)
    return [_row(one) for one in connection.execute(statement.order_by(audit.c.seq.desc()).limit(count))]


def _row(one: Any) -> Row:
    values = {name: getattr(one, name) for name in _COLUMNS}
    return Row(**{**values, "detail": bytes(one.detail), "hash": bytes(one.hash)})


class Recorder:
    """Writes events from many threads in few transactions: who comes first writes for all that come meanwhile.

    Where several came together the last time, as many are waited for, a little. `record` returns when its event is
    safely kept.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._add = threading.Lock()
        self._turn = threading.Lock()
        self._open: _Batch | None = None
        self._together = 1

    def record(self, event: Event) -> str:
        """The id of the event, which stands in the trail."""
        with self._add:
            is_first = self._open is None
            batch = self._open = self._open or _Batch()
            place = len(batch.events)
            batch.events.append(event)
            if place + 1 >= self._together and batch.full.locked():
                batch.full.release()
        if is_first:
            self._keep(batch)
        else:
            with batch.done:
                pass
        if batch.error is not None:
            raise batch.error
        return batch.ids[place]

    def _keep(self, batch: "_Batch") -> None:
        """Write a batch when the one before it is written; those that wait for it hear what became of it."""
        try:
            with self._turn:
                try:
                    batch.full.acquire(timeout=_GATHERING)
                finally:
                    with self._add:
                        self._open = None
                        self._together = len(batch.events)
                now = self._clock()
                batch.ids = self._database.write(lambda connection: record(connection, batch.events, now))
        except BaseException as error:
            batch.error = error
            raise
        finally:
            batch.done.release()


class _Batch:
    """Events that are written together, then their ids or why they have none.

    `full` is held until as many have come as are expected, `done` until they are written.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ids: list[str] = []
        self.error: BaseException | None = None
        # An event of the library is a lock, a condition and a list of those who wait: too much for each single entry.
        self.full = threading.Lock()
        self.done = threading.Lock()
        self.full.acquire()
        self.done.acquire()
