"""Regular expressions for `matches` and `replaceMatches`, in the common part of the PCRE and XSD flavours.

http://hl7.org/fhirpath/N1/#matchesregex-string--boolean: searched anywhere, single-line mode, Unicode.
"""

import functools
import re

from service.fhir.path.errors import failure

_MAX_PATTERN = 5_000


@functools.lru_cache(512)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > _MAX_PATTERN:
        raise failure("too-long", size=len(pattern), most=_MAX_PATTERN)
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise failure("pattern", pattern=pattern, reason=str(error)) from None


def found_in(text: str, pattern: str) -> bool:
    """Whether `pattern` matches somewhere in `text`."""
    return _compiled(pattern).search(text) is not None


def covers(text: str, pattern: str) -> bool:
    """Whether `pattern` matches the whole of `text`."""
    return _compiled(pattern).fullmatch(text) is not None


def replaced(text: str, pattern: str, substitution: str) -> str:
    """`text` with every match of `pattern` replaced; `$1` or `${name}` in the substitution is a group."""
    if not pattern:
        return text
    return _compiled(pattern).sub(substitution, text)
