"""The syntax tree of a FHIRPath expression: frozen values, each with its place (line, column) in the text.

http://hl7.org/fhirpath/N1/grammar.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from service.fhir.path.errors import Place
from service.fhir.path.moments import Moment
from service.fhir.path.quantities import Quantity

Value = bool | int | Decimal | str | Moment | Quantity


@dataclass(frozen=True, slots=True)
class Node:
    """`place` is where the node starts; for an operator, where the operator stands. It does not count in `==`."""

    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A boolean, integer (`int`), decimal (`Decimal`, digits kept), string, date, time or quantity."""

    value: Value


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """`{}`."""


@dataclass(frozen=True, slots=True)
class Special(Node):
    """`$this`, `$index` or `$total`; `name` is without the `$`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`%name`; `name` is without the `%` and the quotes."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`target.name`; without a target the name stands first, and refers to `$this` (or names its type)."""

    target: "AST | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`target.name(arguments)`; without a target it is called on `$this`."""

    target: "AST | None"
    name: str
    arguments: tuple["AST", ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`target[index]`."""

    target: "AST"
    index: "AST"


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`+operand` or `-operand`."""

    operator: str
    operand: "AST"


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right` for every operator but `is` and `as`."""

    operator: str
    left: "AST"
    right: "AST"


@dataclass(frozen=True, slots=True)
class TypeTest(Node):
    """`operand is type` or `operand as type`; `type_name` is bare, `namespace` is `System`, `FHIR` or `None`."""

    operator: str
    operand: "AST"
    namespace: str | None
    type_name: str


AST = Literal | Empty | Special | Variable | Member | Call | Index | Unary | Binary | TypeTest


def children(node: AST) -> tuple[AST, ...]:
    """The nodes directly below `node`."""
    match node:
        case Member(target=target):
            return () if target is None else (target,)
        case Call(target=target, arguments=arguments):
            return arguments if target is None else (target, *arguments)
        case Index(target=target, index=index):
            return (target, index)
        case Unary(operand=operand) | TypeTest(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
    return ()


def walk(node: AST) -> Iterator[AST]:
    """`node` and every node below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))
