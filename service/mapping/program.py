"""The Python functions of a linked set of maps: each is written when the maps are checked, or when a run first needs
it, and made when first called.

Python's own compiler takes longer than all the rest, and a document meets only some of the functions.
"""

import builtins
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.mapping.emit import GroupWriter, ensure
from service.mapping.filling import loose
from service.mapping.linker import Findings, Linker, Unit
from service.mapping.model import Group, Rule
from service.mapping.scope import Build, Var
from service.mapping.support import NAMES

_FILE = "<map>"


@dataclass(frozen=True, slots=True)
class Entry:
    """A group that can be run from outside; inputs are (name, mode, resource type of a target or None)."""

    function: str
    inputs: tuple[tuple[str, str, str | None], ...]


class Program:
    """The functions of one form, plain or traced."""

    def __init__(self, linker: Linker, findings: Findings, *, traced: bool) -> None:
        self.linker = linker
        self.traced = traced
        self.names: dict[str, Any] = {**NAMES, "loose": functools.partial(loose, linker.model)}
        self.build = Build(linker, linker.model, findings, traced, self.names, late=_late(linker))
        self._entries: dict[int, Entry] = {}
        self._installed = 0
        self._checked = False
        self._lock = threading.RLock()

    def check(self) -> None:
        """Writes every group, for each kind of call that the maps make, so that every error comes to light."""
        with self._lock:
            if not self._checked:
                self._checked = True
                self._check()

    def _check(self) -> None:
        called = _called(self.linker)
        everything = [(unit, group) for unit in self.linker.units for group in unit.map.groups]
        for unit, group in everything:
            if group.name not in called:
                self.entry(unit, group)
        for unit, group in everything:
            if id(group) not in self.build.written:
                self.entry(unit, group)

    def entry(self, unit: Unit, group: Group) -> Entry:
        """How to run a group from outside, with the types that it declares."""
        unit, group = self.linker.replacements.get(group.name, (unit, group))
        if id(group) not in self._entries:
            with self._lock:
                if id(group) not in self._entries:
                    entry = self._start(unit, group)
                    self._write()
                    self._entries[id(group)] = entry
        return self._entries[id(group)]

    def _start(self, unit: Unit, group: Group) -> Entry:
        args: list[Var] = []
        inputs: list[tuple[str, str, str | None]] = []
        for one in group.inputs:
            type_ = self.linker.type_of(unit, one.type, one.at)
            pointer = "p" if self.traced and one.mode == "source" else None
            args.append(Var(one.name, one.mode, "v", type_, pointer=pointer))
            resource = type_ if one.mode == "target" and type_ and self._is_resource(type_) else None
            inputs.append((one.name, one.mode, resource))
        return Entry(ensure(self.build, unit, group, args), tuple(inputs))

    def _is_resource(self, type_: str) -> bool:
        return self.linker.model.kind(type_) == "resource"

    def _write(self) -> None:
        build = self.build
        while build.todo:
            name, unit, group, args = build.todo.pop(0)
            build.written.add(id(group))
            GroupWriter(build, unit, group).function(name, args)
        for name in list(build.functions)[self._installed :]:
            self.names[name] = self._stub(name)
        self._installed = len(build.functions)

    def _stub(self, name: str) -> Callable[..., Any]:
        def first_call(*args: Any) -> Any:
            return self.make(name)(*args)

        return first_call

    def make(self, name: str) -> Callable[..., Any]:
        """The function `name`, made from its lines; it replaces its stub."""
        text = "\n".join(self.build.functions[name].lines)
        # The text is all ours: what comes from a map stands in it only as quoted constants.
        exec(builtins.compile(text, f"{_FILE}{name}", "exec"), self.names)  # noqa: S102
        made: Callable[..., Any] = self.names[name]
        return made

    def source(self) -> str:
        """All functions as text."""
        return "\n\n".join("\n".join(one.lines) for one in self.build.functions.values())

    def place(self, error: BaseException) -> str | None:
        """The map place of the innermost generated line that led to `error`."""
        found = None
        step = error.__traceback__
        while step is not None:
            file = step.tb_frame.f_code.co_filename
            if file.startswith(_FILE):
                places = self.build.functions[file.removeprefix(_FILE)].places
                found = str(places[step.tb_lineno - 1] or found)
            step = step.tb_next
        return found


def _called(linker: Linker) -> set[str]:
    """The names of all groups that some rule or group calls."""
    found: set[str] = set()
    for unit in linker.units:
        for group in unit.map.groups:
            found.update(call.name for rule in _all(group.rules) for call in rule.calls)
            if group.extends and group.extends != group.name:
                found.add(group.extends)
    return found


def _late(linker: Linker) -> frozenset[str]:
    """The elements into which some rule puts its items last, so that all others must stay before them."""
    rules = [rule for unit in linker.units for group in unit.map.groups for rule in _all(group.rules)]
    targets = [target for rule in rules for target in rule.targets if target.path]
    return frozenset(target.path[-1] for target in targets if "last" in target.list_modes)


def _all(rules: tuple[Rule, ...]) -> list[Rule]:
    """The rules and all rules within them."""
    return [one for rule in rules for one in (rule, *_all(rule.rules))]
