"""What has outlived its time, and its destruction: client by client, each in one transaction, logged.

Nothing goes that still has a ground: a time that is not over or not known, a hold, another record that refers to it, a
delivery under way. 703/2023 annex.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import Connection, select

from service.export.retention import End, Facts, Rules, end
from service.export.snapshot import Cut, chunks, take, types
from service.export.surroundings import Surroundings, gather
from service.store import Store
from service.store.audit import Detail, Event, record
from service.store.destroying import Destroyed, destroy, holding, lock
from service.store.tables import resource, version

CLIENT = "retention"
MOST = 1000
"""Records that go in one transaction."""


@dataclass
class Found:
    """What a look at the record gave: how many records of each class are in which state, and what may go.

    A state is `kept` (the time runs), `unknown: <why>`, `hold`, `over`, or `ground: <why>` where it is over and
    something else still needs the record. `due` holds, for each family of records that go together, their numbers.
    """

    states: dict[str, Counter[str]] = field(default_factory=dict)
    due: list[list[int]] = field(default_factory=list)

    def count(self, class_: str, state: str, many: int = 1) -> None:
        self.states.setdefault(class_, Counter())[state] += many


def look(store: Store, rules: Rules, facts: Facts, today: date, told: Callable[[str, int], None]) -> Found:
    """Every record with its state today. Memory grows only with what is over."""
    found = Found()
    over: dict[int, tuple[str, str]] = {}
    at = take(store)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "surroundings.sqlite"
        gather(store.database, at, file)
        around = Surroundings(file)
        try:
            for name in types(store):
                for rid, patients, ended in _ends(store, name, at, rules, facts, around):
                    state = _state(ended, patients, facts, today)
                    if state == "over":
                        over[rid] = (rules.of(name).key, patients[0] if patients else "")
                    else:
                        found.count(rules.of(name).key, state)
                told(name, 0)
        finally:
            around.close()
    with store.database.read() as connection:
        held = holding(connection, list(over))
    for rid, (class_, _) in over.items():
        found.count(class_, f"ground: {held[rid]}" if rid in held else "over")
    found.due = list(_families({rid: one for rid, one in over.items() if rid not in held}))
    return found


def _ends(
    store: Store, name: str, at: int, rules: Rules, facts: Facts, around: Surroundings
) -> Iterator[tuple[int, list[str], End]]:
    class_ = rules.of(name)
    for rid, id_, body in _bodies(store, name, at):
        patients = around.about(name, id_, body)
        own = msgspec.json.decode(body) if class_.start in ("recorded", "end") else None
        yield rid, patients, end(class_, patients, facts, around.died, own)


def _bodies(store: Store, name: str, at: int) -> Iterator[tuple[int, str, bytes]]:
    """Every record of a type with its content; of a deleted one, whose versions are still there, the last it had."""
    for rows in chunks(store.database, name, Cut(at)):
        yield from ((row[0], row[1], bytes(row[5])) for row in rows)
    for rows in chunks(store.database, name, Cut(at), deleted=True):
        with store.database.read() as connection:
            for rid, id_, number, *_ in rows:
                before = (version.c.rid == rid, version.c.version == number - 1)
                body = connection.execute(select(version.c.body).where(*before)).scalar_one_or_none()
                yield rid, id_, bytes(body or b"")


def _state(ended: End, patients: list[str], facts: Facts, today: date) -> str:
    if ended.day is None:
        return f"unknown: {ended.why}"
    if ended.day > today:
        return "kept"
    return "hold" if any(facts.hold(one) for one in patients) else "over"


def _families(over: dict[int, tuple[str, str]]) -> Iterator[list[int]]:
    """What goes together: the records of clients, one client after the other, some clients at once."""
    some: list[int] = []
    for rid in sorted(over, key=lambda one: (over[one][1], one)):
        if len(some) >= MOST and over[rid][1] != over[some[-1]][1]:
            yield some
            some = []
        some.append(rid)
    if some:
        yield some


def apply(store: Store, found: Found, rules: Rules, user: str, now: datetime) -> tuple[Destroyed, int]:
    """Destroy what is due, and log it; the second value is how many have got a ground meanwhile, and stay."""
    total = Destroyed(0, 0, 0)
    stayed = 0
    for rids in found.due:
        done, held = store.database.write(partial(_one, rids=rids, rules=rules, user=user, now=now))
        stayed += held
        total = Destroyed(
            total.resources + done.resources, total.versions + done.versions, total.documents + done.documents
        )
    return total, stayed


def _one(connection: Connection, rids: list[int], rules: Rules, user: str, now: datetime) -> tuple[Destroyed, int]:
    lock(connection, rids)
    held = holding(connection, rids)
    going = [rid for rid in rids if rid not in held]
    if not going:
        return Destroyed(0, 0, 0), len(held)
    rows = [
        row
        for start in range(0, len(going), 400)
        for row in connection.execute(
            select(resource.c.type, resource.c.id, resource.c.organisation)
            .where(resource.c.rid.in_(going[start : start + 400]))
            .order_by(resource.c.rid)
        )
    ]
    done = destroy(connection, going)
    for organisation in sorted({row.organisation for row in rows}):
        names = [(row.type, f"{row.type}/{row.id}") for row in rows if row.organisation == organisation]
        classes = Counter(rules.of(type_name).key for type_name, _ in names)
        detail = Detail(
            interaction="destroy",
            entities=tuple(name for type_name, name in names if type_name != "Patient"),
            patients=tuple(name for type_name, name in names if type_name == "Patient"),
            user=user,
            description=", ".join(f"{key} {count}" for key, count in sorted(classes.items())),
            provider=organisation,
            basis="; ".join(rules.classes[key].source for key in sorted(classes) if key in rules.classes),
        )
        record(connection, [Event(CLIENT, organisation, "D", "0", detail)], now)
    return done, len(held)
