"""Yhdessä-tiimi is for families with a child under 8: a child who is older at the meeting is a warning."""

from collections.abc import Iterator
from datetime import date

from service.intake.facts import Facts
from service.intake.times import day
from service.issues import Issue, issue

LIMIT = 8


def check(facts: Facts) -> Iterator[Issue]:
    if facts.document["model"] != "yhdessa-tiimi":
        return
    starts = [found.value.get("start") for found in facts.objects["meeting"]]
    days = [when for start in starts if start and (when := day(start))]
    for child in facts.objects["child"]:
        birth = day(child.value["birthDate"])
        if birth is not None and any(_age(birth, when) >= LIMIT for when in days):
            yield issue("intake.child-age", pointer=child.at("birthDate"), limit=LIMIT)


def _age(birth: date, when: date) -> int:
    return when.year - birth.year - ((when.month, when.day) < (birth.month, birth.day))
