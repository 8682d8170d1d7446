"""Pieces of compiled FHIRPath: closures over `$this`, and what is known of their result beforehand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.fhir.path import nodes
from service.fhir.path.env import Scope
from service.fhir.path.errors import PathError, Place
from service.fhir.path.model import Model
from service.fhir.path.navigation import Many, items_of

Truth = Callable[[Any, Scope], bool | None]
# FHIR type names, or `System.Integer` and the like; `None` where anything may come.
Types = frozenset[str] | None
BOOLEAN: Types = frozenset({"System.Boolean"})
INTEGER: Types = frozenset({"System.Integer"})
STRING: Types = frozenset({"System.String"})
NOTHING: Types = frozenset()


@dataclass(frozen=True, slots=True)
class Code:
    """One compiled expression.

    `many` gives the collection, `truth` (where there is a short way) its singleton Boolean; `types` bounds what comes
    out; `constant` holds the items of a literal; `ordered` is false for collections without an order.
    """

    many: Many
    truth: Truth | None = None
    types: Types = None
    constant: tuple[Any, ...] | None = None
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """Where an expression stands: the types of `$this`, whether that is the focus itself, and how strict to be.

    `loop`: what does not depend on `$this` is evaluated there only once.
    """

    model: Model | None
    strict: bool
    types: Types
    root: bool = True
    loop: bool = False

    @property
    def exact(self) -> str | None:
        return exact(self.types)


def exact(types: Types) -> str | None:
    """The one FHIR type that every item has, where that is known."""
    if types is None or len(types) != 1:
        return None
    (name,) = types
    return None if name in nodes.OPEN or name.startswith("System.") else name


def union(*types: Types) -> Types:
    """What may come from any of them."""
    found: frozenset[str] = frozenset()
    for one in types:
        if one is None:
            return None
        found |= one
    return found


def as_truth(code: Code, place: Place) -> Truth:
    """`code` as a three-valued Boolean."""
    if code.truth is not None:
        return code.truth
    many = code.many

    def decide(this: Any, scope: Scope) -> bool | None:
        items = many(this, scope)
        if not items:
            return None
        if len(items) == 1:
            item = items[0]
            if item is True or item is False:
                return item
        try:
            return nodes.truth(items)
        except PathError as error:
            raise error.at(place) from None

    return decide


def of_truth(decide: Truth) -> Code:
    """Code that gives the Boolean `decide` finds, or nothing."""

    def many(this: Any, scope: Scope) -> list[Any]:
        found = decide(this, scope)
        return [] if found is None else [found]

    return Code(many, decide, BOOLEAN)


def constant(*items: Any, types: Types = None) -> Code:
    """Code that always gives `items`."""
    fixed = list(items)
    return Code(lambda this, scope: fixed, None, types, tuple(items))


def this_code(site: Site) -> Code:
    """`$this`."""
    return Code(lambda this, scope: items_of(this), None, site.types)
