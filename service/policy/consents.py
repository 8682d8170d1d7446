"""One Consent read: whether it is one that we understand, whom it concerns, what it says, and since when.

Our Consents are those of the profile `yhdessa-consent` (docs/decisions/004); one of another shape may say anything, so
it permits nothing. https://hl7.org/fhir/R4/consent.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.fhir.reading import coding_in, coding_of, objects, part, string, text_of, values
from service.policy import periods
from service.policy.case import Case
from service.policy.rules import PARTS

Json = Mapping[str, Any]
_PROVISION = frozenset({"type", "period", "actor", "code", "data"})
_KINDS = ("luovutuslupa", "suostumus")


@dataclass(frozen=True, slots=True)
class Said:
    """What a Consent about this plan and this recipient says. Empty `parts` or `children` mean every one."""

    reference: str
    kind: str
    provision: str
    purpose: str
    children: frozenset[str]
    parts: frozenset[str]
    given: datetime | None


def reference(consent: Json) -> str:
    """`Consent/…`, or its identifier where it has no id."""
    named = string(consent, "id") or next((string(one, "value") for one in objects(consent, "identifier")), "?")
    return f"Consent/{named}"


def about_plan(consent: Json, case: Case) -> bool:
    """Whether it concerns this plan, and going out: without data it concerns every plan of these children."""
    kinds = {string(one, "code") for row in objects(consent, "category") for one in objects(row, "coding")}
    if "invitation" in kinds or string(coding_of(consent, "direction"), "code") == "from":
        return False
    data = objects(part(consent, "provision"), "data")
    return not data or any(case.key(part(one, "reference")) == case.plan_reference for one in data)


def names_recipient(consent: Json, case: Case, oid: str) -> bool:
    """Whether it names the organisation; without actors it means everybody."""
    actors = objects(part(consent, "provision"), "actor")
    return not actors or any(case.is_organisation(part(one, "reference"), oid) for one in actors)


def read(consent: Json, case: Case) -> Said:
    """What it says, as far as it can be read."""
    kinds = {string(coding_in([one], "permission-kind"), "code") for one in objects(consent, "category")}
    known = [one for one in _KINDS if one in kinds]
    codes = _parts(consent)
    understood = all(one in PARTS for one in codes)
    return Said(
        reference=reference(consent),
        kind=known[0] if len(known) == 1 else "",
        provision=text_of(consent, "provision"),
        purpose=text_of(consent, "purpose"),
        children=frozenset(case.patients(consent, own="patient")),
        parts=frozenset(codes) if understood else frozenset(),
        given=periods.start(consent.get("dateTime")),
    )


def misshapen(consent: Json, case: Case) -> str:
    """What makes it another shape than ours, by its FHIRPath; empty where nothing does."""
    provision = part(consent, "provision")
    kinds = [string(coding_in([one], "permission-kind"), "code") for one in objects(consent, "category")]
    scopes = {string(one, "code") for one in objects(part(consent, "scope"), "coding")}
    codes = _parts(consent)
    data = objects(provision, "data")
    named = 1 + len(values(consent, "also-concerns"))
    wrong = {
        "status": not isinstance(consent.get("status"), str),
        "scope": "patient-privacy" not in scopes,
        "category": len(kinds) != 1 or kinds[0] not in _KINDS,
        "extension(direction)": [string(one, "code") for one in values(consent, "direction")] != ["to"],
        "patient": len(case.patients(consent, own="patient")) != named,
        "dateTime": periods.start(consent.get("dateTime")) is None,
        "performer": not objects(consent, "performer"),
        "policy": len(objects(consent, "policy")) != 1 or "policyRule" in consent,
        "provision.type": provision.get("type") not in ("permit", "deny"),
        "provision.actor": len(objects(provision, "actor")) != 1,
        "provision.code": not codes or any(one not in PARTS for one in codes),
        "provision.data": len(data) != 1 or data[0].get("meaning") != "instance",
        # What narrows a permission in a way that this program does not know must not be passed over.
        "provision": any(one not in _PROVISION for one in provision),
        "modifierExtension": "modifierExtension" in consent,
    }
    return next((path for path, is_wrong in wrong.items() if is_wrong), "")


def _parts(consent: Json) -> list[str]:
    """The parts that it names; empty texts stand for what is no part of ours."""
    codes = objects(part(consent, "provision"), "code")
    return [
        string(coding, "code") if string(coding, "system").endswith("/CodeSystem/plan-part") else ""
        for code in codes
        for coding in objects(code, "coding") or [{}]
    ]


def revoked(consent: Json, now: datetime) -> tuple[bool, datetime | None]:
    """Whether it has been revoked by now, and when; a revocation without a time has been one all along."""
    times = [periods.start(one) for one in values(consent, "revoked")]
    if any(one is None or one <= now for one in times):
        return True, max((one for one in times if one is not None), default=None)
    return (True, None) if consent.get("status") == "inactive" and not times else (False, None)


def in_time(consent: Json, now: datetime) -> str:
    """Why it does not count today: a key of `texts/policy.toml`; empty where it does."""
    given = periods.start(consent.get("dateTime"))
    period = part(consent, "provision").get("period", {})
    if not isinstance(period, dict) or set(period) - {"start", "end"}:
        return "policy.period-unclear"
    first, last = periods.start(period.get("start")), periods.end(period.get("end"))
    if ("start" in period and first is None) or ("end" in period and last is None):
        return "policy.period-unclear"
    if (given and now < given) or (first and now < first):
        return "policy.not-begun"
    return "policy.ended" if last and (now >= last if _is_date(period["end"]) else now > last) else ""


def _is_date(text: str) -> bool:
    return "T" not in text
