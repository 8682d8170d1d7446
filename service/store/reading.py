"""Read one resource, one version of it, or a history: of an instance, of a type, of everything.

https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/R4/http.html#history
"""

import functools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from service.store.disclosures import copy_for
from service.store.paging import History, decode_history, encode_history
from service.store.raw import Statement
from service.store.records import ID, Stored
from service.store.resources import NOW, SHOWN, stored_of
from service.store.tables import resource, version
from service.store.visibility import Visibility, visible


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Versions, newest first; `next` is the token of the page after this one; `total` only of one instance."""

    entries: tuple[Stored, ...]
    total: int | None
    next: str | None


def read(connection: Connection, type_name: str, id_: str, who: Visibility) -> Stored | None:
    """The current version, deleted or not, or the copy that `who` was given; None where they may see neither."""
    if ID.fullmatch(id_) is None:
        return None
    rows = _reading(who)(connection, of_type=type_name, of_id=id_)
    if rows:
        return Stored(*rows[0])
    return copy_for(connection, who.organisations, (type_name, id_)) if who.scope == "recipient" else None


@functools.lru_cache(256)
def _reading(who: Visibility) -> Statement:
    """The statement of a read; there are as many as callers, and it is the busiest of all."""
    wanted = (resource.c.type == bindparam("of_type"), resource.c.id == bindparam("of_id"), visible(who, resource))
    return Statement(select(*SHOWN).select_from(NOW).where(*wanted))


def vread(connection: Connection, type_name: str, id_: str, number: int, who: Visibility) -> Stored | None:
    """One version; None where there is none that `who` may see."""
    if ID.fullmatch(id_) is None:
        return None
    seen = and_(resource.c.type == type_name, resource.c.id == id_, version.c.version == number)
    row = connection.execute(_versions().where(seen, visible(who, resource, version.c.version))).one_or_none()
    return None if row is None else stored_of(row)


def history(
    connection: Connection,
    who: Visibility,
    *,
    type_name: str | None = None,
    id_: str | None = None,
    since: int | None = None,
    at: tuple[int, int] | None = None,
    count: int = 50,
    page: str | None = None,
) -> HistoryPage:
    """A page of versions. `since` and `at` (first and last) are microseconds; a page stays right while data change.

    Raises `StoreError` where `page` is no token of ours.
    """
    position = decode_history(page) if page else None
    if id_ is not None and ID.fullmatch(id_) is None:
        return HistoryPage((), 0, None)
    conditions = _wanted(type_name, id_, since, at)
    if position is None:
        position = History(connection.execute(select(func.coalesce(func.max(version.c.seq), 0))).scalar_one(), None)
    conditions.append(version.c.seq <= position.snapshot)
    conditions.append(visible(who, resource, version.c.version))
    # Only of one instance: that of a type or of everything would take the longer the more there is.
    counted = select(func.count()).select_from(_JOINED).where(*conditions)
    total = None if id_ is None else connection.execute(counted).scalar_one()
    after = [] if position.after is None else [version.c.seq < position.after]
    statement = _versions(version.c.seq).where(*conditions, *after).order_by(version.c.seq.desc()).limit(count + 1)
    rows = connection.execute(statement).all()
    more = len(rows) > count
    token = encode_history(History(position.snapshot, rows[count - 1].seq)) if more and count else None
    return HistoryPage(tuple(stored_of(row) for row in rows[:count]), total, token)


_JOINED = version.join(resource, resource.c.rid == version.c.rid)


def _versions(*further: ColumnElement[Any]) -> Select[Any]:
    return select(*SHOWN, *further).select_from(_JOINED)


def _wanted(
    type_name: str | None, id_: str | None, since: int | None, at: tuple[int, int] | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if type_name is not None:
        found.append(version.c.type == type_name)
    if id_ is not None:
        found += [resource.c.type == type_name, resource.c.id == id_]
    if since is not None:
        found.append(version.c.updated >= since)
    if at is not None:
        # Current at some time within: it began before the end and nothing replaced it before the start.
        later = version.alias()
        replaced = (
            select(later.c.rid)
            .where(later.c.rid == version.c.rid, later.c.version == version.c.version + 1, later.c.updated <= at[0])
            .exists()
        )
        found += [version.c.updated <= at[1], ~replaced]
    return found
