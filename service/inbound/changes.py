"""What is different between two states of a source document, told so that it can be found again in a third.

Rows of a list are named by what identifies them, not by their place, since rows come and go between versions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.fhir.json import canonical, escape

MISSING: Any = object()
# What identifies a row, in this order; a reference to a person identifies a participant.
_NAMES = ("id", "person", "organisation", "child", "linkId")


@dataclass(frozen=True, slots=True)
class Change:
    """`path`: names of members and, for rows, `("id", "m1")`; `was` and `now` JSON values, `MISSING` where none.

    A row that was added has the list's path and `is_row`.
    """

    path: tuple[Any, ...]
    was: Any
    now: Any
    is_row: bool = False


def changes(before: Any, after: Any) -> list[Change]:
    """The smallest changes that make `after` of `before`, in document order."""
    return list(_compare(before, after, ()))


def _compare(before: Any, after: Any, path: tuple[Any, ...]) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in (*before, *(one for one in after if one not in before)):
            yield from _compare(before.get(name, MISSING), after.get(name, MISSING), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _rows(before, after, path)
    elif isinstance(after, list) and before is MISSING:
        yield from _rows([], after, path)
    elif not same(before, after):
        yield Change(path, before, after)


def _rows(before: Sequence[Any], after: Sequence[Any], path: tuple[Any, ...]) -> Iterator[Change]:
    names = [_name(one) for one in before]
    if None not in names and len(set(names)) == len(names):
        known = dict(zip(names, before, strict=True))
        for row in after:
            name = _name(row)
            if name in known:
                yield from _compare(known[name], row, (*path, name))
            else:
                yield Change(path, MISSING, row, is_row=True)
    else:
        yield from (
            Change(path, MISSING, row, is_row=True) for row in after if not any(same(row, one) for one in before)
        )


def _name(row: Any) -> tuple[str, str] | None:
    if not isinstance(row, dict):
        return None
    return next(((name, str(row[name])) for name in _NAMES if isinstance(row.get(name), str)), None)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; numbers by their value."""
    if one is MISSING or other is MISSING:
        return one is other
    return canonical(one) == canonical(other)


def find(document: Any, path: Sequence[Any]) -> tuple[str, Any]:
    """The JSON Pointer of a path, and its value; where it leads nowhere `MISSING`, and as far as it goes."""
    at, pointer = document, ""
    for number, step in enumerate(path):
        if isinstance(step, str):
            pointer += f"/{escape(step)}"
            at = at.get(step, MISSING) if isinstance(at, dict) else MISSING
        else:
            index = _index(at, step)
            if index is None:
                return pointer, MISSING
            pointer, at = f"{pointer}/{index}", at[index]
        if at is MISSING:
            rest = path[number + 1 :]
            return pointer + "".join(f"/{escape(one)}" for one in rest if isinstance(one, str)), MISSING
    return pointer, at


def _index(rows: Any, name: tuple[str, str]) -> int | None:
    if not isinstance(rows, list):
        return None
    return next((index for index, row in enumerate(rows) if _name(row) == tuple(name)), None)


def applied(document: Any, change: Change) -> Any:
    """`document` with the change; nothing of what was given is altered. Where the path leads nowhere, as it was."""
    return _apply(document, change.path, change)


def _apply(at: Any, path: Sequence[Any], change: Change) -> Any:
    if not path:
        if change.is_row:
            return [*(at if isinstance(at, list) else []), change.now]
        return change.now
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if not isinstance(at, dict):
            return at
        made = _apply(at.get(step, MISSING), rest, change)
        if made is MISSING:
            return {name: value for name, value in at.items() if name != step}
        return {**at, step: made}
    index = _index(at, step)
    if index is None:
        return at
    return [_apply(row, rest, change) if number == index else row for number, row in enumerate(at)]


def packed(change: Change) -> dict[str, Any]:
    """As JSON, to be kept."""
    values = {"was": change.was, "now": change.now}
    return {
        "path": list(change.path),
        **{name: value for name, value in values.items() if value is not MISSING},
        **({"row": True} if change.is_row else {}),
    }


def unpacked(kept: Mapping[str, Any]) -> Change:
    """The change that `packed` has made JSON of."""
    path = tuple(step if isinstance(step, str) else tuple(step) for step in kept["path"])
    return Change(path, kept.get("was", MISSING), kept.get("now", MISSING), bool(kept.get("row")))
