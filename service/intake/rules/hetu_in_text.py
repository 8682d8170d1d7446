"""A HETU stands in its own field only: in free text it is a warning, in an id an error, because ids travel openly."""

from collections.abc import Iterator

from service.intake.facts import Facts, pointer
from service.intake.hetu import holds_hetu
from service.issues import Issue, issue

IDS = ("localId", "uri")


def check(facts: Facts) -> Iterator[Issue]:
    if not holds_hetu("\n".join([text for text, *_ in facts.strings])):
        return
    for text, path, shape, _ in facts.strings:
        if holds_hetu(text):
            key = "intake.hetu-in-id" if shape.special in IDS else "intake.hetu-in-text"
            yield issue(key, pointer=pointer(path))
