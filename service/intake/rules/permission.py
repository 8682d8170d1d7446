"""A permission is given by a guardian or the child, and a revoked one says when it was revoked, after it was given."""

from collections.abc import Iterator

from service.intake.facts import Facts, Found
from service.intake.times import when
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["permission"]:
        yield from _revocation(found)
        yield from _givers(facts, found)
    for found in facts.objects["invitationPermission"]:
        yield from _givers(facts, found)


def _revocation(found: Found) -> Iterator[Issue]:
    status = found.value["status"]
    if status == "revoked" and "revoked" not in found.value:
        yield issue("intake.revoked-when", pointer=found.at("revoked"))
    if status != "revoked" and "revoked" in found.value:
        yield issue("intake.revoked-status", pointer=found.at("status"), value=status)
    if "revoked" in found.value:
        revoked, given = when(found.value["revoked"]), when(found.value["given"])
        if revoked is not None and given is not None and revoked < given:
            yield issue("intake.revoked-before-given", pointer=found.at("revoked"))


def _givers(facts: Facts, found: Found) -> Iterator[Issue]:
    """A reference that points nowhere is another rule's business."""
    givers = found.value["givenBy"]
    if not any(_may_give(facts, giver) for giver in givers) and all(facts.kinds[giver] for giver in givers):
        yield issue("intake.permission-giver", pointer=found.at("givenBy"))


def _may_give(facts: Facts, giver: str) -> bool:
    kind = facts.kinds[giver]
    if kind == "guardian":
        return any(relation.get("custody") != "none" for relation in facts.person(giver)["relations"])
    return kind == "child"
