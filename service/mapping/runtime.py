"""What compiled maps call while they run: the state of a run, list modes, failures.

Everything works on plain JSON values; the source is never changed, what is copied from it is copied deeply. See
`walking` for reading the source, `filling` for the target and `choosing` for choice elements.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.json import escape
from service.issues import Issue, issue


class MapFailure(Exception):
    """The transformation cannot go on; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


@dataclass(slots=True)
class Run:
    """The state of one run: what is injected, and what is noted."""

    uuid: Callable[[], str]
    now: datetime.datetime | None
    variables: Mapping[str, Any]
    issues: list[Issue] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    ends: dict[tuple[int, str], tuple[list[Any], str, int]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[Any, ...]] = field(default_factory=list)
    reads: set[str | None] = field(default_factory=set)

    def fail(self, key: str, where: str, pointer: str | None, **params: Any) -> None:
        """Ends the run."""
        raise MapFailure(issue(key, where=where, pointer=pointer, **params))

    def warn(self, key: str, where: str, pointer: str | None, **params: Any) -> None:
        self.issues.append(issue(key, where=where, pointer=pointer, **params))

    def first(self, parent: dict[str, Any], key: str, value: Any, rule: str) -> int:
        """Puts `value` before all that other rules made; returns its index."""
        items = parent.setdefault(key, [])
        at = self._end(items, "first", rule, key)
        items.insert(at, value)
        return at

    def last(self, parent: dict[str, Any], key: str, value: Any, rule: str) -> int:
        """Puts `value` after all that other rules make, also later."""
        items = parent.setdefault(key, [])
        self._end(items, "last", rule, key)
        items.append(value)
        return len(items) - 1

    def between(self, parent: dict[str, Any], key: str, value: Any) -> int:
        """Puts `value` at the end, but before what a rule with `last` made."""
        items = parent.setdefault(key, [])
        known = self.ends.get((id(items), "last"))
        at = len(items) - known[2] if known else len(items)
        items.insert(at, value)
        return at

    def _end(self, items: list[Any], end: str, rule: str, key: str) -> int:
        # The list is kept with its id, so that no other list can get the same one.
        _, owner, count = self.ends.get((id(items), end), (items, rule, 0))
        if owner != rule:
            self.fail("fml.two-ends", rule, None, mode=end, name=key, other=owner)
        self.ends[id(items), end] = (items, rule, count + 1)
        return count


def single(run: Run, where: str, pointer: str | None, found: list[tuple[Any, str | None]]) -> tuple[Any, str | None]:
    """The one value of an expression for an element that does not repeat."""
    if len(found) > 1:
        run.fail("fml.several-values", where, pointer, count=len(found))
    return found[0] if found else (None, None)


def once(run: Run, name: str, evaluate: Callable[[Run], list[Any]]) -> list[Any]:
    """The value of a constant, evaluated when it is first asked for."""
    if name not in run.constants:
        run.constants[name] = evaluate(run)
    found: list[Any] = run.constants[name]
    return found


def cardinality(
    run: Run, where: str, pointer: str | None, rows: list[Any], least: int, most: int | None, name: str
) -> None:
    """Ends the run where an element has too few or too many values."""
    if len(rows) < least or (most is not None and len(rows) > most):
        limits = f"{least}..{'*' if most is None else most}"
        run.fail("fml.cardinality", where, pointer, name=name, count=len(rows), limits=limits)


def only_one(run: Run, where: str, pointer: str | None, rows: list[Any], name: str) -> None:
    """Ends the run where an element has more than one value."""
    if len(rows) > 1:
        run.fail("fml.cardinality", where, pointer, name=name, count=len(rows), limits="0..1")


def note_log(run: Run, where: str, found: list[tuple[Any, str | None]]) -> None:
    """Keeps what a rule logs; nothing where the expression gives nothing."""
    if found:
        run.log.append((where, ", ".join(str(value) for value, _ in found)))


def point(base: str | None, *steps: str | int | None) -> str | None:
    """The JSON pointer of what lies below `base`; None where that has none."""
    if base is None:
        return None
    return base + "".join(f"/{escape(str(step))}" for step in steps if step is not None and step != "")
