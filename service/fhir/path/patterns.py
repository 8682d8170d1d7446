"""Regular expressions for `matches`, `matchesFull` and `replaceMatches`: never slower than the text is long.

http://hl7.org/fhirpath/N1/#matchesregex-string--boolean. The flavour is what PCRE, Java and XSD have in common, plus
`(?<name>…)`, looking around, lazy and possessive repetition, and `(?i)` at the start; a pattern is searched anywhere,
`.` is any character, `\\d \\w \\s` are ASCII as in Java. A pattern on which backtracking could explode, or a text too
long for it, is run as an automaton; if it cannot be one it is refused with `fhirpath.pattern-costly`.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from service.fhir.path.errors import failure
from service.fhir.path.nodes import MAX_TEXT
from service.fhir.path.regex import Automaton, Irregular, degree, explosive, tree, ways

_MAX_PATTERN = 5_000
_STEPS = 5_000_000
_FLAGS = re.DOTALL | re.ASCII
_TRANSLATED = re.compile(
    r"\\k<(?P<reference>[A-Za-z_][A-Za-z0-9_]*)>|\\."
    r"|(?P<named>\(\?<(?=[A-Za-z_]))|(?P<begin>\[\^?+\]?+)(?P<inside>(?:\\.|[^\]\\])*)\]|(?P<open>\[)",
    re.DOTALL,
)
_GROUP = re.compile(r"\\(?P<plain>.)|\$(?:(?P<number>[0-9]{1,2})|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern for `re`, its text as `re` has it, and what it costs at most: `ways` times the length to the `power`.

    `power` is `None` where that may be exponential in the length.
    """

    ready: re.Pattern[str]
    source: str
    power: int | None
    ways: int = 1


@functools.lru_cache(512)
def _compiled(pattern: str) -> _Pattern:
    if len(pattern) > _MAX_PATTERN:
        raise failure("too-long", size=len(pattern), most=_MAX_PATTERN)
    folded = pattern.startswith("(?i)")
    source = _TRANSLATED.sub(_translate, pattern.removeprefix("(?i)"))
    try:
        ready = re.compile(source, _FLAGS | (re.IGNORECASE if folded else re.NOFLAG))
    except (re.error, OverflowError, RecursionError) as error:
        raise failure("pattern", pattern=pattern, reason=str(error)) from None
    try:
        found = tree(source, exact=False)
    except Irregular:
        return _Pattern(ready, source, None)
    return _Pattern(ready, source, None if explosive(found) else degree(found), ways(found))


def _translate(match: re.Match[str]) -> str:
    """Names of groups as Python writes them; in a class every `[` and doubled sign is only itself."""
    if match["named"] is not None:
        return "(?P<"
    if match["reference"] is not None:
        return f"(?P={match['reference']})"
    if match["open"] is not None:
        raise failure("pattern", pattern=match.string, reason="a `[` is not closed")
    if match["inside"] is None:
        return match[0]
    inside = re.sub(r"(\\.)|\[", lambda one: one[1] or r"\[", match["inside"], flags=re.DOTALL)
    return f"{match['begin']}{re.sub(r'(--|&&|~~|[|][|])', lambda one: one[0][0] + chr(92) + one[0][1], inside)}]"


@functools.lru_cache(64)
def _automaton(source: str, flags: int) -> Automaton | None:
    try:
        return Automaton(source, re.RegexFlag(flags) & (_FLAGS | re.IGNORECASE))
    except (Irregular, re.error):
        return None


def _harmless(known: _Pattern, text: str) -> bool:
    return known.power is not None and known.ways * (len(text) + 1) ** (known.power + 1) <= _STEPS


def found_in(text: str, pattern: str) -> bool:
    """Whether `pattern` matches somewhere in `text`."""
    known = _compiled(pattern)
    if _harmless(known, text):
        return known.ready.search(text) is not None
    return _stepwise(known, text, whole=False)


def covers(text: str, pattern: str) -> bool:
    """Whether `pattern` matches the whole of `text`."""
    known = _compiled(pattern)
    if _harmless(known, text):
        return known.ready.fullmatch(text) is not None
    return _stepwise(known, text, whole=True)


def _stepwise(known: _Pattern, text: str, *, whole: bool) -> bool:
    automaton = _automaton(known.source, known.ready.flags)
    if automaton is None or automaton.size * len(text) > 10 * _STEPS:
        raise failure("pattern-costly", pattern=known.source)
    return automaton.matches(text, whole)


def replaced(text: str, pattern: str, substitution: str) -> str:
    """`text` with every match of `pattern` replaced; `$1` or `${name}` in the substitution is a group.

    An empty pattern replaces nothing. Which part matches is `re`'s to say, so a pattern that may explode is refused.
    """
    if not pattern:
        return text
    known = _compiled(pattern)
    if not _harmless(known, text):
        raise failure("pattern-costly", pattern=pattern)
    if (len(text) + 1) * (len(substitution) + 1) > MAX_TEXT and len(substitution) > 1:
        raise failure("too-long", size=len(text) * len(substitution), most=MAX_TEXT)
    return known.ready.sub(_filler(substitution, known.ready), text)


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
