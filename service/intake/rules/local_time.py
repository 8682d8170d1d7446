"""A time is one moment: it exists in Helsinki (spring), is not one of two (autumn), and its offset is possible."""

import re
from collections.abc import Iterator

from service.intake.facts import Facts, pointer
from service.intake.times import Gap, Twice, moment
from service.issues import Issue, issue

_FAR = re.compile(r"[+-](?:14:(?!00)|1[5-9]|[2-9]\d)[:\d]*$")


def check(facts: Facts) -> Iterator[Issue]:
    for value, path, _, _ in facts.times:
        try:
            moment(value)
        except Gap:
            yield issue("intake.time-gap", pointer=pointer(path), value=value)
        except Twice as twice:
            first, second = twice.offsets
            yield issue("intake.time-twice", pointer=pointer(path), value=value, first=first, second=second)
        except (ValueError, OverflowError):
            yield issue("intake.time-not-real", pointer=pointer(path), value=value)
        else:
            if len(value) > 16 and _FAR.search(value[16:]):
                yield issue("intake.time-offset", pointer=pointer(path), value=value)
