"""Which codes a ValueSet holds: compiled once, asked often.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.fhir.codesystems import CodeSystem, Concept
from service.fhir.registries import REGISTRIES

Check = Callable[[str], bool | None]


class Membership:
    """The codes of one value set: True in, False not in, None where what is loaded cannot tell.

    `pairs` are the (system, code) that are surely in. `finite` says that nothing else is.
    """

    __slots__ = ("_ask", "codes", "finite", "known", "pairs", "systems", "url")

    def __init__(
        self,
        url: str,
        pairs: frozenset[tuple[str, str]],
        systems: frozenset[str],
        ask: Callable[[str, str], bool | None] | None,
        known: bool = True,
    ) -> None:
        self.url = url
        self.pairs = pairs
        self.codes = frozenset(code for _, code in pairs)
        self.systems = systems
        self.finite = ask is None
        self.known = known
        self._ask = ask

    def has(self, system: str, code: str) -> bool | None:
        if (system, code) in self.pairs:
            return True
        return False if self._ask is None else self._ask(system, code)

    def has_code(self, code: str) -> bool | None:
        """For an element of the type `code`, whose system is whichever the value set draws on."""
        if code in self.codes:
            return True
        if self._ask is None:
            return False
        if not self.known:
            return None
        answers = {self._ask(system, code) for system in self.systems}
        return True if True in answers else None if None in answers else False


class Include:
    """One `compose.include` or `exclude`: codes listed or filtered, a check for an open system, imported sets."""

    __slots__ = ("check", "codes", "imports", "system")

    def __init__(
        self, system: str | None, codes: frozenset[str] | None, check: Check | None, imports: tuple[Membership, ...]
    ) -> None:
        self.system = system
        self.codes = codes
        self.check = check
        self.imports = imports

    def has(self, system: str, code: str) -> bool | None:
        found: bool | None = True
        if self.system is not None:
            if system != self.system:
                return False
            if self.codes is not None and code in self.codes:
                found = True
            else:
                found = self.check(code) if self.check else False
        for one in self.imports:
            if found is False:
                return False
            answer = one.has(system, code)
            found = False if answer is False else None if answer is None else found
        return found

    @property
    def finite(self) -> bool:
        return self.check is None and all(one.finite for one in self.imports)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs that are surely in."""
        if self.system is not None:
            found = frozenset((self.system, code) for code in self.codes or ())
        else:
            found = self.imports[0].pairs if self.imports else frozenset()
        if not self.imports:
            return found
        return frozenset(pair for pair in found if all(one.has(*pair) for one in self.imports))

    def systems(self) -> frozenset[str]:
        if self.system is not None:
            return frozenset((self.system,))
        return frozenset().union(*(one.systems for one in self.imports))


def compile_membership(
    resource: Mapping[str, Any],
    code_system: Callable[[str], CodeSystem | None],
    membership: Callable[[str], Membership],
) -> Membership:
    """The membership of a ValueSet resource; `code_system` and `membership` find what it refers to."""
    compose = resource.get("compose")
    if not compose:
        listed = {(one["system"], one["code"]) for one in contained(resource) if "system" in one and "code" in one}
        return Membership(resource.get("url", ""), frozenset(listed), frozenset(s for s, _ in listed), None)
    includes = [_include(one, code_system, membership) for one in compose.get("include", ())]
    excludes = [_include(one, code_system, membership) for one in compose.get("exclude", ())]
    pairs = frozenset().union(*(one.pairs() for one in includes))
    if excludes:
        pairs = frozenset(pair for pair in pairs if all(one.has(*pair) is False for one in excludes))
    systems = frozenset().union(*(one.systems() for one in includes))
    closed = all(one.finite for one in (*includes, *excludes)) and not _folds(systems, code_system)
    if closed:
        return Membership(resource.get("url", ""), pairs, systems, None)

    def ask(system: str, code: str) -> bool | None:
        folded = code_system(system)
        if folded is not None and not folded.case_sensitive and (concept := folded.find(code)):
            code = concept.code
        inside = _any(one.has(system, code) for one in includes)
        if inside is False or not excludes:
            return inside
        outside = _any(one.has(system, code) for one in excludes)
        return False if outside is True else None if outside is None else inside

    return Membership(resource.get("url", ""), pairs, systems, functools.lru_cache(4096)(ask))


def unknown(url: str) -> Membership:
    """The membership of a value set that is not loaded."""
    return Membership(url, frozenset(), frozenset(), lambda system, code: None, known=False)


def contained(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every entry of `expansion.contains`, nested ones too."""
    stack = list(reversed(resource.get("expansion", {}).get("contains", ())))
    while stack:
        one = stack.pop()
        yield one
        stack.extend(reversed(one.get("contains", ())))


def _any(answers: Iterator[bool | None]) -> bool | None:
    found: bool | None = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            found = None
    return found


def _folds(systems: frozenset[str], code_system: Callable[[str], CodeSystem | None]) -> bool:
    return any((one := code_system(system)) is not None and not one.case_sensitive for system in systems)


def _include(
    include: Mapping[str, Any],
    code_system: Callable[[str], CodeSystem | None],
    membership: Callable[[str], Membership],
) -> Include:
    imports = tuple(membership(url) for url in include.get("valueSet", ()))
    url: str | None = include.get("system")
    if url is None:
        return Include(None, None, None, imports)
    if "concept" in include:
        return Include(url, frozenset(one["code"] for one in include["concept"]), None, imports)
    system = code_system(f"{url}|{include['version']}" if "version" in include else url) or code_system(url)
    filters = include.get("filter", [])
    if system is None:
        check = REGISTRIES.get(url, _nobody_knows)
        return Include(url, None, _filtered(check) if filters else check, imports)
    if not filters:
        codes: frozenset[str] | None = frozenset(system.concepts)
    else:
        codes = system.choose(filters)
    if codes is None:
        return Include(url, None, _maybe(system), imports)
    return Include(url, codes, None if system.complete else _outside(system), imports)


def _nobody_knows(code: str) -> bool | None:
    return None


def _filtered(check: Check) -> Check:
    """A registry under a filter that it cannot run: what is no code of it is out, the rest open."""
    return lambda code: False if check(code) is False else None


def _maybe(system: CodeSystem) -> Check:
    return lambda code: False if system.complete and system.find(code) is None else None


def _outside(system: CodeSystem) -> Check:
    # A code that a fragment does hold, and the filters did not choose, is out; one it does not hold may be anything.
    return lambda code: None if system.find(code) is None else False


__all__ = ["Concept", "Include", "Membership", "compile_membership", "contained", "unknown"]
