"""What may grow in a regular expression and the text it is asked of."""

from collections.abc import Callable

from service.fhir.path import PathError
from service.fhir.path.patterns import found_in
from tests.fuzz.growing.base import Growth, Work


def pattern(make: Callable[[int], tuple[str, str]]) -> Callable[[int], Work]:
    def work_for(size: int) -> Work:
        given, text = make(size)

        def work() -> None:
            for cache in ("_compiled", "_automaton"):
                found_in.__globals__[cache].cache_clear()
            try:
                found_in(text, given)
            except PathError:
                return

        return work

    return work_for


_BOTH = "pattern and text both double, and the automaton takes their product"
_STATES = "each of n stars can be left for each later one: n² moves of the automaton, up to its limit of states"
PATTERNS = [
    Growth("regex: alternatives", 100, pattern(lambda n: ("|".join(f"a{i}" for i in range(n)), "a5 " * 50))),
    Growth("regex: repeated alternatives", 50, pattern(lambda n: (f"({'|'.join('ab' * n)})*c", "ab" * 100))),
    Growth("regex: groups", 100, pattern(lambda n: ("(a)" * n, "a" * 200))),
    Growth("regex: optional parts", 20, pattern(lambda n: ("a?" * n + "a" * n, "a" * n)), _BOTH),
    Growth("regex: nested groups", 10, pattern(lambda n: ("(" * n + "a" + ")+" * n + "$", "a" * 50 + "!"))),
    Growth("regex: stars", 20, pattern(lambda n: ("a*" * n + "b", "a" * 100)), _STATES),
    Growth("regex: counted", 20, pattern(lambda n: (f"(a|b){{{n}}}c", "ab" * 100))),
    Growth("regex: a class", 500, pattern(lambda n: ("[" + "a-c" * n + "]+$", "a" * 100))),
    Growth("regex: text, explosive pattern", 1000, pattern(lambda n: ("(a+)+$", "a" * n + "!"))),
    Growth("regex: text, two stars", 1000, pattern(lambda n: ("a.*b.*c$", "ab" * n))),
]
