"""What an expression may ask of the world around it. Nothing here reads a clock, a file or the network."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Env:
    """The environment of one evaluation; everything is optional, values are plain JSON.

    - `resource` is `%resource`, the resource that holds the focus (default: the focus itself); `root_resource` is
      `%rootResource`, the one that contains it (default: `resource`).
    - `variables` are further `%name` (a value or a list of values); they win over the built-in ones.
    - `resolve(reference)` gives the resource a reference string points to, or `None`; without it, contained resources
      and the entries of a Bundle at the root are found.
    - `member_of(value set, value)` and `subsumes(a, b)` ask a terminology: `None` from them is empty. The value is a
      code, Coding or CodeableConcept, as JSON. `conforms_to(profile, value)` asks a validator about any element;
      `None` says that the profile is not known, which is an error.
    - `html_checks(text)` tells whether a narrative's `div` obeys the rules for XHTML.
    - `element_definition(value)` and `slice(profile, name, value)` answer for `elementDefinition()` and `slice()`.
    - `now` is what `now()`, `today()` and `timeOfDay()` go by, with its offset.
    - `trace(name, values)` receives what `trace()` sees.
    """

    resource: Any = None
    root_resource: Any = None
    variables: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    resolve: Callable[[str], Any] | None = None
    member_of: Callable[[str, Any], bool | None] | None = None
    conforms_to: Callable[[str, Any], bool | None] | None = None
    html_checks: Callable[[str], bool] | None = None
    subsumes: Callable[[Any, Any], bool | None] | None = None
    element_definition: Callable[[Any], Any] | None = None
    slice: Callable[[str, str, Any], bool | None] | None = None
    now: datetime.datetime | None = None
    trace: Callable[[str, list[Any]], None] | None = None


class Scope:
    """What closures are called with, beside `$this`: the environment, the first focus, and the loop's variables.

    `memo` lives as long as one evaluation: what does not change from turn to turn of a loop is kept there.
    """

    __slots__ = ("env", "focus", "index", "memo", "total")

    def __init__(
        self,
        env: Env,
        focus: Any,
        index: int | None = None,
        total: list[Any] | None = None,
        memo: dict[Any, Any] | None = None,
    ) -> None:
        self.env = env
        self.focus = focus
        self.index = index
        self.total = total
        self.memo: dict[Any, Any] = {} if memo is None else memo

    def turn(self, index: int, total: list[Any] | None) -> "Scope":
        """The scope of one turn of a loop."""
        return Scope(self.env, self.focus, index, total, self.memo)
