"""Regular expressions for `matches`, `matchesFull` and `replaceMatches`: never slower than the text is long.

http://hl7.org/fhirpath/N1/#matchesregex-string--boolean. The flavour is what PCRE, Java and XSD have in common, plus
`(?<name>…)`, lazy and possessive repetition; a pattern is searched anywhere, `.` is any character, `\\d \\w \\s` are
ASCII as in Java. A pattern on which backtracking could explode is run as an automaton; if it cannot be one (it looks
around, or is huge) it is refused with `fhirpath.pattern-costly`.
"""

import functools
import re
from collections.abc import Callable

from service.fhir.path.errors import failure
from service.fhir.path.nodes import MAX_TEXT
from service.fhir.path.regex import Automaton, Irregular, degree, explosive, tree

_MAX_PATTERN = 5_000
_STEPS = 5_000_000
_FLAGS = re.DOTALL | re.ASCII
_NAMED = re.compile(r"\(\?<(?=[A-Za-z_])")
_GROUP = re.compile(r"\\(?P<plain>.)|\$(?:(?P<number>[0-9]{1,2})|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\})", re.DOTALL)


@functools.lru_cache(512)
def _compiled(pattern: str) -> tuple[re.Pattern[str], int | None]:
    """The pattern for `re`, and the power of its time; `None` where that may be exponential."""
    if len(pattern) > _MAX_PATTERN:
        raise failure("too-long", size=len(pattern), most=_MAX_PATTERN)
    source = _NAMED.sub("(?P<", pattern)
    try:
        ready = re.compile(source, _FLAGS)
    except (re.error, OverflowError, RecursionError) as error:
        raise failure("pattern", pattern=pattern, reason=str(error)) from None
    try:
        found = tree(source)
    except Irregular:
        return ready, None
    return ready, None if explosive(found) else degree(found)


@functools.lru_cache(64)
def _automaton(source: str) -> Automaton | None:
    try:
        return Automaton(source, _FLAGS)
    except (Irregular, re.error):
        return None


def _harmless(power: int | None, text: str) -> bool:
    return power is not None and (len(text) + 1) ** (power + 1) <= _STEPS


def found_in(text: str, pattern: str) -> bool:
    """Whether `pattern` matches somewhere in `text`."""
    ready, power = _compiled(pattern)
    return ready.search(text) is not None if _harmless(power, text) else _stepwise(ready, text, whole=False)


def covers(text: str, pattern: str) -> bool:
    """Whether `pattern` matches the whole of `text`."""
    ready, power = _compiled(pattern)
    return ready.fullmatch(text) is not None if _harmless(power, text) else _stepwise(ready, text, whole=True)


def _stepwise(ready: re.Pattern[str], text: str, *, whole: bool) -> bool:
    automaton = _automaton(ready.pattern)
    if automaton is None or automaton.size * len(text) > 10 * _STEPS:
        raise failure("pattern-costly", pattern=ready.pattern)
    return automaton.matches(text, whole)


def replaced(text: str, pattern: str, substitution: str) -> str:
    """`text` with every match of `pattern` replaced; `$1` or `${name}` in the substitution is a group.

    An empty pattern replaces nothing. Which part matches is `re`'s to say, so a pattern that may explode is refused.
    """
    if not pattern:
        return text
    ready, power = _compiled(pattern)
    if not _harmless(power, text):
        raise failure("pattern-costly", pattern=pattern)
    if (len(text) + 1) * (len(substitution) + 1) > MAX_TEXT and len(substitution) > 1:
        raise failure("too-long", size=len(text) * len(substitution), most=MAX_TEXT)
    return ready.sub(_filler(substitution, ready), text)


def _filler(substitution: str, ready: re.Pattern[str]) -> Callable[[re.Match[str]], str]:
    """What stands for a match; a group that the pattern does not have is an error."""
    for match in _GROUP.finditer(substitution):
        number, name = match["number"], match["name"]
        if (number and int(number) > ready.groups) or (name and name not in ready.groupindex):
            raise failure("pattern", pattern=ready.pattern, reason=f"it has no group {match[0]}")

    def fill(found: re.Match[str]) -> str:
        def group(match: re.Match[str]) -> str:
            if match["plain"] is not None:
                return match["plain"]
            return found[int(match["number"]) if match["number"] else match["name"]] or ""

        return _GROUP.sub(group, substitution)

    return fill
