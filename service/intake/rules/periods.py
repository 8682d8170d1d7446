"""Nothing ends, falls due or is to be reached before it starts."""

from collections.abc import Iterator
from typing import Any

from service.intake.facts import Facts
from service.intake.times import when
from service.issues import Issue, issue

ENDS = ("end", "due", "target")


def check(facts: Facts) -> Iterator[Issue]:
    for objects in facts.objects.values():
        for found in objects:
            if "start" not in found.value:
                continue
            for name in ENDS:
                if name in found.value and _before(found.value[name], found.value["start"]):
                    yield issue("intake.end-before-start", pointer=found.at(name), name=name)


def _before(end: Any, start: Any) -> bool:
    if not (isinstance(end, str) and isinstance(start, str)):
        return False
    last, first = when(end), when(start)
    return last is not None and first is not None and last < first
