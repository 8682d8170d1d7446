"""Is a text a unit of UCUM? A small reader of its grammar over the units in use.

https://ucum.org/ucum (§2 grammar, §4 tables of prefixes and units)
"""

import functools
import re

from service.fhir.words import words

_LONGEST = 200
_TOKEN = re.compile(
    r"(?P<mark>[./()])"
    r"|(?P<note>\{[ -z|~]*\})"
    r"|(?P<power>10[*^])(?:[+-]?[0-9]+)?"
    r"|(?P<number>[1-9][0-9]*)(?![0-9*^])"
    r"|(?P<unit>(?:[^./(){}\[\]\s0-9+\-]|\[[^\[\]\s{}]*\])+)(?:[+-]?[0-9]+)?",
    re.ASCII,
)


def check(code: str) -> bool | None:
    """True for a unit, False for none, None where it holds a bracketed unit that is not listed here."""
    if len(code) > _LONGEST or not code.isascii():
        return False
    shape: list[str] = []
    known: bool | None = True
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None:
            return False
        at = match.end()
        if mark := match["mark"]:
            shape.append(mark)
        elif match["note"] is not None:
            shape.append("n")
        else:
            shape.append("u")
            if (unit := match["unit"]) and not _listed(unit):
                if "[" not in unit:
                    return False
                known = None
    return known if _well_formed("".join(shape)) else False


@functools.lru_cache(1024)
def _listed(unit: str) -> bool:
    metric = words("ucum-metric")
    if unit in metric or unit in words("ucum-other"):
        return True
    return any(unit.startswith(prefix) and unit[len(prefix) :] in metric for prefix in words("ucum-prefixes"))


def _well_formed(shape: str) -> bool:
    """Whether units (`u`), annotations (`n`), `.`, `/` and brackets make a term; brackets are folded from inside."""
    while True:
        folded = re.sub(r"\(/?(?:un?|n)(?:[./](?:un?|n))*\)", "u", shape)
        if folded == shape:
            return bool(re.fullmatch(r"/?(?:un?|n)(?:[./](?:un?|n))*", shape))
        shape = folded
