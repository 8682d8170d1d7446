"""Slices that can be told apart by a look at an item: by the url of an extension, by a value, by a type.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from collections.abc import Sequence
from typing import Any

from service.fhir.json import canonical
from service.validation import patterns
from service.validation.clean.asks import Spec
from service.validation.compiler import Compiler
from service.validation.discriminators import says_something
from service.validation.follow import CALL, STEP
from service.validation.locate import extension_url, locate
from service.validation.run import Json
from service.validation.tree import Branch
from service.validation.types import own_types

# A path of keys, and the patterns that are met by what it leads to; or whether it leads anywhere.
Wanted = tuple[tuple[str, ...], list[Any] | bool]
_EXTENSIONS = ({"extension": "Extension"}, {"modifierExtension": "Extension"})


class Slicing:
    """The slices of one element; `mark` is the same for slicings that tell items apart in the same way."""

    def __init__(self, branch: Branch, wanted: list[list[Wanted]]) -> None:
        self.slices = branch.slices
        self.is_closed = branch.element.get("slicing", {}).get("rules", "open") == "closed"
        self.mark = canonical(wanted)
        self._wanted = wanted
        self.table = _table(wanted)
        self._key = wanted[0][0][0][0] if self.table is not None else ""
        self.limits: list[tuple[int, int, float]] = []
        for number, one in enumerate(branch.slices):
            least, most = one.element.get("min", 0), one.element.get("max", "*")
            if least or most != "*":
                self.limits.append((number, least, float("inf") if most == "*" else int(most)))

    def number(self, item: Json) -> int | None:
        """The number of the slice that an item belongs to."""
        if self.table is not None:
            value = item.get(self._key)
            if type(value) is not list:
                return self.table.get(value) if type(value) is str else None
        for number, wanted in enumerate(self._wanted):
            for path, given in wanted:
                if not _meets(item, path, given):
                    break
            else:
                return number
        return None

    def counts(self, numbers: Sequence[int | None]) -> bool:
        """Whether items of these slices are neither too few nor too many of any slice."""
        if self.is_closed and None in numbers:
            return False
        for number, least, most in self.limits:  # noqa: SIM110 - a generator costs more than what it does here
            if not least <= numbers.count(number) <= most:
                return False
        return True


def plain_slicing(compiler: Compiler, branch: Branch, base: Json, types: dict[str, str]) -> Slicing | None:
    """The slicing of an element; None where it takes more than a look to tell its slices apart."""
    slicing = branch.element.get("slicing", {})
    if slicing.get("ordered") or slicing.get("rules") == "openAtEnd" or any(one.slices for one in branch.slices):
        return None
    asked = [(one.get("type"), one.get("path", "$this")) for one in slicing.get("discriminator", ())]
    if base["path"].endswith("[x]"):
        return _by_type(branch, asked)
    if types in _EXTENSIONS:
        urls = [extension_url(one, compiler) for one in branch.slices]
        if len(asked) != 1 or asked[0][1] != "url" or None in urls or len(set(urls)) < len(urls):
            return None
        return Slicing(branch, [[(("url",), [one])] for one in urls])
    if not asked or any(kind not in ("value", "pattern", "exists") for kind, _ in asked):
        return None
    wanted = [[_wanted(compiler, one, kind, path, types) for kind, path in asked] for one in branch.slices]
    known = [[one for one in row if one is not None] for row in wanted]
    return Slicing(branch, known) if known == wanted else None


def by_type(spec: Spec, type_name: str) -> tuple[Spec, ...]:
    """What a choice with slices by type asks of a value of that type."""
    branch, base = spec
    if not branch.slices:
        return (spec,)
    mine = next((one for one in branch.slices if type_name in own_types(one.element)), None)
    plain = Spec(Branch(branch.element, branch.children), base)
    return (plain,) if mine is None else (plain, Spec(mine, base))


def _by_type(branch: Branch, asked: list[tuple[Any, str]]) -> Slicing | None:
    if asked != [("type", "$this")] or branch.element.get("slicing", {}).get("rules", "open") == "closed":
        return None
    if any(
        one.element.get("min", 0) or one.element.get("max") == "0" or not own_types(one.element)
        for one in branch.slices
    ):
        return None
    return Slicing(branch, [[((), own_types(one.element))] for one in branch.slices])


def _wanted(compiler: Compiler, branch: Branch, kind: str, path: str, types: dict[str, str]) -> Wanted | None:
    steps = [] if path == "$this" else [one for one in STEP.findall(path) if one != "$this"]
    if any(CALL.fullmatch(one) for one in steps):
        return None
    name = next(iter(types.values()))
    for step in steps:
        entries = compiler.rules.model.child(name, step)
        if entries is None or len(entries) != 1 or entries[0][0] != step:
            return None
        name = entries[0][1]
    target = locate(compiler, branch, steps, types)
    if kind != "exists" and target.pattern is not None:
        return tuple(steps), target.pattern
    if kind != "exists" and (target.branch is None or _tells(target.branch)):
        return None
    # Where a slice gives no value, that there is one tells.
    limits = target.branch.element if target.branch else {}
    if limits.get("max") == "0" or limits.get("min", 0):
        return tuple(steps), limits.get("max") != "0"
    return None


def _tells(branch: Branch) -> bool:
    return branch.element.get("binding", {}).get("strength") == "required" or says_something(branch)


def _table(wanted: list[list[Wanted]]) -> dict[str, int] | None:
    """The number of each slice by the text of the one key that tells."""
    table: dict[str, int] = {}
    keys = set()
    for number, row in enumerate(wanted):
        (path, given), *more = row
        if more or len(path) != 1 or type(given) is bool or len(given) != 1 or type(given[0]) is not str:
            return None
        keys.add(path)
        table.setdefault(given[0], number)
    return table if len(keys) == 1 and len(table) == len(wanted) else None


def _meets(item: Json, path: tuple[str, ...], wanted: list[Any] | bool) -> bool:
    found: list[Any] = [item]
    for key in path:
        inner: list[Any] = []
        for one in found:
            value = one.get(key) if type(one) is dict else None
            if type(value) is list:
                inner += value
            elif value is not None:
                inner.append(value)
        found = inner
    if type(wanted) is bool:
        return bool(found) == wanted
    return all(any(patterns.matches(one, pattern) for one in found) for pattern in wanted)
