"""A source document with what came back about it: what can be taken over, what is there already, what contradicts.

Nothing is decided here. `merged` is the document with every change that nobody contradicts; where two organisations,
or an organisation and a newer version of the document, want different things, all of them stand side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.fhir.json import canonical, parse
from service.inbound.changes import MISSING, Change, applied, find, same, unpacked
from service.store.answers import Bearing
from service.store.values import instant

Json = dict[str, Any]


@dataclass(slots=True)
class _Wish:
    """One change of one answer, and what becomes of it."""

    bearing: Bearing
    change: Change
    state: str = "new"


def returned(document: Any, bearings: Sequence[Bearing]) -> Json:
    """`returned`: the answers in the order they came, each change with its `state`; `merged`; `conflicts` (pointers).

    States: `new` (stands in `merged`), `taken` (the document has it), `superseded` (its sender has said more since),
    `conflict` (others, or the document since, say otherwise), `gone` (what it speaks of is no longer there).
    """
    wishes = [_Wish(one, unpacked(row)) for one in bearings for row in parse(one.changes)]
    _settle(document, wishes)
    merged = document
    for wish in wishes:
        if wish.state == "new":
            merged = applied(merged, wish.change)
    pointers = [find(document, wish.change.path)[0] for wish in wishes if wish.state == "conflict"]
    return {
        "returned": [_answer(one, document, [wish for wish in wishes if wish.bearing is one]) for one in bearings],
        "conflicts": list(dict.fromkeys(pointers)),
        "merged": merged,
    }


def _settle(document: Any, wishes: Sequence[_Wish]) -> None:
    latest: dict[tuple[Any, str], _Wish] = {}
    for wish in wishes:
        key = (_subject(wish.change), wish.bearing.answer.sender)
        if key in latest and not same(latest[key].change.now, wish.change.now):
            latest[key].state = "superseded"
        latest[key] = wish
    for wish in wishes:
        if wish.state == "new":
            wish.state = _state(document, wish.change)
    by_subject: dict[Any, list[_Wish]] = {}
    for wish in wishes:
        if wish.state in ("new", "conflict"):
            by_subject.setdefault(_subject(wish.change), []).append(wish)
    for group in by_subject.values():
        if len({_json(one.change.now) for one in group}) > 1:
            for one in group:
                one.state = "conflict"


def _subject(change: Change) -> Any:
    """What a change is about; of rows that are added each is its own."""
    return (change.path, _json(change.now) if change.is_row else b"")


def _state(document: Any, change: Change) -> str:
    _, value = find(document, change.path)
    if change.is_row:
        if isinstance(value, list) and any(same(change.now, row) for row in value):
            return "taken"
        return "gone" if value is MISSING and find(document, change.path[:-1])[1] is MISSING else "new"
    if same(value, change.now):
        return "taken"
    if value is MISSING and find(document, change.path[:-1])[1] is MISSING:
        return "gone"
    return "new" if same(value, change.was) else "conflict"


def _answer(one: Bearing, document: Any, wishes: Iterable[_Wish]) -> Json:
    message = parse(one.answer.message)
    made = {
        "id": one.answer.id,
        "from": one.answer.sender,
        "received": instant(one.answer.received),
        "type": one.answer.type,
        "about": one.answer.about,
        "documentVersion": one.version,
    }
    if one.answer.resource:
        made["resource"] = one.answer.resource
    if message:
        made["message"] = message
    return made | {"changes": [_change(wish, document) for wish in wishes]}


def _change(wish: _Wish, document: Any) -> Mapping[str, Any]:
    change = wish.change
    pointer, value = find(document, change.path)
    # As in JSON Patch (RFC 6902), `-` is the place after the last row.
    told: Json = {"pointer": f"{pointer}/-" if change.is_row else pointer, "state": wish.state}
    values = {"was": change.was, "now": change.now}
    if wish.state == "conflict" and not change.is_row:
        values["current"] = value
    return told | {name: one for name, one in values.items() if one is not MISSING}


def _json(value: Any) -> bytes:
    return b"" if value is MISSING else canonical(value)
