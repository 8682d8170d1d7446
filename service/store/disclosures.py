"""What has been given out to whom: a recipient sees a resource up to the version that was disclosed to it.

703/2023 58 §: what is taken back can no longer be seen.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete

from service.store.resources import Key, current
from service.store.tables import disclosure
from service.store.upsert import inserting


def disclose(connection: Connection, organisation: str, versions: Iterable[tuple[str, str, int]], now: int) -> None:
    """`organisation` (OID) has been given these (type, id, version); an earlier, newer disclosure stays."""
    wanted = {(type_name, id_): version for type_name, id_, version in versions}
    known = current(connection, wanted, lock=False)
    if not known:
        return
    make = inserting(connection)
    statement = make(disclosure)
    newer = statement.on_conflict_do_update(
        index_elements=[disclosure.c.organisation, disclosure.c.rid],
        set_={"upto": statement.excluded.upto},
        where=disclosure.c.upto < statement.excluded.upto,
    )
    rows = [
        {"organisation": organisation, "rid": row.rid, "upto": wanted[key], "since": now} for key, row in known.items()
    ]
    connection.execute(newer, rows)


def withdraw(connection: Connection, organisation: str, keys: Iterable[Key]) -> None:
    """`organisation` no longer sees these resources, in any version."""
    rids = [row.rid for row in current(connection, keys, lock=False).values()]
    gone = (disclosure.c.organisation == organisation, disclosure.c.rid.in_(rids))
    connection.execute(delete(disclosure).where(*gone))
