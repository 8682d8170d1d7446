"""What the compiler knows while it writes a function: variables, values, and the lines written so far."""

from dataclasses import dataclass, field
from typing import Any

from service.mapping.linker import Findings, Linker, Unit
from service.mapping.model import Group, Place
from service.mapping.shapes import TargetModel


@dataclass(frozen=True, slots=True)
class Var:
    """A variable of a map.

    `py` is the Python name of its value. A source primitive may have `sibling` (the `_key` object) and, where its type
    shows only at run time, `rtype`; `pointer` is there in the traced form only. A target is a dict, or a `slot`.
    """

    name: str
    mode: str
    py: str
    type: str | None = None
    slot: bool = False
    rtype: str | None = None
    sibling: str | None = None
    pointer: str | None = None
    sure: bool = True

    @property
    def names(self) -> list[str]:
        """The Python names it takes along into another function."""
        return [one for one in (self.py, self.rtype, self.sibling, self.pointer) if one and one.isidentifier()]


@dataclass(frozen=True, slots=True)
class Value:
    """A Python expression: `form` is `one` (a JSON value or None), or `pairs` (a list of (value, type))."""

    py: str
    type: str | None = None
    form: str = "one"
    sure: bool = False
    rtype: str | None = None
    sibling: str | None = None
    fresh: bool = True
    literal: Any = None


Scope = dict[str, Var]
Signature = tuple[tuple[str, str | None, bool, bool, bool], ...]


@dataclass(eq=False)
class Build:
    """One compilation, with or without tracing."""

    linker: Linker
    model: TargetModel
    findings: Findings
    traced: bool
    globals: dict[str, Any]
    used: set[str] = field(default_factory=set)
    made: dict[tuple[int, str, Signature], str] = field(default_factory=dict)
    todo: list[tuple[str, Unit, Group, list[Var]]] = field(default_factory=list)
    functions: dict[str, "Writer"] = field(default_factory=dict)
    written: set[int] = field(default_factory=set)
    scopes: dict[int, Scope] = field(default_factory=dict)
    late: frozenset[str] = frozenset()
    _count: int = 0
    _constants: dict[Any, str] = field(default_factory=dict)

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, value: Any, stem: str = "K") -> str:
        """The global name under which `value` can be used in the code."""
        key = (type(value), value) if isinstance(value, str | tuple | frozenset) else id(value)
        if key not in self._constants:
            name = self.name(stem)
            self._constants[key] = name
            self.globals[name] = value
        return self._constants[key]


class Writer:
    """Lines of one Python function, with the map place that each came from."""

    def __init__(self, header: str) -> None:
        self.lines = [header]
        self.places: list[Place | None] = [None]
        self.indent = 1
        self.at: Place | None = None
        self._loops: list[int] = []

    def line(self, text: str) -> None:
        self.lines.append(" " * self.indent + text)
        self.places.append(self.at)

    @property
    def loops(self) -> int:
        """How many loops are open where the next line goes."""
        self._loops = [one for one in self._loops if one < self.indent]
        return len(self._loops)

    def open(self, text: str) -> None:
        self.line(text)
        if text.startswith("for "):
            self._loops = [one for one in self._loops if one < self.indent] + [self.indent]
        self.indent += 1
