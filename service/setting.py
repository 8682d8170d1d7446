"""One setting: how it is declared, and how the text of a variable or the value of a flag is read as it.

A few lines instead of pydantic, which takes a sixth of the start to load.
"""

import os
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that nothing prints by mistake."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "********"

    def __len__(self) -> int:
        return len(self._text)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting: its name, the type of its values, its default, and what a value must be."""

    name: str
    kind: Any
    default: Any
    description: str
    ge: int | None = None
    le: int | None = None
    min_length: int | None = None
    pattern: str | None = None

    def read(self, value: Any) -> Any:
        """The value of this setting; `ValueError` says why it is none, and never shows it: it may be a secret."""
        read = _reader(self.kind)(value)
        if self.ge is not None and read < self.ge:
            raise ValueError(f"it is less than {self.ge}")
        if self.le is not None and read > self.le:
            raise ValueError(f"it is more than {self.le}")
        if self.min_length is not None and len(read) < self.min_length:
            raise ValueError(f"it has fewer than {self.min_length} characters")
        if self.pattern is not None and not re.fullmatch(self.pattern, read):
            raise ValueError(f"it does not look like `{self.pattern}`")
        return read


def setting(default: Any, *, description: str, **limits: Any) -> Any:
    """Declares a setting as a field of a dataclass; `limits` are those that a `Setting` has."""
    return field(default=default, metadata={"description": description, **limits})


def declared(holder: type) -> Mapping[str, Setting]:
    """Every setting of a dataclass, by name and in order."""
    found = {}
    for one in fields(holder):
        found[one.name] = Setting(one.name, one.type, one.default, **one.metadata)
    return types.MappingProxyType(found)


def _reader(kind: Any) -> Callable[[Any], Any]:
    """What reads a value of a type: one of `_READERS`, `Literal`, `… | None` or `tuple[…, ...]`."""
    if kind in _READERS:
        return _READERS[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return lambda value: _one_of(value, inner)
    if origin is tuple:
        return lambda value: tuple(map(_reader(inner[0]), _parts(value)))
    if origin is types.UnionType and inner[1:] == (types.NoneType,):
        return _reader(inner[0])
    raise TypeError(f"no setting can be a {kind}")


def _parts(value: Any) -> list[Any]:
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else list(value)


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"it is none of {', '.join(f'`{one}`' for one in choices)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is no text")
    return value


def _number(make: Callable[[str], float], name: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        try:
            return make(str(value))
        except ValueError:
            raise ValueError(f"it is no {name}") from None

    return read


def _truth(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("it is neither `true` nor `false`")
    return text in _TRUE


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _text,
    int: _number(int, "whole number"),
    float: _number(float, "number"),
    bool: _truth,
    Path: Path,
    Secret: lambda value: value if isinstance(value, Secret) else Secret(_text(value)),
}
