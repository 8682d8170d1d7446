"""Compiles maps to Python functions at start-up, and runs them.

https://hl7.org/fhir/R4/mapping-language.html
Order of keys in a target: `resourceType` first, then as the rules create them; the same on every run. The source is
never changed. New ids come from an injected factory and the time from a parameter: nothing here is random.
"""

import datetime
import functools
import uuid as uuids
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.path import PathError
from service.issues import Issue, has_errors, issue
from service.mapping.linker import Findings, Linker, Unit, near
from service.mapping.model import Group, Map
from service.mapping.program import Entry, Program
from service.mapping.runtime import MapFailure, Run
from service.mapping.shapes import Layers, TargetModel
from service.mapping.trace import Trace, traced

_NAMESPACE = uuids.UUID("7b1e0f2c-5f7e-5a43-8a53-2d0e6f5b9c11")


def counted_uuids(seed: str = "") -> Callable[[], str]:
    """A factory of UUIDs (version 5) that gives the same sequence for the same seed every time."""
    numbers = iter(range(1 << 62))
    return lambda: str(uuids.uuid5(_NAMESPACE, f"{seed}#{next(numbers)}"))


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives: `target` (None after an error), findings, what was logged as (map place, text).

    `targets` holds every target of the group by its name; `target` is the first of them.
    """

    target: Any
    issues: tuple[Issue, ...]
    log: tuple[tuple[str, str], ...] = ()
    targets: Mapping[str, Any] = field(default_factory=dict)


class Compiled:
    """Compiled maps."""

    def __init__(self, linker: Linker, program: Program) -> None:
        self.maps = tuple(unit.map for unit in linker.units)
        self._linker = linker
        self._program = program

    @functools.cached_property
    def fields_used(self) -> frozenset[str]:
        """The elements of logical models that rules read (`YhdessaMeeting.start`)."""
        self._program.check()
        return frozenset(one.removeprefix("@") for one in self._program.build.used if one.startswith("@"))

    def check(self) -> list[Issue]:
        """What is wrong with the maps, for those that were compiled unchecked."""
        self._program.check()
        return list(self._linker.findings.issues)

    @functools.cached_property
    def _traced(self) -> Program:
        return Program(self._linker, Findings(), traced=True)

    @property
    def source(self) -> str:
        """The generated Python, for people."""
        self._program.check()
        return self._program.source()

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups, those of the first map first."""
        return tuple(dict.fromkeys(group.name for one in self.maps for group in one.groups))

    def has(self, group: str) -> bool:
        """Whether there is a group of that name (or `map url#group`)."""
        return self._find(group) is not None

    def warm(self) -> None:
        """Makes every function now instead of when it is first called."""
        self._program.check()
        for name in self._program.build.functions:
            self._program.make(name)

    def run(
        self,
        source: Any,
        *,
        group: str | None = None,
        uuid: Callable[[], str] | None = None,
        now: datetime.datetime | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Result:
        """Runs a group (default: the first of the first map; `map url#group` names one of another map) on `source`.

        `uuid` gives ids to `uuid()`; without it they are counted. `now` is what `now()` and `dateOp()` go by.
        `variables` are `%name` in FHIRPath, and the further sources of a group that has several.
        """
        given: list[str] = []
        make = uuid or counted_uuids()

        def recorded() -> str:
            given.append(make())
            return given[-1]

        run = Run(recorded, now, variables or {})
        result = self._run(self._program, source, group, run)
        if not result.issues:
            return result
        # The fast form keeps no source pointers; the traced one finds them, with the same ids.
        again = iter(given)
        return self._run(self._traced, source, group, Run(lambda: next(again, None) or make(), now, variables or {}))

    def run_traced(
        self,
        source: Any,
        *,
        group: str | None = None,
        uuid: Callable[[], str] | None = None,
        now: datetime.datetime | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> tuple[Result, Trace]:
        """The same, slower, with where every target element came from."""
        run = Run(uuid or counted_uuids(), now, variables or {})
        result = self._run(self._traced, source, group, run)
        return result, traced(result.targets, run)

    def _find(self, group: str | None) -> tuple[Unit, Group] | None:
        return self._by_name.get(group)

    @functools.cached_property
    def _by_name(self) -> Mapping[str | None, tuple[Unit, Group]]:
        """Every group by its name and by `map url#group`, the first of all by None; of several, the first is meant."""
        found: dict[str | None, tuple[Unit, Group]] = {}
        for unit in self._linker.units:
            for one in unit.map.groups:
                for name in (None, one.name, f"#{one.name}", f"{unit.map.url}#{one.name}"):
                    found.setdefault(name, (unit, one))
        return found

    def _run(self, program: Program, source: Any, group: str | None, run: Run) -> Result:
        found = self._find(group)
        if found is None:
            hint = near(group or "", self.groups)
            return Result(None, (issue("fml.unknown-group", name=group, hint=hint),))
        targets: dict[str, Any] = {}
        entry = program.entry(*found)
        if has_errors(program.build.findings.issues):
            return Result(None, tuple(program.build.findings.issues))
        failure = _call(program, entry, source, run, targets)
        if failure is not None:
            return Result(None, (*run.issues, failure), tuple(run.log))
        return Result(next(iter(targets.values()), None), tuple(run.issues), tuple(run.log), targets)


def _call(program: Program, entry: Entry, source: Any, run: Run, targets: dict[str, Any]) -> Issue | None:
    arguments: list[Any] = []
    sources = 0
    for name, mode, resource in entry.inputs:
        if mode == "target":
            targets[name] = {"resourceType": resource} if resource else {}
            arguments.append(targets[name])
            continue
        sources += 1
        arguments.append(source if sources == 1 else run.variables.get(name))
        if program.traced:
            arguments.append("" if sources == 1 else None)
    try:
        program.names[entry.function](run, *arguments)
    except MapFailure as failure:
        return failure.issue
    except PathError as error:
        return issue("fml.fhirpath-run", where=program.place(error), reason=error.issue.text())
    except RecursionError:
        return issue("fml.too-deep-run")
    except (AttributeError, TypeError, KeyError, IndexError, ValueError, ArithmeticError) as error:
        return issue("fml.shape", where=program.place(error), reason=type(error).__name__)
    return None


def compile_maps(
    maps: Iterable[Map],
    models: Iterable[TargetModel] = (),
    conceptmaps: Iterable[Mapping[str, Any]] = (),
    *,
    layer: Callable[[Map], int] = lambda _: 0,
    check: bool = True,
) -> tuple[Compiled | None, list[Issue]]:
    """The maps, linked and compiled, and what is wrong with them; None where there is an error.

    The first group of the first map is where a run starts by default. `models` say what types look like (of several,
    the first that knows a type); without any, targets take the shape that the rules give them. A group in a map of a
    higher `layer` replaces the groups of the same name in lower ones. Without `check` only the maps' heads are looked
    at, which takes a fraction of the time: a wrong rule is then found by the first run that needs its group.
    """
    given = tuple(maps)
    if not given:
        return None, [issue("fml.no-map")]
    findings = Findings()
    linker = Linker(given, Layers(models), list(conceptmaps), findings, layer)
    program = Program(linker, findings, traced=False)
    try:
        if check:
            program.check()
    except RecursionError:
        return None, [*findings.issues, issue("fml.too-deep-run", where=given[0].file)]
    if has_errors(findings.issues):
        return None, findings.issues
    return Compiled(linker, program), findings.issues
