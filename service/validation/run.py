"""One validation: what was found so far and where the walk stands.

A place is a chain of steps, `(parent, key or index)`, `None` at the root: making one costs a tuple, and only a finding
turns it into a JSON Pointer and a FHIRPath expression.
"""

import datetime
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.json import escape
from service.fhir.path import Model
from service.issues import Issue, issue, kind_of

Json = dict[str, Any]
At = tuple[Any, Any] | None
ItemCheck = Callable[[Any, Any, At, "Run"], None]  # (value, its `_` sibling or None, place, run)


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose; the defaults judge as the official validator does on a fresh installation."""

    unknown_extensions: str = "information"  # a severity
    unknown_modifiers: str = "warning"
    unknown_profiles: str = "warning"
    best_practice: str = "warning"  # "ignore" leaves best practice invariants (dom-6) out
    preferred_bindings: str = "ignore"
    displays: str = "warning"
    bundle_profiles: bool = True  # check the profiles that resources in a Bundle name for themselves
    today: datetime.date | None = None  # what limits relative to the clock go by; without it they are not checked
    limit: int = 1000  # errors kept, and as many findings that are none


@dataclass(frozen=True, slots=True)
class Found:
    """A finding before it has words."""

    key: str
    at: At
    severity: str
    profile: str | None
    constraint: str | None
    params: Mapping[str, Any]

    @property
    def is_error(self) -> bool:
        return self.severity in ("error", "fatal")


@dataclass(slots=True)
class Run:
    """The state of one walk. `resource` and `root` are FHIRPath's %resource and %rootResource."""

    options: Options
    top: Any
    found: list[Found] = field(default_factory=list)
    counts: list[int] = field(default_factory=lambda: [0, 0])  # of what is no error, of errors
    resource: Any = None
    root: Any = None
    place: At = None  # of `resource`
    contained: dict[str, Json] | None = None  # of `root`, by id; made when first asked for
    bundle: Any = None  # service.validation.bundles.Index of the innermost Bundle
    base: str | None = None  # the fullUrl of the entry that is being walked
    links: dict[str, Any] = field(default_factory=dict)  # what literals lead to from `base` (references.Link)
    memo: dict[Any, Any] = field(default_factory=dict)
    claims: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)  # types and profiles of the entries
    clean: set[int] = field(default_factory=set)  # the entries of which nothing need be said
    assumed: list[tuple[int, str]] | None = None  # what is taken for granted while that is found out
    profile: str | None = None
    slice: str | None = None  # the element id of the slice of `profile` that is being checked
    active: set[tuple[int, str]] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # of the elements of `resource`
    depended: int = 0  # how often an answer hung on the options, or on what is around the value

    def add(
        self, key: str, at: At, *, severity: str | None = None, constraint: str | None = None, **params: Any
    ) -> None:
        """Note a finding; one of the severity "ignore", which an option may say, is none."""
        level = severity or kind_of(key).severity
        if level == "ignore":
            self.depended += 1
            return
        is_error = level in ("error", "fatal")
        # Counted apart, so that no number of warnings can hide an error.
        self.counts[is_error] += 1
        if self.counts[is_error] <= self.options.limit:
            profile = f"{self.profile}#{self.slice}" if self.slice else self.profile
            self.found.append(Found(key, at, level, profile, constraint, params))

    def trial(self, check: ItemCheck, value: Any, sibling: Any, at: At) -> list[Found]:
        """The errors that `check` would add; nothing is added."""
        kept, counts = self.found, self.counts
        self.found, self.counts = [], [0, 0]
        try:
            check(value, sibling, at, self)
            return [one for one in self.found if one.is_error]
        finally:
            self.found, self.counts = kept, counts


def steps(at: At) -> list[str | int]:
    """The steps of a place from the root."""
    path: list[str | int] = []
    while at is not None:
        at, step = at
        path.append(step)
    path.reverse()
    return path


def pointer(path: list[str | int]) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{escape(str(step))}" for step in path)


def expression(path: list[str | int], top: Any, model: Model) -> str:
    """The FHIRPath to the element; a choice is named without its type (`Observation.value`)."""
    type_name = _resource_type(top)
    text = type_name or "Resource"
    node = top
    for step in path:
        node = _step(node, step)
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name, type_name = element(model, type_name, step.removeprefix("_"))
            text += f".{name}"
        if type_name == "Resource":
            type_name = _resource_type(node) or type_name
    return text


def issues(run: Run, model: Model) -> list[Issue]:
    """What was found, in words, each once, in the order in which it was found."""
    seen: set[tuple[object, ...]] = set()
    result = []
    for one in run.found:
        path = steps(one.at)
        where = pointer(path)
        values = tuple(sorted((name, str(value)) for name, value in one.params.items()))
        mark = (one.key, where, one.constraint, values)
        if mark not in seen:
            seen.add(mark)
            result.append(
                issue(
                    one.key,
                    severity=one.severity,
                    pointer=where,
                    expression=expression(path, run.top, model),
                    profile=one.profile,
                    constraint=one.constraint,
                    **one.params,
                )
            )
    return result


def _step(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node[step] if isinstance(node, list) and step < len(node) else None
    return node.get(step) if isinstance(node, dict) else None


def _resource_type(node: Any) -> str | None:
    name = node.get("resourceType") if isinstance(node, dict) else None
    return name if isinstance(name, str) else None


@functools.lru_cache(maxsize=8192)
def element(model: Model, type_name: str | None, key: str) -> tuple[str, str | None]:
    """The element's name and type for a JSON key; the key itself where the type does not know it."""
    if type_name is None:
        return key, None
    plain = model.child(type_name, key)
    if plain is not None:
        return key, plain[0][1] if plain else None
    for name in model.elements(type_name):
        if key.startswith(name):
            for json_key, target in model.child(type_name, name) or ():
                if json_key == key:
                    return name, target
    return key, None
