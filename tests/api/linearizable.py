"""Is what many clients have seen of some resources possible for a record in which one thing happens after the other?

Each resource is a register whose versions the service numbers, so the order of its writes is known and nothing has to
be searched for: it is enough that every answer fits the history, and the history fits the clock (Herlihy and Wing 1990,
https://doi.org/10.1145/78969.78972; versions make the check linear but for the windows).
"""

import bisect
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["read", "write", "delete"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call on the resource `key`, from `start` to `end` (seconds; infinite where no answer came).

    `value` is what a write has sent or a read has shown, different for every write. `match` is the version in its
    If-Match, `fresh` an If-None-Match of `*`; `version` the one in the answer; `status` 0 where no answer came; `whole`
    names the transaction that it was part of.
    """

    client: int
    kind: Kind
    key: str
    start: float
    end: float
    status: int
    value: str | None = None
    version: int | None = None
    match: int | None = None
    fresh: bool = False
    whole: str = ""


@dataclass(slots=True)
class _Register:
    """One resource: what its versions were (`None`: deleted), and when each can have been written at the earliest."""

    values: Sequence[str | None]
    begun: list[float] = field(default_factory=list)
    # Ends of calls in order, and the highest version that was certainly there by each.
    ends: list[float] = field(default_factory=list)
    highest: list[int] = field(default_factory=list)

    def at(self, version: int) -> str | None:
        return self.values[version - 1] if version else None

    def window(self, call: Call) -> range:
        """The versions that can have been current at some moment of the call."""
        place = bisect.bisect_left(self.ends, call.start)
        low = self.highest[place - 1] if place else 0
        high = low
        while high < len(self.values) and self.begun[high] < call.end:
            high += 1
        return range(low, high + 1)


def problems(calls: Iterable[Call], histories: Mapping[str, Sequence[tuple[int, str | None]]]) -> list[str]:
    """What cannot have happened, as sentences; `histories` has for each resource its versions (number, value) as the
    service tells them in the end."""
    every = list(calls)
    found: list[str] = []
    for key, history in histories.items():
        numbers = [number for number, _ in history]
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"{key}: the history has gaps: {numbers}")
            continue
        found += _of_one(key, [value for _, value in history], [one for one in every if one.key == key])
    return found + _halves(every, histories)


def _of_one(key: str, values: Sequence[str | None], calls: Sequence[Call]) -> list[str]:
    register = _Register(values, [math.inf] * len(values))
    found = [f"{key}: {one} is written {count} times" for one, count in Counter(values).items() if one and count > 1]
    done = [one for one in calls if one.kind != "read" and one.version is not None and one.status < 400]
    found += [f"{key}: no such version: {one}" for one in calls if (one.version or 0) > len(values)]
    if found:
        return found
    for one in done:
        if register.at(one.version or 0) != (one.value if one.kind == "write" else None):
            found.append(f"{key}: an acknowledged write is lost: {one}")
        register.begun[(one.version or 1) - 1] = min(register.begun[(one.version or 1) - 1], one.start)
    found += _unanswered(register, calls, {one.version for one in done})
    found += _conditions(register, done)
    _order(register, calls)
    return found + [text for one in calls if (text := _misfit(register, one))]


def _unanswered(register: _Register, calls: Sequence[Call], known: set[int | None]) -> list[str]:
    """Each version that nobody was told of must come from a call without an answer."""
    found = []
    lost = [one for one in calls if one.kind != "read" and not one.status]
    for version, value in enumerate(register.values, 1):
        if version in known:
            continue
        wanted = "delete" if value is None else "write"
        fits = [one for one in lost if one.kind == wanted and one.value == value and one.match in (None, version - 1)]
        if not fits:
            found.append(f"version {version} ({value}) was written by nobody")
        else:
            register.begun[version - 1] = min(one.start for one in fits)
    return found


def _conditions(register: _Register, done: Iterable[Call]) -> list[str]:
    """A write with If-Match comes right after what it named, one with If-None-Match after nothing."""
    found = []
    for one in done:
        before = (one.version or 1) - 1
        if one.match is not None and one.match != before:
            found.append(f"an update is lost: {one} did not follow {one.match}")
        if one.fresh and before and register.at(before) is not None:
            found.append(f"{one} went over what was there")
    return found


def _order(register: _Register, calls: Iterable[Call]) -> None:
    """Note when which version was certainly there."""
    highest = 0
    for one in sorted((one for one in calls if one.version is not None), key=lambda one: one.end):
        highest = max(highest, one.version or 0)
        register.ends.append(one.end)
        register.highest.append(highest)


def _misfit(register: _Register, one: Call) -> str:
    """Why an answer cannot have been given; empty where it can."""
    window = register.window(one)
    if one.status == 0:
        return ""
    if one.version is not None and one.status != 412:
        if one.kind == "read" and register.at(one.version) != one.value:
            return f"{one} shows what was never there"
        # A write is the moment its version begins; so it must come after everything that was there before.
        low = window.start + (one.kind != "read")
        return "" if low <= one.version < window.stop else f"{one} is out of order: {low} to {window.stop - 1} could be"
    return "" if any(_possible(register, one, version) for version in window) else f"{one} cannot be, in {window}"


def _possible(register: _Register, one: Call, version: int) -> bool:
    """Whether a call that changed nothing can have been answered so at that version."""
    there = register.at(version) is not None
    match one.status:
        case 404:
            return version == 0
        case 412 if one.fresh:
            return there
        case 412:
            return version != one.match or not there
        case 204:
            return not there
        case _:
            return False


def _halves(calls: Iterable[Call], histories: Mapping[str, Sequence[tuple[int, str | None]]]) -> list[str]:
    """Transactions of which a part was done."""
    parts: dict[str, list[bool]] = {}
    for one in calls:
        if one.whole:
            parts.setdefault(one.whole, []).append(any(value == one.value for _, value in histories[one.key]))
    return [f"the transaction {name} was done in part" for name, done in parts.items() if len(set(done)) > 1]
