"""A responsible worker (vastuutyöntekijä) is a professional, and the roles in a team say the same as its fields.

A family member cannot be one, nor an expert by experience, a volunteer or an interpreter.
"""

from collections.abc import Iterator

from service.intake.facts import Facts, Found
from service.issues import Issue, issue

MARKED = frozenset({"near-worker", "responsible-worker"})
LAY = frozenset({"kokemusasiantuntija", "vapaaehtoinen", "tulkki"})


def check(facts: Facts) -> Iterator[Issue]:
    for found in (*facts.objects["plan"], *facts.objects["careTeam"]):
        for index, worker in enumerate(found.value.get("responsibleWorkers", ())):
            yield from _one(facts, worker, found, "responsibleWorkers", index)
    for found in (*facts.objects["participant"], *facts.objects["member"]):
        if found.around is not None and not MARKED.isdisjoint(found.value.get("roles", ())):
            yield from _roles(facts, found, found.around)


def _one(facts: Facts, worker: str, found: Found, *steps: str | int) -> list[Issue]:
    if facts.kinds[worker] in ("child", "guardian", "other"):
        return [issue("intake.responsible-not-professional", pointer=found.at(*steps))]
    profession = facts.person(worker).get("profession")
    if profession in LAY:
        return [issue("intake.responsible-lay", pointer=found.at(*steps), profession=profession)]
    return []


def _roles(facts: Facts, found: Found, around: Found) -> Iterator[Issue]:
    roles, person = found.value["roles"], found.value["person"]
    if "near-worker" in roles and person != around.value["nearWorker"]:
        yield issue("intake.role-near-worker", pointer=found.at("roles"))
    if "responsible-worker" not in roles:
        return
    problems = _one(facts, person, found, "person")
    yield from problems
    # A meeting has no list of its responsible workers, a team has one.
    if not problems and found.shape.name == "member" and person not in around.value["responsibleWorkers"]:
        yield issue("intake.role-responsible", pointer=found.at("roles"))
