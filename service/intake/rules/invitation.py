"""In Yhdessä aika the near worker invites others only with the family's permission, and only those it names.

A warning while the meeting is only planned or will not be held; an error from the booking on. An interpreter needs no
permission. In Yhdessä-tiimi the team is the same for everyone, and the rule does not apply.
"""

from collections.abc import Iterator
from typing import Any

from service.intake.facts import Facts, Found
from service.issues import Issue, issue

BINDING = frozenset({"booked", "checked-in", "started", "held"})


def check(facts: Facts) -> Iterator[Issue]:
    if facts.document["model"] != "yhdessa-aika":
        return
    for meeting in facts.objects["meeting"]:
        yield from _meeting(facts, meeting)


def _meeting(facts: Facts, meeting: Found) -> Iterator[Issue]:
    severity = "error" if meeting.value["status"] in BINDING else "warning"
    permission = meeting.value.get("invitationPermission")
    for index, one in enumerate(meeting.value["participants"]):
        person = facts.person(one["person"])
        if facts.kinds[one["person"]] != "professional" or one["person"] == meeting.value["nearWorker"]:
            continue
        if person.get("profession") == "tulkki":
            continue
        if permission is None:
            pointer = meeting.at("invitationPermission")
            yield issue("intake.invitation-missing", severity=severity, pointer=pointer)
            return
        if not _covered(one["person"], person, permission):
            pointer = meeting.at("participants", index, "person")
            yield issue("intake.invitation-beyond", severity=severity, pointer=pointer)


def _covered(local: str, person: Any, permission: Any) -> bool:
    own = {"persons": local, "organisations": person.get("organisation"), "professions": person.get("profession")}
    limits = [name for name in own if name in permission]
    return not limits or any(own[name] in permission[name] for name in limits)
