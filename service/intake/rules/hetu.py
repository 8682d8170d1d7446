"""A HETU has a real date that is not in the future, a number that is given out, and the right check character.

Individual numbers 900–999 are for tests and temporary use: accepted in test mode only.
"""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.intake.hetu import born, check_character, individual_number
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for person in (*facts.objects["child"], *facts.objects["guardian"]):
        if "hetu" in person.value:
            yield from _one(person.value["hetu"], person.at("hetu"), facts)


def _one(hetu: str, pointer: str, facts: Facts) -> Iterator[Issue]:
    day = born(hetu)
    if day is None:
        yield issue("intake.hetu-date", pointer=pointer)
    elif hetu[10] != check_character(hetu):
        yield issue("intake.hetu-check", pointer=pointer)
    elif individual_number(hetu) < 2:
        yield issue("intake.hetu-number", pointer=pointer)
    elif individual_number(hetu) >= 900 and not facts.test_mode:
        yield issue("intake.hetu-test", pointer=pointer)
    if day is not None and facts.recorded is not None and day > facts.recorded:
        yield issue("intake.hetu-future", pointer=pointer)
