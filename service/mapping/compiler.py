"""Compiles maps to Python functions at start-up, and runs them.

https://hl7.org/fhir/R4/mapping-language.html
Order of keys in a target: `resourceType` first, then as the rules create them; the same on every run. The source is
never changed. New ids come from an injected factory and the time from a parameter: nothing here is random.
"""

import builtins
import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.path import PathError
from service.issues import Issue, has_errors, issue
from service.mapping.emit import GroupWriter, ensure
from service.mapping.linker import Findings, Linker, Unit
from service.mapping.model import Group, Map, Rule
from service.mapping.runtime import MapFailure, Run
from service.mapping.scope import Build, Var
from service.mapping.shapes import Layers, TargetModel
from service.mapping.support import NAMES
from service.mapping.trace import Trace, traced

_NAMESPACE = "7b1e0f2c-5f7e-5a43-8a53-2d0e6f5b9c11"


def counted_uuids(seed: str = "") -> Callable[[], str]:
    """A factory of UUIDs (version 5) that gives the same sequence for the same seed every time."""
    import uuid

    numbers = iter(range(1 << 62))
    space = uuid.UUID(_NAMESPACE)
    return lambda: str(uuid.uuid5(space, f"{seed}#{next(numbers)}"))


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives: `target` (None after an error), findings, what was logged as (map place, text).

    `targets` holds every target of the group by its name; `target` is the first of them.
    """

    target: Any
    issues: tuple[Issue, ...]
    log: tuple[tuple[str, str], ...] = ()
    targets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A group that can be run from outside."""

    function: str
    inputs: tuple[tuple[str, str, str | None], ...]


@dataclass(eq=False)
class Program:
    """The functions of one form (plain or traced), and where each line comes from."""

    entries: dict[tuple[str, str], Entry]
    names: dict[str, Any]
    places: list[Any]
    source: str


class Compiled:
    """Compiled maps; `fields_used` are the source elements that rules read (`SharedPlan.family.children`)."""

    def __init__(
        self, maps: tuple[Map, ...], program: Program, fields_used: frozenset[str], trace: Callable[[], Program]
    ):
        self.maps = maps
        self.fields_used = fields_used
        self._program = program
        self._make_traced = trace
        self._traced: Program | None = None

    @property
    def source(self) -> str:
        """The generated Python, for people."""
        return self._program.source

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups, those of the first map first."""
        return tuple(dict.fromkeys(name for _, name in self._program.entries))

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
        return self._run(self._program, source, group, uuid, now, variables)[0]

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
        if self._traced is None:
            self._traced = self._make_traced()
        result, run = self._run(self._traced, source, group, uuid, now, variables, final=True)
        return result, traced(source, result.targets, run)

    def _run(
        self,
        program: Program,
        source: Any,
        group: str | None,
        uuid: Callable[[], str] | None,
        now: datetime.datetime | None,
        variables: Mapping[str, Any] | None,
        final: bool = False,
    ) -> tuple[Result, Run]:
        entry = self._entry(program, group)
        given: list[str] = []
        make = uuid or counted_uuids()

        def recorded() -> str:
            given.append(make())
            return given[-1]

        run = Run(recorded if not final else make, now, variables or {})
        if entry is None:
            return Result(None, (issue("fml.unknown-group", name=group, hint="-"),)), run
        targets: dict[str, Any] = {}
        failure = self._call(program, entry, source, run, targets)
        if failure is not None:
            run.issues.append(failure)
        if run.issues and not final:
            # The fast form keeps no pointers; the traced one finds them, with the same ids.
            if self._traced is None:
                self._traced = self._make_traced()
            again = iter(given)
            replay = lambda: next(again, None) or make()  # noqa: E731
            return self._run(self._traced, source, group, replay, now, variables, final=True)
        if failure is not None:
            return Result(None, tuple(run.issues), tuple(run.log)), run
        first = next(iter(targets.values()), None)
        return Result(first, tuple(run.issues), tuple(run.log), targets), run

    def _entry(self, program: Program, group: str | None) -> Entry | None:
        if group is None:
            return next(iter(program.entries.values()))
        url, mark, name = group.rpartition("#")
        if mark:
            return program.entries.get((url, name))
        return next((entry for (_, one), entry in program.entries.items() if one == group), None)

    def _call(self, program: Program, entry: Entry, source: Any, run: Run, targets: dict[str, Any]) -> Issue | None:
        arguments: list[Any] = []
        sources = 0
        for name, mode, resource in entry.inputs:
            if mode == "target":
                targets[name] = {"resourceType": resource} if resource else {}
                arguments.append(targets[name])
                continue
            sources += 1
            arguments.append(source if sources == 1 else run.variables.get(name))
            if program.entries is not self._program.entries:
                arguments.append("" if sources == 1 else None)
        try:
            program.names[entry.function](run, *arguments)
        except MapFailure as failure:
            return failure.issue
        except PathError as error:
            return issue("fml.fhirpath-run", where=_place(program, error), reason=error.issue.text())
        except RecursionError:
            return issue("fml.too-deep-run", where=None)
        except (AttributeError, TypeError, KeyError, IndexError, ValueError, ArithmeticError) as error:
            return issue("fml.shape", where=_place(program, error), reason=type(error).__name__)
        return None


def _place(program: Program, error: BaseException) -> str | None:
    """The map place of the innermost generated line that led to `error`."""
    found = None
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<map>" and 0 < frame.tb_lineno <= len(program.places):
            found = str(program.places[frame.tb_lineno - 1][1])
        frame = frame.tb_next
    return found


def compile_maps(
    maps: Iterable[Map], models: Iterable[TargetModel] = (), conceptmaps: Iterable[Mapping[str, Any]] = ()
) -> tuple[Compiled | None, list[Issue]]:
    """The maps, linked and compiled, and what is wrong with them; None where there is an error.

    The first group of the first map is where a run starts by default. `models` say what types look like (of several,
    the first that knows a type); without any, targets take the shape that the rules give them.
    """
    given = tuple(maps)
    findings = Findings()
    linker = Linker(given, Layers(models), list(conceptmaps), findings)
    if not given:
        return None, [issue("fml.no-map")]
    try:
        program, used = _program(linker, findings, traced=False)
    except RecursionError:
        return None, [*findings.issues, issue("fml.too-deep-run", where=given[0].file)]
    if program is None or has_errors(findings.issues):
        return None, findings.issues

    def again() -> Program:
        made, _ = _program(linker, Findings(), traced=True)
        assert made is not None
        return made

    fields = frozenset(one.removeprefix("@") for one in used if one.startswith("@"))
    return Compiled(given, program, fields, again), findings.issues


def _program(linker: Linker, findings: Findings, *, traced: bool) -> tuple[Program | None, set[str]]:
    names: dict[str, Any] = dict(NAMES)
    build = Build(linker, linker.model, findings, traced, names, late=_late(linker))
    entries: dict[tuple[str, str], Entry] = {}
    for unit in linker.units:
        for group in unit.map.groups:
            entry = _start(build, unit, group)
            entries.setdefault((unit.map.url, group.name), entry)
        _write_all(build)
    if has_errors(findings.issues):
        return None, set()
    text = "\n".join(build.functions)
    exec(builtins.compile(text, "<map>", "exec"), names)  # noqa: S102 - the text is all our own; map text is only quoted
    return Program(entries, names, build.places, text), build.used


def _start(build: Build, unit: Unit, group: Group) -> Entry:
    """Has the function made that runs a group from outside, with the types that it declares."""
    args: list[Var] = []
    inputs: list[tuple[str, str, str | None]] = []
    for one in group.inputs:
        type_ = build.linker.type_of(unit, one.type, one.at)
        pointer = "p" if build.traced and one.mode == "source" else None
        args.append(Var(one.name, one.mode, "v", type_, pointer=pointer))
        resource = type_ if one.mode == "target" and type_ and build.model.kind(type_) == "resource" else None
        inputs.append((one.name, one.mode, resource))
    return Entry(ensure(build, unit, group, args), tuple(inputs))


def _write_all(build: Build) -> None:
    while build.todo:
        name, unit, group, args = build.todo.pop(0)
        GroupWriter(build, unit, group).function(name, args)


def _late(linker: Linker) -> frozenset[str]:
    """The elements into which some rule puts its items last, so that all others must stay before them."""
    found: set[str] = set()

    def visit(rules: tuple[Rule, ...]) -> None:
        for rule in rules:
            found.update(target.path[-1] for target in rule.targets if "last" in target.list_modes and target.path)
            visit(rule.rules)

    for unit in linker.units:
        for group in unit.map.groups:
            visit(group.rules)
    return frozenset(found)
