"""Create, update and delete, plain and conditional; each is told who asks and checks what may be changed.

https://hl7.org/fhir/R4/http.html#update, https://hl7.org/fhir/R4/http.html#cond-update
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, delete

from service.issues import issue
from service.store import reading, reconcile
from service.store.errors import StoreError
from service.store.parameters import Parameters
from service.store.query import Pair, Query, parse
from service.store.records import ID, Author, Change, Stored, Written
from service.store.resources import Current, Key, apply, current, prepare
from service.store.search import matching
from service.store.tables import guard
from service.store.terms import Expand
from service.store.upsert import inserting
from service.store.values import micros
from service.store.visibility import EVERYTHING, Visibility, prefix

_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"|([1-9][0-9]{0,8})')


class Answers(Protocol):
    """What becomes of a write by somebody who was only given a copy of what it is about."""

    def take(self, tx: "Writing", key: Key, content: Mapping[str, Any], before: Current | None) -> Written | None:
        """Keep `content`, sent for the resource `key`, as an answer; None where it is none."""


@dataclass(frozen=True, slots=True)
class Writing:
    """One write transaction: where it happens, who writes, what they see, when it is (microseconds)."""

    connection: Connection
    parameters: Parameters
    author: Author
    who: Visibility
    moment: datetime
    expand: Expand
    new_id: Callable[[], str]
    answers: Answers | None = None

    @property
    def now(self) -> int:
        return micros(self.moment) // 1000 * 1000


def create(tx: Writing, content: Mapping[str, Any], if_none_exist: Sequence[Pair] | None = None) -> Written:
    """A new resource under a new id; with `if_none_exist`, the one that fits these criteria where there is one."""
    type_name = content["resourceType"]
    if if_none_exist is None:
        return _created(tx, type_name, "POST", content)
    query = condition(tx, type_name, if_none_exist)
    with guarded(tx.connection, [guard_key(query)]):
        found = match(tx, query)
        if found is not None:
            return Written("unchanged", reading.read(tx.connection, type_name, found, tx.who))
        return _created(tx, type_name, "POST", content)


def update(
    tx: Writing,
    type_name: str,
    id_: str,
    content: Mapping[str, Any],
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
    method: str = "PUT",
) -> Written:
    """The resource with that id becomes `content`; where there was none it is created."""
    check_id(id_, content)
    key = (type_name, id_)
    known = current(tx.connection, [key])
    done = answered(tx, key, content, known, if_match=if_match, if_none_match=if_none_match)
    if done is not None:
        return done
    if check(tx, key, known, if_match=if_match, if_none_match=if_none_match) is None:
        check_name(tx, key, known)
    return _written(tx, Change(type_name, id_, method, content), known)


def remove(tx: Writing, type_name: str, id_: str, *, if_match: str | None = None) -> Written:
    """Delete; what is not there, or no longer, is `absent`."""
    known = current(tx.connection, [(type_name, id_)])
    if check(tx, (type_name, id_), known, if_match=if_match) is None:
        return absent(tx, type_name)
    return _written(tx, Change(type_name, id_, "DELETE", None), known)


def update_where(
    tx: Writing, type_name: str, pairs: Sequence[Pair], content: Mapping[str, Any], *, if_match: str | None = None
) -> Written:
    """Conditional update: the one that fits, or a new one (under its own id, where it has one)."""
    query = condition(tx, type_name, pairs)
    with guarded(tx.connection, [guard_key(query)]):
        id_ = target_of_update(match(tx, query), content)
        if id_ is None:
            return _created(tx, type_name, "PUT", content)
        return update(tx, type_name, id_, {**content, "id": id_}, if_match=if_match)


def remove_where(tx: Writing, type_name: str, pairs: Sequence[Pair], *, if_match: str | None = None) -> Written:
    """Conditional delete of the one that fits."""
    query = condition(tx, type_name, pairs)
    with guarded(tx.connection, [guard_key(query)]):
        found = match(tx, query)
        return Written("absent", None) if found is None else remove(tx, type_name, found, if_match=if_match)


def target_of_update(found: str | None, content: Mapping[str, Any]) -> str | None:
    """Which id a conditional update writes to: of what was found, of the content, or none yet."""
    own = content.get("id")
    if found is not None:
        if own not in (None, found):
            raise StoreError(issue("store.id-mismatch", id=found))
        return found
    return own if isinstance(own, str) else None


def condition(tx: Writing, type_name: str, pairs: Iterable[Pair]) -> Query:
    """The criteria of a conditional call; every one of them must be understood (`StoreError` otherwise)."""
    given = list(pairs)
    query = parse(tx.parameters, type_name, given, now=tx.moment, expand=tx.expand)
    if query.ignored or not query.criteria:
        raise StoreError(issue("store.condition", condition=shown(given)), *query.ignored)
    return query


def match(tx: Writing, query: Query) -> str | None:
    """The id of the only resource that fits; None where none does, `StoreError` where several do."""
    found = matching(tx.connection, query, tx.who)
    if len(found) > 1:
        raise StoreError(issue("store.multiple", condition=shown(query.used)))
    return found[0][0] if found else None


def shown(pairs: Iterable[Pair]) -> str:
    """Criteria as they may be shown: values can be about a person, names cannot."""
    return "&".join(f"{name}=…" for name, _ in pairs)


def guard_key(query: Query) -> bytes:
    """The same for the same criteria on a type, in whatever order."""
    text = "\n".join([query.type, *sorted(f"{name}={value}" for name, value in query.used)])
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


@contextmanager
def guarded(connection: Connection, keys: Iterable[bytes]) -> Iterator[None]:
    """Whoever asks with the same keys waits until this transaction has ended, and then sees what it did."""
    held = sorted(set(keys))
    make = inserting(connection)
    for key in held:
        own = make(guard).values(key=key)
        connection.execute(own.on_conflict_do_update(index_elements=[guard.c.key], set_={"key": own.excluded.key}))
    yield
    if held:
        connection.execute(delete(guard).where(guard.c.key.in_(held)))


def check_id(id_: str, content: Mapping[str, Any]) -> None:
    if ID.fullmatch(id_) is None:
        raise StoreError(issue("store.id", id=id_))
    if content.get("id", id_) != id_:
        raise StoreError(issue("store.id-mismatch", id=id_))


def answered(
    tx: Writing,
    key: Key,
    content: Mapping[str, Any],
    known: Mapping[Key, Current],
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Written | None:
    """What became of a write that is an answer about what belongs to another organisation; None where it is none."""
    if tx.answers is None or tx.who.scope != "recipient":
        return None
    done = tx.answers.take(tx, key, content, known.get(key))
    if done is not None:
        # After it: that its sender may know of the resource is certain only now. What is refused is undone as a whole.
        _check_version(key, known.get(key), if_match, if_none_match)
    return done


def check(
    tx: Writing,
    key: Key,
    known: Mapping[Key, Current],
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Current | None:
    """The resource `key`, where the caller may change it and it is the version they think it is.

    None where there is none; one that they may not know of is none, in all that follows.
    """
    before = known.get(key)
    if before is not None and not tx.who.owns(before.organisation):
        if reading.read(tx.connection, *key, tx.who) is not None:
            raise StoreError(issue("store.forbidden", type=key[0]))
        before = None
    _check_version(key, before, if_match, if_none_match)
    return before


def check_name(tx: Writing, key: Key, known: Mapping[Key, Current]) -> None:
    """Refuse an id that the caller may not choose for something new, whether it is taken or not."""
    if key in known or not tx.who.may_name(key[1]):
        begins = prefix(tx.who.organisations[0] if tx.who.organisations else "")
        raise StoreError(issue("store.id-not-own", type=key[0], prefix=begins))


def absent(tx: Writing, type_name: str) -> Written:
    """The answer where there is nothing to delete. Only who sees everything can be told that it is gone."""
    if tx.who.scope == "everything":
        return Written("absent", None)
    raise StoreError(issue("store.not-found", type=type_name))


def _check_version(key: Key, before: Current | None, if_match: str | None, if_none_match: str | None) -> None:
    if if_match is not None:
        given = _ETAG.fullmatch(if_match.strip())
        if given is None:
            raise StoreError(issue("store.etag", given=if_match))
        if before is None or before.deleted or before.version != int(given[1] or given[2]):
            raise StoreError(issue("store.version-conflict", given=if_match))
    if if_none_match is not None and if_none_match.strip() == "*" and before is not None and not before.deleted:
        raise StoreError(issue("store.exists", type=key[0]))


def _created(tx: Writing, type_name: str, method: str, content: Mapping[str, Any]) -> Written:
    key = (type_name, tx.new_id())
    return answered(tx, key, content, {}) or _written(tx, Change(*key, method, content), {})


def _written(tx: Writing, change: Change, known: Mapping[Key, Current]) -> Written:
    done = apply(tx.connection, [prepare(change, tx.parameters)], known, tx.author, tx.now)
    reconcile.settle(tx.connection, done, tx.now)
    return settled(tx.connection, change.key, done[change.key])


def settled(connection: Connection, key: Key, done: Written) -> Written:
    """`done`, with what is stored also where nothing had to be written."""
    if done.status != "unchanged":
        return done

    stored: Stored | None = reading.read(connection, *key, EVERYTHING)
    return Written("unchanged", stored)
