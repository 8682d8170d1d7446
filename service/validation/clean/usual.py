"""Codes, profiles and the like are the same in most resources: what was right at a place once is right there again.

https://hl7.org/fhir/R4/datatypes.html#codesystem
"""

from typing import Any

from service.validation.clean.lexical import LONGEST
from service.validation.clean.passes import Part, Usual, write_part
from service.validation.run import Run

TYPES = frozenset(("CodeableConcept", "Coding", "Extension", "Meta"))
# What is said in words of a system's, and leads nowhere: no names, references or ids.
_KEYS = frozenset(("code", "coding", "display", "extension", "profile", "security", "system", "tag", "url")).union(
    ("valueCode", "valueCodeableConcept", "valueCoding")
)
_TRIES, _MOST_STRINGS = 10, 20  # values of a place of which it is asked whether to remember them, and strings of one


def usual(part: Part) -> Usual:
    """`part`, the first of its values remembered, as they are mostly the only ones."""
    known: list[Any] = []
    check = write_part(part)
    tries = _TRIES

    def sure(value: Any, run: Run) -> bool:
        nonlocal tries
        before = (*run.counts, run.depended)
        if not check(value, run):
            return False
        if tries:
            tries -= 1
            if (*run.counts, run.depended) == before and _strings(value) <= _MOST_STRINGS:
                known.append(_copy(value))
        return True

    return Usual(known, sure)


def _strings(value: Any) -> int:
    """How many strings there are in a value that may be remembered; too many in any other."""
    if type(value) is str and len(value) <= LONGEST:
        return 1
    if type(value) is list:
        return sum(map(_strings, value))
    if type(value) is dict and _KEYS.issuperset(value):
        return sum(map(_strings, value.values()))
    return _MOST_STRINGS + 1


def _copy(value: Any) -> Any:
    """A copy that nobody else can change."""
    if type(value) is list:
        return [_copy(one) for one in value]
    return {key: _copy(one) for key, one in value.items()} if type(value) is dict else value
