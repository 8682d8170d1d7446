"""What has been given out to whom: a recipient sees a resource up to the version that was disclosed to it.

Where it was given less than the whole resource, it sees just the copy it got, by its id and nowhere else: a search, a
count or a history would tell of what the copy lacks. 703/2023 58 §: what is taken back can no longer be seen.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select

from service.store.raw import Statement
from service.store.records import Stored
from service.store.resources import Key, current
from service.store.tables import disclosure, resource, version
from service.store.upsert import upserting


@dataclass(frozen=True, slots=True)
class Given:
    """A version of a resource that was given out: as `copy` (the JSON that left), or whole where that is None."""

    type: str
    id: str
    version: int
    copy: bytes | None


def disclose(connection: Connection, organisation: str, given: Iterable[Given], now: int) -> None:
    """`organisation` (OID) has been given these; an earlier disclosure of a newer version stays."""
    wanted = {(one.type, one.id): one for one in given}
    known = current(connection, wanted, lock=False)
    if not known:
        return
    rows = [
        {"to": organisation, "of_rid": row.rid, "of_version": given.version, "at": now, "as_copy": given.copy}
        for given, row in ((wanted[key], row) for key, row in known.items())
    ]
    _giving(connection.dialect.name).many(connection, rows)


@functools.cache
def _giving(backend: str) -> Statement:
    row: dict[str, Any] = {
        "organisation": bindparam("to"),
        "rid": bindparam("of_rid"),
        "upto": bindparam("of_version"),
        "since": bindparam("at"),
        "copy": bindparam("as_copy"),
    }
    statement = upserting(backend)(disclosure).values(**row)
    return Statement(
        statement.on_conflict_do_update(
            index_elements=[disclosure.c.organisation, disclosure.c.rid],
            set_={"upto": statement.excluded.upto, "copy": statement.excluded.copy},
            where=disclosure.c.upto <= statement.excluded.upto,
        )
    )


def copy_for(connection: Connection, organisations: Iterable[str], key: Key) -> Stored | None:
    """The copy of `key` that one of `organisations` was given, as the version it was made of; None where there is none.

    What has been deleted since is no longer shown.
    """
    statement = (
        select(version.c.version, version.c.updated, version.c.method, disclosure.c.copy, resource.c.organisation)
        .select_from(disclosure)
        .join(resource, resource.c.rid == disclosure.c.rid)
        .join(version, and_(version.c.rid == disclosure.c.rid, version.c.version == disclosure.c.upto))
        .where(resource.c.type == key[0], resource.c.id == key[1], resource.c.deleted == 0)
        .where(disclosure.c.organisation.in_(sorted(organisations)), disclosure.c.copy.is_not(None))
        .order_by(disclosure.c.upto.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return Stored(*key, row.version, row.updated, row.method, bytes(row.copy), row.organisation)


def withdraw(connection: Connection, organisation: str, keys: Iterable[Key]) -> None:
    """`organisation` no longer sees these resources, in any version."""
    rids = [row.rid for row in current(connection, keys, lock=False).values()]
    gone = (disclosure.c.organisation == organisation, disclosure.c.rid.in_(rids))
    connection.execute(delete(disclosure).where(*gone))
