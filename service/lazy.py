"""Names of a package that are loaded when somebody first asks for them (PEP 562).

A start needs few of the modules that a document needs; which ones, tests/api/test_start.py holds.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def lazy(package: str, name: str, homes: Mapping[str, str]) -> Any:
    """What the package's module `homes[name]` calls `name`; `AttributeError` for a name that the package has not."""
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
    # The next one finds it without asking.
    setattr(sys.modules[package], name, found)
    return found


@contextmanager
def absent(package: str) -> Iterator[None]:
    """Inside, what would use `package` if it were installed does without it: for a library's adornment nobody sees."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
