"""What a primitive element must look like: its lexical form, its required codes, its invariants.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from service.fhir.values import PRIMITIVES
from service.validation import narrative
from service.validation.fields import Lexical
from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules


class Primitives:
    """The checks of primitive elements."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules

    def of(self, type_name: str, element: Json) -> tuple[Lexical, Mapping[str, str], tuple[ItemCheck, ...]]:
        """The lexical check, what its texts need beside the value, and the further tests of an element."""
        lexical = PRIMITIVES[type_name]
        params = {"type": type_name}
        if type_name == "xhtml":
            return lexical, params, (narrative.check,)
        tests = list(self._rules.invariants.of_element(element, type_name, ()))
        if element.get("base", {}).get("path") == "Element.id":
            tests.append(_check_id)
        binding = element.get("binding")
        if binding:
            codes = self._rules.bindings.codes(binding) if type_name == "code" else None
            if codes is not None:
                return _coded(lexical, codes), params | {"valueset": binding["valueSet"]}, tuple(tests)
            bound = self._rules.bindings.compile(element, type_name)
            if bound:
                tests.append(bound)
        return lexical, params, tuple(tests)


def _check_id(value: Any, sibling: Any, at: At, run: Run) -> None:
    """An element's id names it within its resource, so no two have the same."""
    if type(value) is str:
        if value in run.ids:
            run.add("validation.id-twice", at, id=value)
        run.ids.add(value)


def _coded(lexical: Lexical, codes: frozenset[str]) -> Lexical:
    def check(value: Any) -> str | None:
        if type(value) is str and value in codes:
            return None
        return lexical(value) or "validation.code-required"

    return check
