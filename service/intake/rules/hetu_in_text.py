"""A HETU stands in its own field only: in free text it is a warning, in an id an error, because ids travel openly."""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.intake.hetu import holds_hetu
from service.issues import Issue, issue

IDS = ("localId", "uri")


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.strings:
        if holds_hetu(found.value):
            key = "intake.hetu-in-id" if found.shape.special in IDS else "intake.hetu-in-text"
            yield issue(key, pointer=found.pointer)
