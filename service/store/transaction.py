"""A Bundle of type `transaction`: all of it or nothing, in the order that FHIR gives, references resolved.

https://hl7.org/fhir/R4/http.html#transaction
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from service.issues import Issue, issue
from service.store import reading, reconcile, writing
from service.store.entries import Entry, read_entries
from service.store.errors import StoreError
from service.store.query import Query, parse
from service.store.reading import HistoryPage
from service.store.records import Change, Stored, Written
from service.store.resources import Key, apply, current, prepare
from service.store.rewrite import rewritten
from service.store.search import Found, matching, search
from service.store.writing import Writing

Patch = Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]
"""(current resource, patch as it stands in the entry) → patched and validated resource; raises `StoreError`."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one entry: a write, or what a GET found. `issues` are of an entry of a batch that failed."""

    method: str
    written: Written | None = None
    found: Stored | Found | HistoryPage | None = None
    issues: tuple[Issue, ...] = ()


@dataclass(slots=True)
class _Step:
    """An entry on its way: the resource it concerns, once that is known."""

    entry: Entry
    query: Query | None
    key: Key | None = None
    done: Written | None = None


def run(tx: Writing, bundle: Mapping[str, Any], patch: Patch | None = None) -> list[Result]:
    """The results in the order of the entries. `StoreError`: nothing of it was done, and where the reason lies."""
    entries = read_entries(bundle, tx.parameters.base_urls)
    steps = [_Step(one, _query(tx, one)) for one in entries]
    _refuse_same_conditions(steps)
    guards = [writing.guard_key(one.query) for one in steps if one.query is not None and one.entry.method != "GET"]
    with writing.guarded(tx.connection, guards):
        for step in steps:
            if step.entry.method == "DELETE":
                _locate(tx, step)
        _refuse_twice(steps)
        _delete(tx, [one for one in steps if one.entry.method == "DELETE" and one.key is not None])
        for step in steps:
            if step.entry.method in ("POST", "PUT", "PATCH"):
                _locate(tx, step)
        _refuse_twice(steps)
        _write(tx, [one for one in steps if one.entry.method in ("POST", "PUT", "PATCH")], patch)
    return [_result(tx, one) for one in steps]


def _query(tx: Writing, entry: Entry) -> Query | None:
    text = entry.if_none_exist if entry.method == "POST" else entry.query
    if not text or entry.method == "GET":
        return None
    with entry.at_fault("/request"):
        return writing.condition(tx, entry.type, parse_qsl(text.lstrip("?"), keep_blank_values=True))


def _refuse_same_conditions(steps: Iterable[_Step]) -> None:
    """Two conditional entries with the same criteria mean one resource, whether it exists yet or not."""
    seen: set[bytes] = set()
    for step in steps:
        if step.query is not None:
            key = writing.guard_key(step.query)
            if key in seen:
                raise _same(step, f"{step.entry.type}?{writing.shown(step.query.used)}")
            seen.add(key)


def _refuse_twice(steps: Iterable[_Step]) -> None:
    seen: set[Key] = set()
    for step in steps:
        if step.key is not None:
            if step.key in seen:
                raise _same(step, "/".join(step.key))
            seen.add(step.key)


def _same(step: _Step, reference: str) -> StoreError:
    return StoreError(issue("store.same-identity", pointer=f"{step.entry.pointer}/request", reference=reference))


def _locate(tx: Writing, step: _Step) -> None:
    """Find out which resource the entry concerns."""
    entry = step.entry
    with entry.at_fault("/request"):
        if step.query is None:
            step.key = (entry.type, entry.id or tx.new_id())
            return
        found = writing.match(tx, step.query)
        if entry.method == "POST" and found is not None:
            step.key = (entry.type, found)
            step.done = Written("unchanged", reading.read(tx.connection, entry.type, found, tx.who))
        elif entry.method == "PUT":
            step.key = (entry.type, writing.target_of_update(found, entry.resource or {}) or tx.new_id())
        elif entry.method == "POST":
            step.key = (entry.type, tx.new_id())
        elif found is not None:
            step.key = (entry.type, found)
        elif entry.method == "PATCH":
            raise StoreError(issue("store.not-found", type=entry.type))
        else:
            step.done = Written("absent", None)


def _delete(tx: Writing, steps: Sequence[_Step]) -> None:
    known = current(tx.connection, [one.key for one in steps if one.key])
    changes = []
    for step in steps:
        key = step.key or ("", "")
        with step.entry.at_fault("/request"):
            if writing.check(tx, key, known, if_match=step.entry.if_match) is None:
                step.done = writing.absent(tx, key[0])
                continue
        changes.append(prepare(Change(*key, "DELETE", None), tx.parameters))
    _apply(tx, steps, changes, known)


def _write(tx: Writing, steps: Sequence[_Step], patch: Patch | None) -> None:
    links = {one.entry.full_url: "/".join(one.key) for one in steps if one.entry.full_url and one.key}
    links = {url: target for url, target in links.items() if url != target}
    due = [one for one in steps if one.done is None]
    known = current(tx.connection, [one.key for one in due if one.key])
    missing: list[Issue] = []
    changes = []
    for step in due:
        entry, key = step.entry, step.key or ("", "")
        given = {"if_match": entry.if_match, "if_none_match": entry.if_none_match}
        content = _content(tx, step, key, patch)

        def unresolved(link: str, pointer: str) -> None:
            missing.append(issue("store.reference-unresolved", pointer=pointer, reference=link))

        content = rewritten(content, links, _resolver(tx), unresolved, f"{entry.pointer}/resource")
        writing.check_id(key[1], {})
        with entry.at_fault("/request"):
            step.done = writing.answered(tx, key, content, known, **given)
            if step.done is not None:
                continue
            before = writing.check(tx, key, known, **given)
            if before is None and entry.method == "PUT" and key[1] in (entry.id, (entry.resource or {}).get("id")):
                writing.check_name(tx, key, known)
        changes.append(prepare(Change(*key, entry.method, {**content, "id": key[1]}), tx.parameters))
    if missing:
        raise StoreError.of(missing)
    _apply(tx, [one for one in due if one.done is None], changes, known)


def _content(tx: Writing, step: _Step, key: Key, patch: Patch | None) -> Mapping[str, Any]:
    entry = step.entry
    if entry.method != "PATCH":
        if entry.method == "PUT":
            with entry.at_fault("/resource/id"):
                writing.check_id(key[1], entry.resource or {})
        return entry.resource or {}
    with entry.at_fault("/request"):
        before = reading.read(tx.connection, *key, tx.who)
        if before is None or before.deleted:
            raise StoreError(issue("store.not-found", type=key[0]))
        if patch is None:
            raise StoreError(issue("store.entry-method", method="PATCH"))
    with entry.at_fault("/resource"):
        return patch(before.resource(), entry.resource or {})


def _resolver(tx: Writing) -> Callable[[str, str], str]:
    def resolve(text: str, pointer: str) -> str:
        type_name, _, criteria = text.partition("?")
        query = parse(tx.parameters, type_name, parse_qsl(criteria), now=tx.moment, expand=tx.expand)
        shown = f"{type_name}?{writing.shown(query.used)}"
        found = [] if query.ignored or not query.criteria else matching(tx.connection, query, tx.who)
        if len(found) != 1:
            raise StoreError(
                issue("store.reference-condition", pointer=pointer, reference=shown, count=len(found) or "no")
            )
        return f"{type_name}/{found[0][0]}"

    return resolve


def _apply(tx: Writing, steps: Sequence[_Step], changes: Sequence[Any], known: Mapping[Key, Any]) -> None:
    results = apply(tx.connection, changes, known, tx.author, tx.now)
    reconcile.settle(tx.connection, results, tx.now)
    for step in steps:
        if step.key in results and step.done is None:
            step.done = writing.settled(tx.connection, step.key, results[step.key])


def _result(tx: Writing, step: _Step) -> Result:
    entry = step.entry
    if entry.method not in ("GET", "HEAD"):
        return Result(entry.method, step.done)
    with entry.at_fault("/request"):
        return Result(entry.method, found=_get(tx, entry))


def _get(tx: Writing, entry: Entry) -> Stored | Found | HistoryPage:
    pairs = parse_qsl(entry.query, keep_blank_values=True)
    if entry.history and entry.version is None:
        return reading.history(tx.connection, tx.who, type_name=entry.type or None, id_=entry.id)
    if entry.id is None:
        query = parse(tx.parameters, entry.type, pairs, now=tx.moment, expand=tx.expand)
        page = next((value for name, value in pairs if name == "_page"), None)
        return search(tx.connection, tx.parameters, query, tx.who, page)
    if entry.version is not None:
        found = reading.vread(tx.connection, entry.type, entry.id, entry.version, tx.who)
    else:
        found = reading.read(tx.connection, entry.type, entry.id, tx.who)
    if found is None or found.deleted:
        raise StoreError(issue("store.not-found" if found is None else "store.deleted", type=entry.type))
    return found
