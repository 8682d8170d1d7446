"""Follows the path of a discriminator through the definition of a slice, into the profiles that it names.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from service.validation import patterns
from service.validation.follow import CALL
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.compiler import Compiler


class Target(NamedTuple):
    """Where a discriminator's path leads in the definition of a slice.

    `branch` is the element, None where the snapshot does not go so deep; `pattern` what the path reaches in a fixed
    value or pattern of an element above (in a list), None where there is none; `type` its type.
    """

    branch: Branch | None
    pattern: list[Any] | None
    type: str


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


def locate(compiler: "Compiler", branch: Branch, steps: list[str], types: dict[str, str]) -> Target:
    """Follow a discriminator's path through the definition of a slice, into the profiles that it names."""
    here: Branch | None = branch
    names = own_types(branch.element)
    type_name = names[0] if len(names) == 1 else next(iter(types.values()), "Element")
    if type_name in ("BackboneElement", "Element") and types:
        type_name = next(iter(types.values()))
    pattern = given_value(branch)
    for step in steps:
        call = CALL.fullmatch(step)
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
        if here is not None and (own := given_value(here)) is not None:
            pattern = own
    return Target(here, pattern, type_name)


def given_value(branch: Branch) -> list[Any] | None:
    """The fixed value or pattern of an element, in a list; None where it has none."""
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
