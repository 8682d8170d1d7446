"""Discriminators: how an instance shows which slice it belongs to.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.model import choice_key
from service.validation import patterns
from service.validation.items import Item
from service.validation.run import Json, Run
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.profiles import Compiler

Matcher = Callable[[Item, int, Run], bool]  # (instance, its position among all, run)
Trial = Callable[[Item, Run], bool]
_STEP = re.compile(r"[A-Za-z_]\w*\([^()]*\)|\$this|[A-Za-z_]\w*")
_CALL = re.compile(r"(\w+)\(\s*(?:'([^']*)'|([\w.]*))\s*\)")


class Value(NamedTuple):
    """What a discriminator's path leads to."""

    value: Any
    sibling: Any
    type: str


class Target(NamedTuple):
    """Where a discriminator's path leads in the definition of a slice.

    `branch` is the element, None where the snapshot does not go so deep; `pattern` what the path reaches in a fixed
    value or pattern of an element above (in a list), None where there is none; `type` its type.
    """

    branch: Branch | None
    pattern: list[Any] | None
    type: str


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
    steps = [] if path == "$this" else [one for one in _STEP.findall(path) if one != "$this"]
    if (path == "url" and types == {"extension": "Extension"}) or types == {"modifierExtension": "Extension"}:
        url = extension_url(branch, compiler)
        if url is not None:
            return lambda item, position, run: type(item.value) is dict and item.value.get("url") == url
    target = _locate(compiler, branch, steps, types)
    follow = _Path(compiler, steps)
    if kind == "exists":
        return _exists(target, follow)
    if kind == "type":
        return _of_type(target, follow, types)
    if kind == "profile":
        return _of_profile(compiler, target, follow)
    return _of_value(compiler, target, follow, steps)


def extension_url(branch: Branch, compiler: "Compiler") -> str | None:
    """The url of an extension slice: fixed on its url, or that of the definition it names."""
    url = branch.child("url")
    fixed = patterns.given(url.element, "fixed") or patterns.given(url.element, "pattern") if url else None
    if fixed:
        return str(fixed[1])
    for type_ in branch.element.get("type", ()):
        for profile in type_.get("profile", ()):
            structure = compiler.rules.definitions.structure(profile)
            return str(structure["url"]) if structure else str(profile).partition("|")[0]
    return None


def _locate(compiler: "Compiler", branch: Branch, steps: list[str], types: dict[str, str]) -> Target:
    """Follow a discriminator's path through the definition of a slice, into the profiles that it names."""
    here: Branch | None = branch
    names = own_types(branch.element)
    type_name = names[0] if len(names) == 1 else next(iter(types.values()), "Element")
    if type_name in ("BackboneElement", "Element") and types:
        type_name = next(iter(types.values()))
    pattern = _given(branch)
    for step in steps:
        call = _CALL.fullmatch(step)
        if call is None:
            pattern = _inner(pattern, step)
            here, type_name = _child(compiler, here, step, type_name)
        elif call[1] == "extension":
            pattern = None
            here = _extension(compiler, here, call[2])
            type_name = "Extension"
        elif call[1] in ("ofType", "as"):
            type_name = call[3] or call[2]
            here = _narrowed(here, type_name)
        elif call[1] == "resolve":
            pattern = None
            here, type_name = _resolved(compiler, here)
        if here is not None and (own := _given(here)) is not None:
            pattern = own
    return Target(here, pattern, type_name)


def _given(branch: Branch) -> list[Any] | None:
    found = patterns.given(branch.element, "fixed") or patterns.given(branch.element, "pattern")
    return [found[1]] if found else None


def _inner(pattern: list[Any] | None, step: str) -> list[Any] | None:
    if pattern is None:
        return None
    inner: list[Any] = []
    for one in pattern:
        if type(one) is dict and step in one:
            inner += one[step] if type(one[step]) is list else [one[step]]
    return inner or None


def _child(compiler: "Compiler", branch: Branch | None, step: str, type_name: str) -> tuple[Branch | None, str]:
    entries = compiler.rules.model.child(type_name, step) or ()
    child_type = entries[0][1] if len(entries) == 1 else "Element"
    found = branch.child(step) if branch else None
    if found is None and branch is not None:
        for type_ in branch.element.get("type", ()):
            for profile in type_.get("profile", ()):
                tree = compiler.rules.profiles.tree(profile)
                found = tree.child(step) if tree else None
                if found is not None:
                    break
    if found is not None:
        names = own_types(found.element)
        if len(names) == 1 and names[0] not in ("BackboneElement", "Element"):
            child_type = names[0]
        elif len(found.slices) == 1 and found.element["path"].endswith("[x]"):
            found = found.slices[0]
            child_type = next(iter(own_types(found.element)), child_type)
    return found, child_type


def _extension(compiler: "Compiler", branch: Branch | None, url: str | None) -> Branch | None:
    parent = branch.child("extension") if branch else None
    for one in parent.slices if parent else ():
        if extension_url(one, compiler) == url:
            return one
    return compiler.rules.profiles.tree(url) if url else None


def _narrowed(branch: Branch | None, type_name: str) -> Branch | None:
    if branch is not None:
        for one in branch.slices:
            if own_types(one.element) == [type_name]:
                return one
    return branch


def _resolved(compiler: "Compiler", branch: Branch | None) -> tuple[Branch | None, str]:
    """The root of the profile that a Reference points to; a Branch of the allowed types where there are several."""
    if branch is None:
        return None, "Resource"
    urls = [url for one in branch.element.get("type", ()) for url in one.get("targetProfile", ())]
    if len(urls) == 1 and (tree := compiler.rules.profiles.tree(urls[0])) is not None:
        name = tree.element["path"]
        return Branch({**tree.element, "type": [{"code": name, "profile": urls}]}, tree.children, []), name
    rows = []
    for url in urls:
        structure = compiler.rules.definitions.structure(url)
        if structure is not None:
            rows.append({"code": structure["type"], "profile": [url]})
    return Branch({"path": "Resource", "type": rows}), "Resource"


class _Path:
    """Follows a discriminator's path through an instance."""

    def __init__(self, compiler: "Compiler", steps: list[str]) -> None:
        self._rules = compiler.rules
        self._steps = steps

    def __call__(self, item: Item, run: Run) -> list[Value]:
        values = [Value(item.value, item.sibling, item.type)]
        for step in self._steps:
            call = _CALL.fullmatch(step)
            if call is None:
                values = [inner for one in values for inner in self._named(one, step)]
            elif call[1] == "extension":
                values = [inner for one in values for inner in _extensions(one, call[2])]
            elif call[1] in ("ofType", "as"):
                wanted = call[3] or call[2]
                values = [one for one in values if wanted in (one.type, _resource_type(one))]
            elif call[1] == "resolve":
                values = [inner for one in values for inner in self._resolve(one, run)]
        return values

    def _named(self, value: Value, name: str) -> list[Value]:
        node = value.value
        if type(node) is not dict:
            return []
        type_name = _resource_type(value) or value.type
        entries = self._rules.model.child(type_name, name) or ((name, "Element"),)
        found = []
        for key, inner_type in entries:
            inner, sibling = node.get(key), node.get("_" + key)
            if type(inner) is list:
                siblings = sibling if type(sibling) is list else []
                for index, one in enumerate(inner):
                    found.append(Value(one, siblings[index] if index < len(siblings) else None, inner_type))
            elif inner is not None or type(sibling) is dict:
                found.append(Value(inner, sibling, inner_type))
        return found

    def _resolve(self, value: Value, run: Run) -> list[Value]:
        """The target; where only its type can be told, something of that type."""
        node = value.value
        references = self._rules.references
        if type(node) is dict and type(node.get("reference")) is str:
            found = references.resolve(node["reference"], run)
            if found is not None:
                return [Value(found, None, str(found.get("resourceType")))]
        if type(node) is dict and (name := references.target_type(node, run)) is not None:
            return [Value({"resourceType": name}, None, name)]
        return []


def _extensions(value: Value, url: str | None) -> list[Value]:
    holder = value.value if type(value.value) is dict else value.sibling
    rows = holder.get("extension") if type(holder) is dict else None
    return [
        Value(one, None, "Extension")
        for one in (rows if type(rows) is list else ())
        if type(one) is dict and one.get("url") == url
    ]


def _resource_type(value: Value) -> str | None:
    name = value.value.get("resourceType") if type(value.value) is dict else None
    return name if type(name) is str else None


def _exists(target: Target, follow: _Path) -> Matcher | None:
    if target.branch is None:
        return None
    element = target.branch.element
    if element.get("max") == "0":
        return lambda item, position, run: not follow(item, run)
    if element.get("min", 0) > 0:
        return lambda item, position, run: bool(follow(item, run))
    return None


def _of_type(target: Target, follow: _Path, types: dict[str, str]) -> Matcher | None:
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
        return any((_resource_type(one) or one.type) in wanted for one in follow(item, run))

    return matches


def _of_profile(compiler: "Compiler", target: Target, follow: _Path) -> Matcher | None:
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


def _of_value(compiler: "Compiler", target: Target, follow: _Path, steps: list[str]) -> Matcher | None:
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
    if not _says_something(branch):
        return None
    check = compiler.item(branch, {}, target.type)
    if check is None:
        return None

    def meets(value: Value, item: Item, run: Run) -> bool:
        return not run.trial(check, value.value, value.sibling, item.at)

    return meets


def _says_something(branch: Branch) -> bool:
    return any(
        _given(one) is not None or one.element.get("binding", {}).get("strength") == "required" or _says_something(one)
        for one in (*branch.children.values(), *branch.slices)
    )


__all__ = ["Matcher", "choice_key", "compile_matcher", "extension_url"]
