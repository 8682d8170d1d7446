"""Invariants of the definitions: natively where they are well known, as compiled FHIRPath otherwise.

https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from service.fhir.path import Env, PathError, compile_test
from service.fhir.path import Test as PathTest
from service.validation import narrative
from service.validation.keys import ByKeys, by_keys
from service.validation.natives import NATIVES, Native
from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

_ELE_1 = "hasValue() or (children().count() > id.count())"  # in every walk
BEST_PRACTICE = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
_SEVERITIES = {"error": "error", "warning": "warning"}

Test = Callable[[Any, Any, Run], bool | None]  # (value, its `_` sibling, run); None: cannot be told


class Invariants:
    """The checks of `ElementDefinition.constraint`."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._tests: dict[tuple[str, str], Test] = {}
        self._advice: dict[str, tuple[ItemCheck, ...]] = {}

    def of_type(self, constraints: Sequence[Json], type_name: str) -> tuple[ItemCheck, ...]:
        """The checks of every object of a type."""
        return tuple(self._compile(constraints, type_name))

    def of_element(self, element: Json, type_name: str, known: Iterable[str]) -> tuple[ItemCheck, ...]:
        """The checks of one element, without those that its type makes anyway (`known` keys)."""
        rows = [one for one in element.get("constraint", ()) if one["key"] not in known]
        return tuple(self._compile(rows, type_name))

    def advice(self, type_name: str) -> tuple[ItemCheck, ...]:
        """The check that a resource has a narrative (dom-6), which is best practice."""
        if type_name not in self._advice:
            element = self._rules.types.element(type_name) or {}
            rows = [one for one in element.get("constraint", ()) if one["key"] == "dom-6"]
            self._advice[type_name] = self.of_type(rows, type_name)
        return self._advice[type_name]

    def tests(self, constraints: Iterable[Json], type_name: str) -> list[tuple[Test, ByKeys | None]]:
        """The bare tests of constraints, each with what the keys of an object tell of it."""
        expressions = [one["expression"] for one in constraints if one.get("expression")]
        return [(self._test(one, type_name), by_keys(one, type_name, self._rules.model)) for one in expressions]

    def _compile(self, constraints: Sequence[Json], type_name: str) -> Iterable[ItemCheck]:
        for one in constraints:
            expression = one.get("expression")
            if not expression or expression == _ELE_1:
                continue
            yield _check(one, self._test(expression, type_name))

    def _test(self, expression: str, type_name: str) -> Test:
        mark = (expression, type_name)
        if mark not in self._tests:
            native = NATIVES.get(expression)
            path = self._path(expression, type_name)
            self._tests[mark] = _native(native, path) if native else path
        return self._tests[mark]

    def _path(self, expression: str, type_name: str) -> Test:
        """The FHIRPath as a test, compiled when first asked; a definition's defect is no fault of the data."""

        @functools.cache
        def compiled() -> PathTest | None:
            try:
                return compile_test(expression, model=self._rules.model, context=type_name)
            except PathError:
                return None

        def test(value: Any, sibling: Any, run: Run) -> bool | None:
            path = compiled()
            try:
                return None if path is None else path(value, self.env(run), sibling)
            except PathError:
                return None

        return test

    def env(self, run: Run) -> Env:
        """The world of an expression: the resource around it, its container, and what references lead to."""
        run.depended += 1
        key = ("env", id(run.resource), id(run.root), run.base)
        found = run.memo.get(key)
        if found is None:
            rules = self._rules
            base = run.base

            def resolve(reference: str) -> Any:
                kept, run.base = run.base, base
                try:
                    return rules.references.resolve(reference, run)
                finally:
                    run.base = kept

            def member_of(url: str, value: Any) -> bool | None:
                members = rules.bindings.membership(url)
                return None if members is None else rules.bindings.contains(members, value)

            def conforms_to(url: str, value: Any) -> bool | None:
                if rules.profiles.resource(url) is None:
                    return None
                return rules.profiles.conforms(value, url, run)

            found = run.memo[key] = Env(
                resource=run.resource,
                root_resource=run.root,
                resolve=resolve,
                member_of=member_of,
                conforms_to=conforms_to,
                html_checks=narrative.allowed,
            )
        env: Env = found
        return env


def _native(native: Native, path: Test) -> Test:
    def test(value: Any, sibling: Any, run: Run) -> bool | None:
        answer = native(value, run) if type(value) is dict else None
        return path(value, sibling, run) if answer is None else answer

    return test


def _check(constraint: Json, test: Test) -> ItemCheck:
    key = constraint["key"]
    human = constraint.get("human") or constraint["expression"]
    severity = _SEVERITIES.get(constraint.get("severity", "error"), "error")
    is_best_practice = key == "dom-6" or any(
        one.get("url") == BEST_PRACTICE and one.get("valueBoolean") for one in constraint.get("extension", ())
    )

    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        if test(value, sibling, run) is False:
            level = run.options.best_practice if is_best_practice else severity
            run.add("validation.invariant", at, severity=level, constraint=key, rule=key, human=human)

    return check
