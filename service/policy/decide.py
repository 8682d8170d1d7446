"""The decision: may this recipient get this plan, which parts of it, and on what basis."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.fhir.definitions import ours
from service.fhir.reading import objects, string
from service.issues import Issue, issue
from service.pipeline import OURS, Narrator
from service.policy import consents, marks
from service.policy.bases import Found, bases, granted, own_archive
from service.policy.case import Case, sector_of
from service.policy.copies import clean, copies, going, origin
from service.policy.guard import Guard
from service.policy.mentions import Mentions
from service.policy.minimise import Minimiser
from service.policy.model import Permitted, Recipient, Refused
from service.policy.rules import Policy, Sector
from service.policy.steps import Steps

if TYPE_CHECKING:
    from service.validation import Validator

Json = Mapping[str, Any]


def may(
    recipient: Recipient,
    bundle: Json,
    permissions: Sequence[Json],
    now: datetime,
    *,
    policy: Policy,
    narrator: Narrator | None = None,
    validator: "Validator | None" = None,
) -> Permitted | Refused:
    """What of the plan `recipient` may get now, or why nothing.

    `bundle` is a collection Bundle with the CarePlan first and all that belongs to it, `permissions` are the Consents
    in force or not, `now` has an offset. `narrator` writes the narrative of what is left. The result is checked by
    `validator`, without one by that of our own definitions: an error in it is a refusal. The same arguments always give
    the same Bundle, on whatever moment of the same permissions.
    """
    case = Case(bundle)
    sector = policy.sectors.get(recipient.sector)
    if refused := _out_of_question(recipient, case, sector):
        return Refused(refused)
    assert sector is not None
    found = bases(recipient, case, permissions, now, policy, sector)
    if not found.grants:
        return Refused(_because(found), tuple(found.steps))
    chosen = _chosen(case, found, permissions, policy, sector)
    if not chosen.contents:
        return Refused(issue("policy.nothing-left"), chosen.steps)
    kept, secrets = going(chosen)
    out, last = _made(kept, chosen, secrets, narrator)
    if leaks := last.check_known(out):
        # Somebody has written a personal identity code into a text, which hardly anybody does.
        out, last = _made(clean(kept, chosen, secrets), chosen, secrets, narrator)
        leaks = last.check_known(out)
    wrong = [one for one in validated(out, validator) if one.is_error]
    if wrong:
        first = issue("policy.invalid", first=wrong[0].text(), expression=wrong[0].expression or "")
        return Refused(first, chosen.steps)
    if leaks:
        return Refused(leaks[0], chosen.steps)
    return Permitted(out, tuple(one.basis for one in found.grants), chosen.steps, last)


def validated(resource: Json, validator: "Validator | None" = None) -> list[Issue]:
    """What is wrong with a resource that is to leave, by `validator` or by our own definitions."""
    return (validator or _validator()).validate(resource, options=OURS)


@functools.cache
def _validator() -> "Validator":
    # Loaded with the first decision: who only prints has none.
    from service.validation import Validator

    return Validator(ours())


def _out_of_question(recipient: Recipient, case: Case, sector: Sector | None) -> Issue | None:
    """What stands before any permission."""
    if sector is None:
        return issue("policy.no-sector", sector=recipient.sector)
    if not case.plan_reference:
        return issue("policy.no-plan")
    if case.plan.get("status") in ("draft", "entered-in-error"):
        return issue("policy.plan-not-agreed", status=case.plan["status"])
    said = sector_of(case.organisation(recipient.organisation))
    if said and said != recipient.sector and not own_archive(recipient, case, sector):
        return issue("policy.sector-differs", said=said, sector=recipient.sector)
    return None


def _because(found: Found) -> Issue:
    """The refusal: the most telling reason of those that stand in the way."""
    step = found.reason()
    return issue(step.why, **dict[str, Any](step.params)) if step else issue("policy.no-permission")


def _chosen(case: Case, found: Found, permissions: Iterable[Json], policy: Policy, sector: Sector) -> Minimiser:
    chosen = Minimiser(case, granted(found.grants), policy, sector, Steps(found.steps))
    chosen.choose()
    if sector.limits.consents == "all":
        for one in permissions:
            key = f"Consent/{string(one, 'id')}"
            if key in case.resources and consents.about_plan(one, case):
                chosen.steps.goes(key, None, "policy.consent-kept")
                chosen.kept[key] = chosen.take(key, one)
    Mentions(chosen).follow()
    for key, one in case.of("Provenance"):
        if any(case.key(target) == case.plan_reference for target in objects(one, "target")):
            chosen.steps.goes(key, None, "policy.origin")
            chosen.kept[key] = origin(chosen, key, one)
    looked_at = chosen.steps.about()
    for key in (one for one in case.resources if one not in looked_at):
        chosen.steps.stays(key, None, "policy.not-mentioned")
    return chosen


def _made(
    kept: Iterable[dict[str, Any]], chosen: Minimiser, secrets: Guard, narrator: Narrator | None
) -> tuple[dict[str, Any], Guard]:
    """The Bundle of the copies, and the guard that knows what it says."""
    made, last = copies(kept, chosen, secrets)
    if narrator:
        made[0] = _narrated(made, narrator)
    out = marks.bundle(made)
    return out, last.knowing(out)


def _narrated(made: list[dict[str, Any]], narrator: Narrator) -> dict[str, Any]:
    """The plan with a narrative of what is left of it, at FHIR's place for one."""
    plan = made[0]
    first = {name: plan[name] for name in ("resourceType", "id", "meta", "language") if name in plan}
    return first | {"text": narrator(plan, made)} | plan
