"""A responsible worker (vastuutyöntekijä) is a professional, and the roles in a team say the same as its fields.

A family member cannot be one, nor an expert by experience, a volunteer or an interpreter.
"""

from collections.abc import Iterator

from service.intake.facts import Facts, Found
from service.issues import Issue, issue

LAY = frozenset({"kokemusasiantuntija", "vapaaehtoinen", "tulkki"})


def check(facts: Facts) -> Iterator[Issue]:
    for found in (*facts.objects["plan"], *facts.objects["careTeam"]):
        for index, worker in enumerate(found.value.get("responsibleWorkers", ())):
            yield from _one(facts, worker, found.at("responsibleWorkers", index))
    for found in facts.objects["participant"]:
        if found.around is not None:
            yield from _roles(facts, found, found.around, None)
    for found in facts.objects["member"]:
        if found.around is not None:
            yield from _roles(facts, found, found.around, found.around.value["responsibleWorkers"])


def _one(facts: Facts, worker: str, pointer: str) -> Iterator[Issue]:
    if facts.kinds[worker] in ("child", "guardian", "other"):
        yield issue("intake.responsible-not-professional", pointer=pointer)
    elif facts.person(worker).get("profession") in LAY:
        yield issue("intake.responsible-lay", pointer=pointer, profession=facts.person(worker)["profession"])


def _roles(facts: Facts, found: Found, around: Found, responsible: list[str] | None) -> Iterator[Issue]:
    roles, person = found.value.get("roles", ()), found.value["person"]
    if "near-worker" in roles and person != around.value["nearWorker"]:
        yield issue("intake.role-near-worker", pointer=found.at("roles"))
    if "responsible-worker" not in roles:
        return
    problems = list(_one(facts, person, found.at("person")))
    yield from problems
    if not problems and responsible is not None and person not in responsible:
        yield issue("intake.role-responsible", pointer=found.at("roles"))
