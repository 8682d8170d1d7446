"""A time is one moment: it exists in Helsinki (spring), is not one of two (autumn), and its offset is possible."""

import re
from collections.abc import Iterator

from service.intake.facts import Facts
from service.intake.times import Gap, Twice, moment
from service.issues import Issue, issue

_FAR = re.compile(r"[+-](?:14:(?!00)|1[5-9]|[2-9]\d)[:\d]*$")


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.times:
        try:
            moment(found.value)
        except Gap:
            yield issue("intake.time-gap", pointer=found.pointer, value=found.value)
        except Twice as twice:
            first, second = twice.offsets
            yield issue("intake.time-twice", pointer=found.pointer, value=found.value, first=first, second=second)
        except (ValueError, OverflowError):
            yield issue("intake.time-not-real", pointer=found.pointer, value=found.value)
        else:
            if _FAR.search(found.value[16:]):
                yield issue("intake.time-offset", pointer=found.pointer, value=found.value)
