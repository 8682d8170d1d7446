"""A non-disclosure order (turvakielto) follows the address: whoever lives with its holder is protected too.

Someone at the same address without the mark is a warning: the address must not leak through them.
"""

from collections.abc import Iterator
from typing import Any

from service.intake.facts import Facts
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    people = {one.value["id"]: one for one in facts.objects["child"]}
    for found in (*facts.objects["guardian"], *facts.objects["otherMember"]):
        for relation in found.value["relations"]:
            child = people.get(relation["child"])
            if child is None or not _together(relation, found.value, child.value):
                continue
            for one, other in ((found, child), (child, found)):
                if other.value.get("nonDisclosure") and not one.value.get("nonDisclosure"):
                    yield issue("intake.non-disclosure", pointer=one.at("nonDisclosure"), other=other.pointer)


def _together(relation: Any, person: Any, child: Any) -> bool:
    same = "address" in person and person["address"] == child.get("address")
    return bool(relation.get("livesTogether")) or same
