"""A luovutuslupa exists only between social and health care; every other recipient needs a suostumus or a provision.

Client Data Act 703/2023, 3 § 10 k and 53 §; to early education 703/2023 6 § and 540/2018 41 §.
"""

from collections.abc import Iterator
from typing import Any

from service.intake.facts import Facts, Found
from service.issues import Issue, issue

SECTORS = ("health", "social")


def check(facts: Facts) -> Iterator[Issue]:
    seen: set[tuple[Any, ...]] = set()
    for found in facts.objects["recipient"]:
        value = found.value
        if value["basis"] == "luovutuslupa":
            yield from _luovutuslupa(facts, found)
        key = (id(found.around), value["organisation"], value["direction"], value["basis"])
        if key in seen:
            yield issue("intake.recipient-twice", pointer=found.at("organisation"))
        seen.add(key)


def _luovutuslupa(facts: Facts, found: Found) -> Iterator[Issue]:
    sector = facts.person(found.value["organisation"]).get("sector", "health")
    if sector not in SECTORS:
        yield issue("intake.luovutuslupa-recipient", pointer=found.at("basis"), sector=sector)
    own = _own_sector(facts)
    if own not in SECTORS:
        yield issue("intake.luovutuslupa-register", pointer=found.at("basis"), sector=own)


def _own_sector(facts: Facts) -> str:
    """The sector of the register's own organisation, where the document describes it; else it is not judged."""
    register = facts.document["source"]["organisation"]
    for one in facts.objects["organisation"]:
        if one.value.get("oid") == register:
            return str(one.value["sector"])
    return "social"
