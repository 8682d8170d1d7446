"""A family without a client relationship stays without one: no HETU, and nothing that would create a relationship.

No HETU for any of them; no luovutuslupa, which is about the data of a client; a service that has been arranged
already is a warning: in such a family's plan a service is only proposed.
"""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.issues import Issue, issue

PROPOSED = frozenset({"not-started", "cancelled"})


def check(facts: Facts) -> Iterator[Issue]:
    if facts.document["family"].get("clientRelationship", True):
        return
    for person in (*facts.objects["child"], *facts.objects["guardian"]):
        if "hetu" in person.value:
            yield issue("intake.no-client-hetu", pointer=person.at("hetu"))
    for found in facts.objects["recipient"]:
        if found.value["basis"] == "luovutuslupa":
            yield issue("intake.no-client-luovutuslupa", pointer=found.at("basis"))
    for found in facts.objects["service"]:
        if found.value["status"] not in PROPOSED:
            yield issue("intake.no-client-service", pointer=found.at("status"), value=found.value["status"])
