"""How a function is declared: by what it does to values, or by how a call of it compiles."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from service.fhir.path.ast import AST, Call, Special, walk
from service.fhir.path.code import BOOLEAN, Code, Site, Truth, Types, as_truth
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, Place, failure
from service.fhir.path.navigation import Many

Compile = Callable[[AST, Site], Code]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call being compiled: the node, the code it is called on, and where it stands."""

    node: Call
    target: Code
    site: Site
    compile_node: Compile

    @property
    def place(self) -> Place:
        return self.node.place

    @property
    def count(self) -> int:
        return len(self.node.arguments)

    def argument(self, at: int) -> Code:
        """An argument that is evaluated where the call stands."""
        return self.compile_node(self.node.arguments[at], self.site)

    def body(self, at: int, types: Types = None) -> Code:
        """An argument that is evaluated for each item, which is its `$this`."""
        within = self.target.types if types is None else types
        return self.compile_node(self.node.arguments[at], replace(self.site, types=within, root=False, loop=True))

    def body_truth(self, at: int) -> Truth:
        """`body` as a Boolean."""
        return as_truth(self.body(at), self.node.arguments[at].place)

    def needs_index(self, at: int) -> bool:
        """Whether the argument speaks of `$index`, for which each item needs a scope of its own."""
        return any(isinstance(node, Special) and node.name == "index" for node in walk(self.node.arguments[at]))

    def keep_order(self) -> None:
        """Refuse, when strict, what asks for an order that the collection does not have."""
        if self.site.strict and not self.target.ordered:
            raise failure("unordered", self.place, name=f"{self.node.name}()")


@dataclass(frozen=True, slots=True)
class Function:
    """`compile` makes the code of a call that has between `least` and `most` arguments."""

    compile: Callable[[Invocation], Code]
    least: int
    most: int


Table = dict[str, Function]
Values = Callable[..., list[Any]]
Compiler = Callable[[Invocation], Code]
KEPT = "kept"


def scoped(scope: Scope, index: int) -> Scope:
    """The scope of one turn of a loop."""
    return scope.turn(index, scope.total)


def compiled(table: Table, name: str, least: int = 0, most: int | None = None) -> Callable[[Compiler], Compiler]:
    """Register a function that compiles its own call."""

    def register(compile_call: Compiler) -> Compiler:
        table[name] = Function(compile_call, least, least if most is None else most)
        return compile_call

    return register


def values(
    table: Table, name: str, least: int = 0, most: int | None = None, *, types: Any = None
) -> Callable[[Values], Values]:
    """Register a function over collections: `f(items, *arguments) -> items`, all of them lists.

    `types` says what comes out; `KEPT` that these are items of the input.
    """

    def register(function: Values) -> Values:
        table[name] = Function(_simple(function, types), least, least if most is None else most)
        return function

    return register


def _simple(function: Values, types: Any) -> Callable[[Invocation], Code]:
    def compile_call(call: Invocation) -> Code:
        result = call.target.types if types is KEPT else types
        arguments = [call.argument(at).many for at in range(call.count)]
        ordered = call.target.ordered if types is KEPT else True
        many = _closure(function, call.target.many, arguments, call.place)
        return Code(many, _first_of(many) if types is BOOLEAN else None, result, None, ordered)

    return compile_call


def _first_of(many: Many) -> Truth:
    def decide(this: Any, scope: Scope) -> bool | None:
        found = many(this, scope)
        return found[0] if found else None

    return decide


def _closure(function: Values, many: Many, arguments: list[Many], place: Place) -> Many:
    if not arguments:

        def alone(this: Any, scope: Scope) -> list[Any]:
            try:
                return function(many(this, scope))
            except PathError as error:
                raise error.at(place) from None

        return alone

    def with_arguments(this: Any, scope: Scope) -> list[Any]:
        try:
            return function(many(this, scope), *[argument(this, scope) for argument in arguments])
        except PathError as error:
            raise error.at(place) from None

    return with_arguments
