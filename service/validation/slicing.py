"""Slices: which instance belongs to which slice, how many there are of each, and in which order.

https://hl7.org/fhir/R4/profiling.html#slicing
"""

from typing import TYPE_CHECKING

from service.validation.discriminators import Matcher, compile_matcher
from service.validation.items import Item
from service.validation.run import At, ItemCheck, Json, Run
from service.validation.tree import Branch

if TYPE_CHECKING:
    from service.validation.compiler import Compiler


class Slice:
    """One slice, compiled: whether an instance belongs to it, and what then holds."""

    def __init__(self, compiler: "Compiler", branch: Branch, sliced: Branch, base: Json, types: dict[str, str]) -> None:
        element = branch.element
        self.name = branch.slice_name
        self.id: str = element.get("id", f"{element['path']}:{branch.slice_name}")
        self.least: int = element.get("min", 0)
        self.most: str = element.get("max", "*")
        self.each = _each(compiler, branch, base, types)
        self.matches: Matcher = compile_matcher(compiler, branch, sliced, base, types, self.trial)
        self.inner = _Slices(compiler, branch, base, types) if branch.slices else None

    def trial(self, item: Item, run: Run) -> bool:
        """Whether the instance meets everything that the slice asks for."""
        check = self.each.get(item.type)
        return check is None or not run.trial(check, item.value, item.sibling, item.at)

    def check(self, found: list[Item], at: At, run: Run, name: str) -> None:
        """Check the instances that belong here: how many, each of them, and their own slices."""
        count = len(found)
        if count < self.least:
            run.add("validation.slice-minimum", at, name=name, slice=self.name, least=self.least, count=count)
        if self.most != "*" and count > int(self.most):
            if self.most == "0":
                run.add("validation.slice-not-allowed", found[0].at, name=name, slice=self.name)
            else:
                run.add("validation.slice-maximum", at, name=name, slice=self.name, most=self.most, count=count)
        before, run.slice = run.slice, self.id
        for item in found:
            test = self.each.get(item.type)
            if test is not None:
                test(item.value, item.sibling, item.at, run)
        run.slice = before
        if self.inner is not None and found:
            self.inner.check(found, at, run)


class _Slices:
    """The slices of one element."""

    def __init__(self, compiler: "Compiler", branch: Branch, base: Json, types: dict[str, str]) -> None:
        slicing = branch.element.get("slicing", {})
        self.name: str = branch.element["path"].rpartition(".")[2]
        self.rules: str = slicing.get("rules", "open")
        self.ordered: bool = slicing.get("ordered", False)
        self.slices = [Slice(compiler, one, branch, base, types) for one in branch.slices]

    def check(self, found: list[Item], at: At, run: Run) -> None:
        members: list[list[Item]] = [[] for _ in self.slices]
        latest = -1
        open_at: Item | None = None
        for position, item in enumerate(found):
            number = self._slice_of(item, position, run)
            if number is None:
                open_at = open_at or item
                if self.rules == "closed":
                    names = ", ".join(one.name for one in self.slices)
                    run.add("validation.slice-closed", item.at, name=self.name, slices=names)
                continue
            members[number].append(item)
            if self.rules == "openAtEnd" and open_at is not None:
                run.add("validation.slice-at-end", open_at.at, name=self.name, slice=self.slices[number].name)
                open_at = None
            if self.ordered and number < latest:
                first, second = self.slices[number].name, self.slices[latest].name
                run.add("validation.slice-order", item.at, name=self.name, first=first, second=second)
            latest = max(latest, number)
        for slice_, mine in zip(self.slices, members, strict=True):
            slice_.check(mine, at, run, self.name)

    def _slice_of(self, item: Item, position: int, run: Run) -> int | None:
        for number, slice_ in enumerate(self.slices):
            if slice_.matches(item, position, run):
                return number
        return None


class Slicer:
    """The slicing of one child element of a profile; compiled when it is first needed."""

    def __init__(self, compiler: "Compiler", branch: Branch, base: Json, types: dict[str, str]) -> None:
        self._given = compiler, branch, base, types
        self._slices: _Slices | None = None

    def check(self, found: list[Item], at: At, run: Run) -> None:
        if self._slices is None:
            self._slices = _Slices(*self._given)
        self._slices.check(found, at, run)


def _each(compiler: "Compiler", branch: Branch, base: Json, types: dict[str, str]) -> dict[str, ItemCheck]:
    """The check of an instance in a slice by its type; the type of a choice that the slice does not take is refused."""
    allowed = compiler.allowed(branch.element, types)
    made = {one: compiler.instance(branch, base, one) for one in set(types.values())}
    checks = {one: check for one, check in made.items() if check is not None}
    if allowed is not None:
        for one in set(types.values()):
            if one != "Resource" and one not in allowed:
                checks[one] = _refused(one, allowed)
    return checks


def _refused(type_name: str, allowed: frozenset[str]) -> ItemCheck:
    def check(value: object, sibling: object, at: At, run: Run) -> None:
        run.add("validation.type-not-allowed", at, type=type_name, allowed=", ".join(sorted(allowed)))

    return check
