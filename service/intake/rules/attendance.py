"""Who was there agrees with the meeting's status: held only with the family present, and not before it is recorded."""

from collections.abc import Iterator

from service.intake.facts import Facts, Found
from service.intake.times import when
from service.issues import Issue, issue

TAKES_PLACE = frozenset({"checked-in", "started", "held", "no-show"})
FAMILY = ("child", "guardian", "other")


def check(facts: Facts) -> Iterator[Issue]:
    for meeting in facts.objects["meeting"]:
        yield from _meeting(facts, meeting)


def _meeting(facts: Facts, meeting: Found) -> Iterator[Issue]:
    status = meeting.value["status"]
    present = [index for index, one in enumerate(meeting.value["participants"]) if one.get("attended")]
    family = [i for i in present if facts.kinds[meeting.value["participants"][i]["person"]] in FAMILY]
    if status == "held" and not family:
        yield issue("intake.held-without-family", pointer=meeting.at("status"))
    if status == "no-show" and family:
        yield issue("intake.no-show-attended", pointer=meeting.at("participants", family[0], "attended"))
    if status not in TAKES_PLACE and present:
        yield issue("intake.attended-early", pointer=meeting.at("participants", present[0], "attended"), status=status)
    if status == "held":
        start, recorded = when(meeting.value["start"]), when(facts.document["recorded"])
        if start is not None and recorded is not None and start > recorded:
            yield issue("intake.held-in-future", pointer=meeting.at("start"))
