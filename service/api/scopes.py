"""SMART scopes of systems: `system/<type or *>.<cruds>`, and the spellings of SMART 1 (`read`, `write`, `*`).

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)(?:\?.*)?")
_OLD = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be done (some of `cruds`) with a type (`*`: any)."""

    type: str
    letters: str

    def __str__(self) -> str:
        return f"system/{self.type}.{self.letters}"


def read_scopes(text: str) -> list[Scope] | None:
    """The scopes in `text`, separated by spaces; None where one of them is none that can be granted here.

    A scope with a query (`?…`) is none: it would have to narrow every search.
    """
    found: list[Scope] = []
    for one in text.split():
        match = _SCOPE.fullmatch(one)
        if match is None or "?" in one or not match[2]:
            return None
        found.append(Scope(match[1], _OLD.get(match[2], match[2])))
    return found


def granted(asked: Iterable[Scope], most: Collection[Scope]) -> list[Scope]:
    """What of `asked` is within `most`, letter by letter."""
    result: list[Scope] = []
    for one in asked:
        wide = "".join(letter for letter in one.letters if covers(most, one.type, letter))
        if wide:
            result.append(Scope(one.type, wide))
        elif one.type == "*":
            # Of `*`, what there is of single types.
            narrow = (
                Scope(two.type, "".join(letter for letter in one.letters if letter in two.letters)) for two in most
            )
            result += [two for two in narrow if two.letters]
    return list(dict.fromkeys(result))


def covers(scopes: Iterable[Scope], type_name: str, letter: str) -> bool:
    """Whether one of the scopes allows `letter` on the type; `*` only where a scope is for every type."""
    return any(one.type in ("*", type_name) and letter in one.letters for one in scopes)
