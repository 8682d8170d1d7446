"""Terminology over what is loaded: is a code in a value set, what is it called, what does it correspond to.

https://hl7.org/fhir/R4/terminology-service.html
"""

import functools
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir.codesystems import CodeSystem, Concept
from service.fhir.definitions import Definitions
from service.fhir.registries import REGISTRIES
from service.fhir.valuesets import Membership, compile_membership, unknown
from service.issues import Issue, issue

# Value sets that a system defines for itself: https://hl7.org/fhir/R4/snomedct.html#implicit, loinc.html#implicit
_IMPLICIT = (
    (re.compile(r"http://snomed\.info/sct(?:/[0-9/a-z]+)?\?fhir_vs(?P<part>=.+)?"), "http://snomed.info/sct"),
    (re.compile(r"http://loinc\.org/vs(?P<part>/.+)?"), "http://loinc.org"),
)


class TerminologyError(ValueError):
    """A question that cannot be answered; `issue` says why and what to do."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found


@dataclass(frozen=True, slots=True)
class Validated:
    """The answer about one code: `result` True, False, or None where what is loaded cannot tell.

    `display` is what the system calls it; `issues` say why it is not in, cannot be told, or is misnamed.
    """

    result: bool | None
    system: str | None
    code: str
    display: str | None = None
    issues: tuple[Issue, ...] = ()


class Terminology:
    """Code systems, value sets and concept maps of `definitions`, compiled as they are asked for.

    `concept_maps` are further ConceptMap resources (FHIR JSON), looked at before those of the definitions.
    """

    def __init__(self, definitions: Definitions, concept_maps: Iterable[dict[str, Any]] = ()) -> None:
        self.definitions = definitions
        self.concept_maps = tuple(concept_maps)
        self._memberships: dict[str, Membership] = {}
        self._systems: dict[str, CodeSystem | None] = {}
        # Only codes that are defined come here, so it cannot grow beyond what is loaded.
        self._names: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
        self._making: set[str] = set()
        self._lock = threading.RLock()

    def code_system(self, canonical: str) -> CodeSystem | None:
        """The indexed CodeSystem; None where it is not loaded, or only its name is."""
        if canonical not in self._systems:
            resource = self.definitions.code_system(canonical)
            usable = resource is not None and resource.get("content") not in ("not-present", "supplement")
            self._systems[canonical] = CodeSystem(resource) if resource is not None and usable else None
        return self._systems[canonical]

    def membership(self, canonical: str) -> Membership:
        """Which codes the value set holds; of one that is not loaded nothing is known (`.known` is False)."""
        found = self._memberships.get(canonical)
        if found is not None:
            return found
        with self._lock:
            resource = self.value_set(canonical)
            if resource is None or canonical in self._making:  # A value set may import itself.
                return unknown(canonical)
            self._making.add(canonical)
            try:
                found = self._memberships[canonical] = self.compile(resource)
            finally:
                self._making.discard(canonical)
            return found

    def compile(self, value_set: Mapping[str, Any]) -> Membership:
        """The membership of a ValueSet resource that is not loaded."""
        return compile_membership(value_set, self.code_system, self.membership)

    def value_set(self, canonical: str) -> dict[str, Any] | None:
        """The ValueSet, also one that a system implies (`CodeSystem.valueSet`, all of SNOMED CT or LOINC)."""
        found = self.definitions.value_set(canonical)
        if found is not None:
            return found
        url = canonical.partition("|")[0]
        if url in self._implied:
            return _implied(url, {"system": self._implied[url]})
        for pattern, system in _IMPLICIT:
            if match := pattern.fullmatch(url):
                # Which codes a part holds only a server of that system could tell.
                part = (
                    {"filter": [{"property": "concept", "op": "in", "value": match["part"]}]} if match["part"] else {}
                )
                return _implied(url, {"system": system} | part)
        return None

    def lookup(self, system: str, code: str) -> Concept | None:
        """The concept of `code` in `system`, None where the system is not loaded or does not have it."""
        found = self.code_system(system)
        return found.find(code) if found else None

    def in_system(self, system: str, code: str) -> bool | None:
        """Whether `system` has `code`: True, False, or None where that cannot be told."""
        known = self.code_system(system)
        if known is not None:
            return True if known.find(code) else False if known.complete else None
        check = REGISTRIES.get(system)
        return check(code) if check else None

    def concept_map(self, canonical: str) -> dict[str, Any] | None:
        """The ConceptMap of that url."""
        url, _, version = canonical.partition("|")
        for one in self.concept_maps:
            if one.get("url") == url and version in ("", one.get("version")):
                return one
        return self.definitions.get("ConceptMap", canonical)

    def all_concept_maps(self) -> Iterator[dict[str, Any]]:
        yield from self.concept_maps
        own = {one.get("url") for one in self.concept_maps}
        for row in self.definitions.rows("ConceptMap"):
            found = None if row.url in own else self.definitions.get("ConceptMap", row.url)
            if found is not None:
                yield found

    def validate_code(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Validated:
        """Whether `code` of `system` (None: whichever the value set draws on) is in the value set."""
        return self.validate_in(self.membership(value_set), system, code, display)

    def validate_in(self, members: Membership, system: str | None, code: str, display: str | None = None) -> Validated:
        """The same for a membership at hand."""
        result = members.has(system, code) if system else members.has_code(code)
        system = system or self._system_of(members, code)
        issues: list[Issue] = []
        params: dict[str, Any] = {"code": code, "system": system or "?", "valueset": members.url}
        if not members.known:
            issues.append(issue("terminology.value-set-unknown", **params))
        elif result is None:
            issues.append(issue("terminology.cannot-tell", **params))
        elif result is False:
            wrong = system is not None and self.in_system(system, code) is False
            issues.append(issue("terminology.code-unknown" if wrong else "terminology.not-in-value-set", **params))
        return self._named(result, system, code, display, issues)

    def validate_in_system(self, system: str, code: str, display: str | None = None) -> Validated:
        """Whether `system` has `code`."""
        result = self.in_system(system, code)
        issues = []
        if result is None:
            issues.append(issue("terminology.system-unknown", system=system, code=code))
        elif result is False:
            issues.append(issue("terminology.code-unknown", system=system, code=code))
        return self._named(result, system, code, display, issues)

    def displays(self, system: str, code: str) -> tuple[str, ...]:
        """What `code` may be called, its display first; empty where the system is not loaded."""
        concept = self.lookup(system, code)
        if concept is None:
            return ()
        names = (concept.display, *(one.get("value") for one in concept.designations))
        return tuple(name for name in names if name)

    def display(self, system: str, code: str, language: str | None = None) -> str | None:
        """What `code` is called, in `language` (`fi`, `sv-FI`, …) where the system has that, else its display."""
        concept = self.lookup(system, code)
        if concept is None:
            return None
        if language:
            for one in concept.designations:
                if str(one.get("language", "")).split("-")[0].lower() == language.split("-")[0].lower():
                    return str(one["value"])
        return concept.display

    def display_issue(self, system: str, code: str, display: str) -> Issue | None:
        """A warning where the system calls `code` by other names than `display` (case and spaces do not count)."""
        known = self._names.get((system, code))
        if known is None:
            names = self.displays(system, code)
            if not names:
                return None
            known = self._names[system, code] = names[0], frozenset(_plain(name) for name in names)
        if display == known[0] or _plain(display) in known[1]:
            return None
        return issue("terminology.display-mismatch", display=display, code=code, system=system, expected=known[0])

    def _named(
        self, result: bool | None, system: str | None, code: str, display: str | None, issues: list[Issue]
    ) -> Validated:
        right = self.display(system, code) if system else None
        if display and system and result is not False and (wrong := self.display_issue(system, code, display)):
            issues.append(wrong)
        return Validated(result, system, code, right, tuple(issues))

    def _system_of(self, members: Membership, code: str) -> str | None:
        drawn_on = sorted(members.systems)
        return next(
            (system for system in drawn_on if members.has(system, code)), drawn_on[0] if len(drawn_on) == 1 else None
        )

    @functools.cached_property
    def _implied(self) -> Mapping[str, str]:
        rows = self.definitions.rows("CodeSystem")
        return {row.info["valueSet"]: row.url for row in rows if "valueSet" in row.info}


def _implied(url: str, include: Mapping[str, Any]) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
