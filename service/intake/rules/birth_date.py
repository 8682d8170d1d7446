"""A birth date is not after the day of recording, and says the same as the HETU, century included."""

from collections.abc import Iterator
from datetime import date

from service.intake.facts import Facts
from service.intake.hetu import born
from service.intake.times import day
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for person in (*facts.objects["child"], *facts.objects["guardian"], *facts.objects["otherMember"]):
        if "birthDate" not in person.value:
            continue
        birth = day(person.value["birthDate"])
        if birth is None:
            continue
        if facts.recorded is not None and birth > facts.recorded:
            yield issue("intake.birth-date-future", pointer=person.at("birthDate"))
        coded = born(person.value["hetu"]) if "hetu" in person.value else None
        if coded is not None and coded != birth:
            century = _without_century(coded) == _without_century(birth)
            key = "intake.hetu-century" if century else "intake.birth-date-hetu"
            yield issue(key, pointer=person.at("birthDate"))


def _without_century(when: date) -> tuple[int, int, int]:
    return when.year % 100, when.month, when.day
