"""A meeting is not moved to itself and does not follow itself up; a moved one says where it went."""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["meeting"]:
        moved = found.value.get("cancellation", {}).get("movedTo")
        if moved == found.value["id"]:
            yield issue("intake.moved-to-itself", pointer=found.at("cancellation", "movedTo"))
        if found.value["status"] == "moved" and moved is None:
            yield issue("intake.moved-where", pointer=found.at("cancellation", "movedTo"))
        if found.value.get("followsUp") == found.value["id"]:
            yield issue("intake.follows-itself", pointer=found.at("followsUp"))
