"""Discriminators: how an instance shows which slice it belongs to.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from service.validation import patterns
from service.validation.follow import STEP, Path, Value, resource_type
from service.validation.items import Item
from service.validation.locate import Target, extension_url, given_value, locate
from service.validation.run import Json, Run
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.compiler import Compiler

Matcher = Callable[[Item, int, Run], bool]  # (instance, its position among all, run)
Trial = Callable[[Item, Run], bool]


def compile_matcher(
    compiler: "Compiler", branch: Branch, sliced: Branch, base: Json, types: dict[str, str], trial: Trial
) -> Matcher:
    """Whether an instance belongs to the slice `branch` of `sliced`; by everything it asks where nothing tells."""
    made = []
    for one in sliced.element.get("slicing", {}).get("discriminator", ()):
        matcher = _compile_one(compiler, branch, sliced, one.get("type"), one.get("path", "$this"), types)
        if matcher is not None:
            made.append(matcher)
    matchers = tuple(made)
    if not matchers:
        return lambda item, position, run: trial(item, run)
    if len(matchers) == 1:
        return matchers[0]
    return lambda item, position, run: all(matcher(item, position, run) for matcher in matchers)


def _compile_one(
    compiler: "Compiler", branch: Branch, sliced: Branch, kind: Any, path: str, types: dict[str, str]
) -> Matcher | None:
    """The matcher of one discriminator; None where the slice says nothing about it."""
    if kind == "position":
        number = sliced.slices.index(branch)
        return lambda item, position, run: position == number
    steps = [] if path == "$this" else [one for one in STEP.findall(path) if one != "$this"]
    if (path == "url" and types == {"extension": "Extension"}) or types == {"modifierExtension": "Extension"}:
        url = extension_url(branch, compiler)
        if url is not None:
            return lambda item, position, run: type(item.value) is dict and item.value.get("url") == url
    target = locate(compiler, branch, steps, types)
    follow = Path(compiler, steps)
    if kind == "exists":
        return _exists(target, follow)
    if kind == "type":
        return _of_type(target, follow, types)
    if kind == "profile":
        return _of_profile(compiler, target, follow)
    return _of_value(compiler, target, follow, steps)


def _exists(target: Target, follow: Path) -> Matcher | None:
    if target.branch is None:
        return None
    element = target.branch.element
    if element.get("max") == "0":
        return lambda item, position, run: not follow(item, run)
    if element.get("min", 0) > 0:
        return lambda item, position, run: bool(follow(item, run))
    return None


def _of_type(target: Target, follow: Path, types: dict[str, str]) -> Matcher | None:
    if target.branch is None:
        wanted = {target.type}
    else:
        wanted = set(own_types(target.branch.element)) or {target.type}
        path = target.branch.element["path"].rpartition(".")[2]
        keyed = {one for key, one in types.items() if key == path}
        wanted = keyed or wanted
    if wanted & {"Resource", "DomainResource"}:
        return None

    def matches(item: Item, position: int, run: Run) -> bool:
        return any((resource_type(one) or one.type) in wanted for one in follow(item, run))

    return matches


def _of_profile(compiler: "Compiler", target: Target, follow: Path) -> Matcher | None:
    element = target.branch.element if target.branch else {}
    urls = [url for one in element.get("type", ()) for url in one.get("profile", ())]
    if not urls:
        return None
    profiles = compiler.rules.profiles

    def matches(item: Item, position: int, run: Run) -> bool:
        return any(
            type(one.value) is dict and profiles.conforms(one.value, url, run)
            for one in follow(item, run)
            for url in urls
        )

    return matches


def _of_value(compiler: "Compiler", target: Target, follow: Path, steps: list[str]) -> Matcher | None:
    if target.pattern is not None:
        pattern = target.pattern

        def matches(item: Item, position: int, run: Run) -> bool:
            found = follow(item, run)
            return all(any(patterns.matches(one.value, wanted) for one in found) for wanted in pattern)

        return matches
    if target.branch is None:
        return None
    inner = _inner_check(compiler, target, steps)
    if inner is not None:
        return lambda item, position, run: any(inner(one, item, run) for one in follow(item, run))
    return _exists(target, follow)


def _inner_check(compiler: "Compiler", target: Target, steps: list[str]) -> Callable[[Value, Item, Run], bool] | None:
    """By a required binding, or by what is fixed below the element that the path leads to."""
    branch = target.branch
    if branch is None:
        return None
    binding = branch.element.get("binding", {})
    if binding.get("strength") == "required":
        membership = compiler.rules.bindings.membership(binding.get("valueSet"))
        if membership is not None:
            return lambda value, item, run: compiler.rules.bindings.contains(membership, value.value) is not False
    if not says_something(branch):
        return None
    check = compiler.item(branch, {}, target.type)
    if check is None:
        return None

    def meets(value: Value, item: Item, run: Run) -> bool:
        return not run.trial(check, value.value, value.sibling, item.at)

    return meets


def says_something(branch: Branch) -> bool:
    """Whether a slice gives values, or codes that alone may stand, for what is below an element."""
    return any(
        given_value(one) is not None
        or one.element.get("binding", {}).get("strength") == "required"
        or says_something(one)
        for one in (*branch.children.values(), *branch.slices)
    )
