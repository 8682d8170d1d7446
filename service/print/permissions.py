"""Who may have the plan, and why: permissions (Consent) and statutory rights.

https://hl7.org/fhir/R4/consent.html
"""

from collections.abc import Iterator

from service.print.model import Party, Recipient
from service.print.people import People
from service.print.resources import (
    Resource,
    Resources,
    coding_in,
    coding_of,
    extensions,
    first_text,
    objects,
    part,
    parts,
    string,
    text_of,
    values,
)

_STATUS = {"active": "active", "rejected": "refused", "inactive": "revoked"}


def recipients(plan: Resource, resources: Resources, people: People) -> Iterator[Recipient]:
    """Everybody who gets parts of this plan or tells about the family; permissions first."""
    for consent in resources.of("Consent"):
        data = objects(part(consent, "provision"), "data")
        if any(resources.find(part(one, "reference"), consent) is plan for one in data):
            yield from _of_consent(consent, people)
    for extension in extensions(plan, "statutory-disclosure"):
        found = parts(extension)
        party = next(iter(people.parties(found.get("organisation", ()), plan)), None)
        yield Recipient(
            party or Party("other", ""),
            direction=next((string(one, "code") for one in found.get("direction", ())), "to"),
            parts=tuple(one for one in found.get("part", ()) if isinstance(one, dict)),
            children=people.parties(found.get("child", ()), plan),
            purpose=first_text(found, "purpose"),
            provision=first_text(found, "provision"),
        )


def _of_consent(consent: Resource, people: People) -> Iterator[Recipient]:
    provision = part(consent, "provision")
    period = part(provision, "period")
    basis = coding_in(objects(consent, "category"), "permission-kind")
    status = _STATUS.get(string(consent, "status"), "other")
    if status == "active" and provision.get("type") == "deny":
        status = "refused"
    codings = (coding_in([code], "plan-part") for code in objects(provision, "code"))
    references = [part(one, "reference") for one in objects(provision, "actor")]
    for party in people.parties(references, consent):
        yield Recipient(
            party,
            direction=string(coding_of(consent, "direction"), "code") or "to",
            basis=basis or {},
            status=status,
            parts=tuple(one for one in codings if one is not None),
            children=people.parties([part(consent, "patient"), *values(consent, "also-concerns")], consent),
            given=string(consent, "dateTime"),
            given_by=people.parties(objects(consent, "performer"), consent),
            method=coding_of(consent, "permission-method"),
            start=string(period, "start"),
            end=string(period, "end"),
            revoked=next((one for one in values(consent, "revoked") if isinstance(one, str)), ""),
            purpose=text_of(consent, "purpose"),
            provision=text_of(consent, "provision"),
            text=text_of(consent, "permission-text"),
        )
