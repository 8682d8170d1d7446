"""The rules that a schema cannot say: one rule, one file; its docstring is its documentation."""

from collections.abc import Callable, Iterable, Mapping

from service.intake.facts import Facts
from service.issues import Issue

Rule = Callable[[Facts], Iterable[Issue]]

RULES: Mapping[str, Rule] = {}
