"""A printed plan goes to the family, its workers, and those who may have it: any other organisation is a warning."""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["printedCopy"]:
        if found.around is None or facts.kinds[found.value["to"]] != "organisation":
            continue
        agreed = {
            one["organisation"]
            for one in found.around.value.get("recipients", ())
            if one["direction"] == "to" and one.get("permission", {}).get("status", "active") == "active"
        }
        if found.value["to"] not in agreed:
            yield issue("intake.printed-for-whom", pointer=found.at("to"))
