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
    extensions,
    first_coding,
    first_text,
    objects,
    ours,
    part,
    parts,
    string,
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
    said, provision = ours(consent), part(consent, "provision")
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
            direction=string(first_coding(said, "direction"), "code") or "to",
            basis=basis or {},
            status=status,
            parts=tuple(one for one in codings if one is not None),
            children=people.parties([part(consent, "patient"), *said.get("also-concerns", ())], consent),
            given=string(consent, "dateTime"),
            given_by=people.parties(objects(consent, "performer"), consent),
            method=first_coding(said, "permission-method"),
            start=string(period, "start"),
            end=string(period, "end"),
            revoked=next((one for one in said.get("revoked", ()) if isinstance(one, str)), ""),
            purpose=first_text(said, "purpose"),
            provision=first_text(said, "provision"),
            text=first_text(said, "permission-text"),
        )
