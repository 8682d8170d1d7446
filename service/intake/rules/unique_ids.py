"""A local id names one thing: one person, professional or organisation in the document, one entry in its list."""

from collections.abc import Iterator

from service.intake.facts import ORDER, Facts, Found
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for kind in ORDER:
        for found in facts.entities[kind]:
            local = found.value["id"]
            if facts.named[local] is not found:
                yield _twice(facts, local, found.at("id"), facts.named[local].at("id"))
    for kind, entities in facts.entities.items():
        if kind in ORDER or kind in ("place", "relation"):
            continue
        seen: dict[tuple[int, str], Found] = {}
        for found in entities:
            key = (id(found.around), found.value["id"])
            first = seen.setdefault(key, found)
            if first is not found:
                yield _twice(facts, found.value["id"], found.at("id"), first.at("id"))
    yield from _relations(facts)


def _twice(facts: Facts, local: str, pointer: str, first: str) -> Issue:
    return issue("intake.id-twice", pointer=pointer, value=facts.shown(local), first=first)


def _relations(facts: Facts) -> Iterator[Issue]:
    for person in (*facts.objects["guardian"], *facts.objects["otherMember"]):
        seen: set[str] = set()
        for index, relation in enumerate(person.value["relations"]):
            if relation["child"] in seen:
                yield issue("intake.relation-twice", pointer=person.at("relations", index, "child"))
            seen.add(relation["child"])
