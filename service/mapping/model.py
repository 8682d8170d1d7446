"""The parts of a map as frozen values: what the parser makes, the compiler reads and a StructureMap resource holds.

https://hl7.org/fhir/R4/structuremap.html, https://hl7.org/fhir/R4/mapping-language.html
Places (`at`) and comments take no part in comparisons: two maps are equal when they say the same.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where something stands in a map file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Place("", 1, 1)


@dataclass(frozen=True, slots=True)
class Expression:
    """A FHIRPath expression as it was written."""

    text: str
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: `kind` is `variable`, `literal` (str, int, Decimal or bool) or `expression` (FHIRPath text)."""

    kind: str
    value: str | int | Decimal | bool
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Structure:
    """`uses "url" alias name as mode`; mode is `source`, `target`, `queried` or `produced`."""

    url: str
    mode: str
    alias: str | None = None
    comment: str | None = field(default=None, compare=False)
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Import:
    """`imports "url"`; a `*` in the url stands for anything."""

    url: str
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Constant:
    """`let name = expression;`"""

    name: str
    expression: Expression
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a rule; `path` holds the element steps after the context variable."""

    context: str
    path: tuple[str, ...] = ()
    type: str | None = None
    min: int | None = None
    max: str | None = None
    default: Param | None = None
    list_mode: str | None = None
    variable: str | None = None
    where: Expression | None = None
    check: Expression | None = None
    log: Expression | None = None
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a rule; without a context it only makes a variable."""

    context: str | None = None
    path: tuple[str, ...] = ()
    transform: str | None = None
    params: tuple[Param, ...] = ()
    variable: str | None = None
    list_modes: tuple[str, ...] = ()
    share: str | None = None
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`then name(params)`."""

    name: str
    params: tuple[Param, ...]
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `name` is always there (given, or made from the source element)."""

    name: str
    sources: tuple[Source, ...]
    targets: tuple[Target, ...] = ()
    calls: tuple[Call, ...] = ()
    rules: tuple["Rule", ...] = ()
    comment: str | None = field(default=None, compare=False)
    at: Place = field(default=NOWHERE, compare=False)

    @property
    def simple(self) -> bool:
        """Whether it is `a.b -> c.d;`, so that what happens follows from the types."""
        return (
            len(self.sources) == 1
            and len(self.targets) == 1
            and not self.calls
            and not self.rules
            and self.targets[0].transform is None
            and self.targets[0].context is not None
            and (bool(self.targets[0].path) or not self.sources[0].path)
            and (self.sources[0].variable is None) == (self.targets[0].variable is None)
        )


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of a group; mode is `source` or `target`."""

    name: str
    mode: str
    type: str | None = None
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rules; `type_mode` is `types` or `type+` where it is the default for its types."""

    name: str
    inputs: tuple[Input, ...]
    extends: str | None = None
    type_mode: str | None = None
    rules: tuple[Rule, ...] = ()
    comment: str | None = field(default=None, compare=False)
    at: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Map:
    """A whole map. `conceptmaps` are ConceptMap resources (dicts) embedded in it, `metadata` further elements."""

    url: str
    name: str
    groups: tuple[Group, ...]
    structures: tuple[Structure, ...] = ()
    imports: tuple[Import, ...] = ()
    constants: tuple[Constant, ...] = ()
    conceptmaps: tuple[dict[str, Any], ...] = ()
    metadata: tuple[tuple[str, Any], ...] = ()
    file: str = field(default="", compare=False)
    at: Place = field(default=NOWHERE, compare=False)
