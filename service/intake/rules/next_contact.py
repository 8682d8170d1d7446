"""The next contact with the family is not before the plan was made."""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.intake.times import when
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["nextContact"]:
        plan = found.around
        if plan is None or "made" not in plan.value:
            continue
        start, made = when(found.value["start"]), when(plan.value["made"])
        if start is not None and made is not None and start < made:
            yield issue("intake.next-contact-before-plan", pointer=found.at("start"))
