"""A business id (Y-tunnus) has the right check digit."""

from collections.abc import Iterator

from service.intake import business_id
from service.intake.facts import Facts
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["organisation"]:
        if "businessId" in found.value and not business_id.right(found.value["businessId"].replace("-", "")):
            yield issue("intake.business-id", pointer=found.at("businessId"))
