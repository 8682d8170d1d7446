"""The pass over one object, written as Python for the keys that it has.

Which keys may stand together, which must be there and which rules they decide is the same for all objects that have
the same keys: that is settled once, and what is left is a look at each value. https://hl7.org/fhir/R4/json.html
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from service.fhir.values import MAX_STRING
from service.validation.clean import lexical
from service.validation.clean.lexical import Sure
from service.validation.keys import ByKeys
from service.validation.run import Json, Run

Pass = Callable[[Any, Run], Any]  # (object or other value, run): true means surely right, or else a finding in the run
_REMEMBERED = 2000  # texts of passes, many of which differ only in what they name


class Plan(dict[tuple[str, ...], Pass]):
    """The passes over the objects at one place by their keys, in the order in which these stand; made when needed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[tuple[str, ...]], Pass | None]) -> None:
        self._make = make

    def __missing__(self, keys: tuple[str, ...]) -> Pass:
        made = self._make(keys)
        if made is None:
            return never
        self[keys] = made
        return made


class Ask(NamedTuple):
    """Something to ask of an object or a value, as a line of a pass; what its keys tell of it is known beforehand."""

    line: str
    check: Callable[..., Any]
    by_keys: ByKeys | None = None


SURE = "if not {check}({value}, run): return False"  # (value, run): whether it is surely right
FINDING = "{check}({value}, None, None, run)"  # a check of the walk: what is wrong stands in the run afterwards
TEST = "if {check}({value}, None, run) is False: return False"  # a test of an invariant


class Text(NamedTuple):
    """A string of a certain form."""

    sure: Sure
    asks: tuple[Ask, ...] = ()


class Literal(NamedTuple):
    """A literal reference that the run knows already, or that can be followed."""

    follow: Callable[[str, Run], Any]
    asks: tuple[Ask, ...] = ()


class Other(NamedTuple):
    """A value that is no string."""

    sure: Sure
    asks: tuple[Ask, ...] = ()


class One(NamedTuple):
    """An object; `before` is a condition that it must not meet."""

    plan: Plan
    before: str = ""


class Many(NamedTuple):
    """A list of at least one item and as many as the limits allow."""

    item: "Text | Literal | Other | One"
    least: int
    most: int | None


class Listed(NamedTuple):
    """A list that is looked at as a whole."""

    check: Callable[[list[Any], Run], Any]
    least: int
    most: int | None


class Usual(NamedTuple):
    """A value that is mostly one of a few; `known` are some that are surely right."""

    known: list[Any]
    sure: Pass


class Known(NamedTuple):
    """What need not be looked at."""


Part = Text | Literal | Other | One | Many | Listed | Usual | Known


def never(value: Json, run: Run) -> bool:
    """Nothing can be said quickly."""
    return False


def write(parts: Sequence[Part], asks: Sequence[Ask]) -> Pass:
    """The pass over objects the values of which are `parts`, in that order."""
    writer = _Writer()
    writer.values(len(parts))
    for number, part in enumerate(parts):
        writer.part(f"v{number}", part)
    writer.asks("value", asks)
    return writer.made()


def write_part(part: Part) -> Pass:
    """The pass over values of which each is `part`."""
    writer = _Writer()
    writer.part("value", part)
    return writer.made()


class _Writer:
    """The lines of one pass, and the names of what they use."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._used: list[Any] = []
        self._indent = 2

    def made(self) -> Pass:
        names = ", ".join(f"c{number}" for number in range(len(self._used)))
        head = [f"def make({names}):", " def walk(value, run):"]
        made: Pass = _factory("\n".join([*head, *self._lines, "  return True", " return walk"]))(*self._used)
        return made

    def values(self, count: int) -> None:
        """Call the values of the object v0, v1 and so on."""
        self._line("".join(f"v{number}, " for number in range(count)) + "= value.values()")

    def part(self, value: str, part: Part) -> None:
        match part:
            case Text(sure, asks):
                self._refuse(f"type({value}) is not str or not {self._form(value, sure)}")
                self.asks(value, asks)
            case Literal(follow, asks):
                unknown = f"{value} not in run.links and not {self._name(follow)}({value}, run)"
                self._refuse(f"type({value}) is not str or {unknown}")
                self.asks(value, asks)
            case Other(sure, asks):
                self._refuse(f"not {self._form(value, sure)}")
                self.asks(value, asks)
            case One(plan, before):
                self._refuse(
                    f"type({value}) is not dict or {before.format(value)}"
                    f"not {self._name(plan)}[tuple({value})]({value}, run)"
                )
            case Many(item, least, most):
                self._refuse(_size(value, least, most))
                self._line(f"for item in {value}:")
                self._indent += 1
                self.part("item", item)
                self._indent -= 1
            case Listed(check, least, most):
                self._refuse(f"{_size(value, least, most)} or not {self._name(check)}({value}, run)")
            case Usual(known, sure):
                self._refuse(f"{value} not in {self._name(known)} and not {self._name(sure)}({value}, run)")

    def asks(self, value: str, asks: Sequence[Ask]) -> None:
        for ask in asks:
            self._line(ask.line.format(check=self._name(ask.check), value=value))

    def _form(self, value: str, sure: Sure) -> str:
        """The condition that a value is of a form."""
        name = self._name(sure)
        if isinstance(sure, type):
            return f"type({value}) is {name}"
        if isinstance(sure, frozenset):
            return f"{value} in {name}"
        if isinstance(sure, lexical.Remembered):
            return f"{name}[{value}]"
        if isinstance(sure, lexical.Either):
            return f"({self._name(sure.quick)}({value}) or {self._name(sure.thorough)}({value}))"
        if sure is lexical.text:
            # Most are plain words that begin with no blank; about the others the function has the say.
            return f"({value}.isprintable() and {value}[:1] > ' ' and len({value}) <= {MAX_STRING} or {name}({value}))"
        return f"{name}({value})"

    def _refuse(self, condition: str) -> None:
        self._line(f"if {condition}: return False")

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._indent + text)

    def _name(self, used: Any) -> str:
        self._used.append(used)
        return f"c{len(self._used) - 1}"


def _size(value: str, least: int, most: int | None) -> str:
    """The condition that a value is no list, or one of a wrong size."""
    few = f"not {value}" if least < 2 else f"len({value}) < {least}"
    many = "" if most is None else f" or len({value}) > {most}"
    return f"type({value}) is not list or {few}{many}"


@functools.lru_cache(_REMEMBERED)
def _factory(text: str) -> Callable[..., Pass]:
    names: dict[str, Any] = {}
    exec(compile(text, "<pass>", "exec"), names)  # noqa: S102 - our own text: no word of it comes from a definition
    made: Callable[..., Pass] = names["make"]
    return made
