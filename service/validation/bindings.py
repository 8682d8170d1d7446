"""Bindings: codes against the value sets that elements are bound to, and codings against their own code systems.

https://hl7.org/fhir/R4/terminologies.html#binding, https://hl7.org/fhir/R4/terminologies.html#strength
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from service.fhir.registries import REGISTRIES
from service.fhir.values import PRIMITIVES
from service.fhir.valuesets import Membership
from service.validation.references import is_absolute
from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

_uri, _code = PRIMITIVES["uri"], PRIMITIVES["code"]
MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
URI = "urn:ietf:rfc:3986"
IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_COUNTRY_TYPE = re.compile("NN[A-Z]{3}")
_STRENGTHS = ("required", "extensible", "preferred")
_CODED = frozenset(("code", "Coding", "CodeableConcept", "Quantity", "uri", "string", "url", "canonical", "id"))
_REMEMBERED, _MOST_CODINGS = 100_000, 5  # values, and codings of one
Mark = str | tuple[str, ...]


class Bindings:
    """The checks of bindings."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._codings: dict[tuple[Any, Any, Any], tuple[str, dict[str, Any]] | None] = {}

    def membership(self, url: str | None) -> Membership | None:
        """The codes of a value set; None where it is not known."""
        found = self._rules.terminology.membership(url) if url else None
        return found if found is not None and found.known else None

    def codes(self, binding: Json) -> frozenset[str] | None:
        """All codes that a required binding allows, where they can be listed."""
        if binding.get("strength") != "required":
            return None
        found = self.membership(binding.get("valueSet"))
        return found.codes if found is not None and found.finite else None

    def contains(self, members: Membership, value: Any) -> bool | None:
        """Whether a code, Coding, CodeableConcept or Quantity is in the value set; None where that cannot be told."""
        if type(value) is str:
            return members.has_code(value)
        answers = set()
        for coding in _codings(value):
            system, code = coding.get("system"), coding.get("code")
            if type(code) is not str:
                continue
            answers.add(members.has(system, code) if type(system) is str else False)
        return True if True in answers else None if None in answers else False

    def compile(self, element: Json, type_name: str) -> ItemCheck | None:
        """The check of the binding of an element; None where nothing is demanded."""
        binding = element.get("binding")
        if not binding or type_name not in _CODED:
            return None
        checks = []
        strength, url = binding.get("strength"), binding.get("valueSet")
        whole = type_name == "Coding"
        if strength in _STRENGTHS and (members := self.membership(url)) is not None:
            checks.append(self._check(members, url, strength, whole))
        for extension in binding.get("extension", ()):
            if extension.get("url") == MAX_VALUE_SET:
                most = extension.get("valueCanonical") or extension.get("valueUri")
                if strength != "required" and (members := self.membership(most)) is not None:
                    # Words alone are no code outside the most that may stand, unless a code is asked for.
                    words = strength != "extensible"
                    checks.append(self._check(members, most, "maximum", whole, words))
        if len(checks) < 2:
            return checks[0] if checks else None

        def both(value: Any, sibling: Any, at: At, run: Run) -> None:
            for check in checks:
                check(value, sibling, at, run)

        return both

    def _check(
        self, members: Membership, url: str, strength: str, whole: bool = False, words: bool = False
    ) -> ItemCheck:
        """The check of one value set; `whole`: a Coding lacking a part gets a warning; `words` may stand alone."""
        inside: set[Mark] = set()

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            if type(value) not in (str, dict) or (mark := _mark(value)) in inside:
                return
            if self.contains(members, value) is not False:
                if mark is not None:
                    if len(inside) >= _REMEMBERED:
                        inside.clear()
                    inside.add(mark)
                return
            if words and type(value) is dict and not any(_codes(value)):
                return
            if whole and type(value) is dict and _is_part(value):
                _outside(value, url, strength, at, run, "warning")
                return
            level = strength if strength != "maximum" or self._tells(value) else "extensible"
            _outside(value, url, level, at, run)

        return check

    def _tells(self, value: Any) -> bool:
        """Whether the systems of all codings are known here; one that is not may be another name for the right one."""
        systems = (one.get("system") for one in _codings(value))
        known = self._rules.terminology.code_system
        return all(type(one) is str and (known(one) is not None or one in REGISTRIES) for one in systems)

    def check_system(self, severity: str) -> ItemCheck:
        """The check that a system, which says whose a code or identifier is everywhere, is absolute."""

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            system = value.get("system")
            if type(system) is str and not is_absolute(system) and _uri(system) is None:
                run.add("validation.system-relative", (at, "system"), severity=severity, system=system)

        return check

    def check_uri(self, value: Json, sibling: Any, at: At, run: Run) -> None:
        """An Identifier whose system says that its value is a URI, against that."""
        if value.get("system") == URI and type(said := value.get("value")) is str and not is_absolute(said):
            run.add("validation.identifier-uri", (at, "value"), value=said)

    def code_missing(self, binding: Json) -> ItemCheck | None:
        """The check of a coded primitive that has extensions and no value; None where a code is not required."""
        if binding.get("strength") != "required":
            return None

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            run.add("validation.binding-no-code", at, valueset=binding.get("valueSet"), strength="required")

        return check

    def check_coding(self, value: Json, sibling: Any, at: At, run: Run) -> None:
        """A Coding against its own code system: the code exists and is called what `display` says."""
        mark = (value.get("system"), value.get("code"), value.get("display"))
        system, code, display = mark
        if type(system) is not str or type(code) is not str or type(display) not in (str, type(None)):
            return
        if mark not in self._codings:
            if len(self._codings) > _REMEMBERED:
                self._codings.clear()
            self._codings[mark] = self.coding_issue(system, code, display)
        found = self._codings[mark]
        if found is None:
            return
        key, params = found
        if key == "validation.display":
            run.add(key, (at, "display"), severity=run.options.displays, **params)
        else:
            # R4's own examples write such codes in another case.
            severity = "warning" if self._in_another_case(system, code) else None
            run.add(key, (at, "code"), severity=severity, **params)

    def _in_another_case(self, system: str, code: str) -> bool:
        found = self._rules.terminology.code_system(system)
        return found is not None and code.lower() in {one.code.lower() for one in found}

    def coding_issue(self, system: str, code: str, display: str | None = None) -> tuple[str, dict[str, Any]] | None:
        """The key and parameters of what is wrong with a Coding by its code system."""
        if _code(code) is not None:
            return None  # Its form is wrong, and that is said already.
        terminology = self._rules.terminology
        if terminology.in_system(system, code) is False and not _by_country(system, code):
            return "validation.code-unknown", {"code": code, "system": system}
        wrong = terminology.display_issue(system, code, display) if display else None
        return ("validation.display", dict(wrong.params)) if wrong else None


def _by_country(system: str, code: str) -> bool:
    """Whether it is one of the identifier types that stand for one type per country (`NNxxx`, as `NNFIN`)."""
    return system == IDENTIFIER_TYPES and _COUNTRY_TYPE.fullmatch(code) is not None


def _mark(value: Any) -> Mark | None:
    """What tells a coded value: a plain code, or the systems and codes of its codings; None where one lacks either."""
    if type(value) is str:
        return value
    codings = value.get("coding", (value,))
    if type(codings) not in (list, tuple) or len(codings) > _MOST_CODINGS:
        return None
    found: tuple[str, ...] = ()
    for one in codings:
        if type(one) is not dict or "system" not in one or "code" not in one:
            return None
        system, code = one["system"], one["code"]
        if type(system) is not str or type(code) is not str:
            return None
        found += (system, code)
    return found


def _codings(value: Any) -> Iterator[Json]:
    if type(value) is dict:
        codings = value.get("coding")
        if type(codings) is list:
            yield from (one for one in codings if type(one) is dict)
        elif "code" in value:
            yield value


def _is_part(coding: Json) -> bool:
    """Whether a Coding lacks its system or code: then nobody can tell what it means, which is a matter of its own."""
    return type(coding.get("system")) is not str or type(coding.get("code")) is not str


def _codes(value: Any) -> Iterator[str]:
    return (one["code"] for one in _codings(value) if type(one.get("code")) is str)


def _outside(value: Any, url: str, strength: str, at: At, run: Run, severity: str | None = None) -> None:
    if strength == "preferred":
        severity = run.options.preferred_bindings
    severity = severity or ("warning" if strength == "extensible" else "error")
    if type(value) is str:
        run.add("validation.binding", at, severity=severity, code=value, valueset=url, strength=strength)
        return
    codes = [f"{one.get('system', '')}#{one['code']}" for one in _codings(value) if type(one.get("code")) is str]
    if codes:
        shown = ", ".join(codes)
        run.add("validation.binding", at, severity=severity, code=shown, valueset=url, strength=strength)
    elif "value" not in value and "extension" not in value:
        run.add("validation.binding-no-code", at, severity=severity, valueset=url, strength=strength)
