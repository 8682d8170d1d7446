"""Where every element of a target came from: map line, rule, group and source pointers; and what nothing used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir.json import escape
from service.mapping.runtime import Run
from service.mapping.support import below


@dataclass(frozen=True, slots=True)
class Step:
    """One target element: `target` and `sources` are JSON pointers, `where` is `file:line:column` in the map."""

    target: str
    where: str
    rule: str
    group: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps of one run in the order of the rules, and the source pointers that were read (`…/**`: all below)."""

    entries: tuple[Step, ...]
    reads: frozenset[str]

    def explain(self, target_pointer: str) -> tuple[Step, ...]:
        """The steps that made an element: its own, else those of the nearest element around it."""
        pointer = target_pointer
        while True:
            found = tuple(step for step in self.entries if step.target == pointer)
            if found or not pointer:
                return found
            pointer = pointer.rpartition("/")[0]

    def unused(self, source: Any) -> list[str]:
        """The pointers of the values of `source` that no rule read, in document order."""
        return [pointer for pointer in below(source) if not self._read(pointer)]

    def _read(self, pointer: str) -> bool:
        if pointer in self.reads or f"{pointer}/**" in self.reads:
            return True
        around = pointer
        while around:
            around = around.rpartition("/")[0]
            if f"{around}/**" in self.reads:
                return True
        return False


def traced(targets: Mapping[str, Any], run: Run) -> Trace:
    """The trace of a run; of several targets, the pointers of all but the first begin with their name."""
    places: dict[int, str] = {}
    for index, (name, target) in enumerate(targets.items()):
        _walk(target, "" if index == 0 else f"/{escape(name)}", places)
    steps = []
    for parent, key, value, rule, sources in run.notes:
        base = places.get(id(parent))
        if base is None:
            continue
        where, name, group = rule
        steps.append(Step(base + _within(parent, key, value), where, name, group, tuple(dict.fromkeys(sources))))
    return Trace(tuple(steps), frozenset(one for one in run.reads if one is not None))


def _walk(value: Any, pointer: str, places: dict[int, str]) -> None:
    if type(value) is dict:
        places[id(value)] = pointer
        for key, child in value.items():
            _walk(child, f"{pointer}/{escape(key)}", places)
    elif type(value) is list:
        for index, child in enumerate(value):
            _walk(child, f"{pointer}/{index}", places)


def _within(parent: dict[str, Any], key: str | None, value: Any) -> str:
    """The pointer from an object to a value that was put under one of its keys."""
    if key is None:
        return ""
    items = parent.get(key)
    if type(items) is not list or value is items:
        return f"/{escape(key)}"
    for index in range(len(items) - 1, -1, -1):
        if items[index] is value:
            return f"/{escape(key)}/{index}"
    for index in range(len(items) - 1, -1, -1):
        if items[index] == value:
            return f"/{escape(key)}/{index}"
    return f"/{escape(key)}"
