"""Who may have the plan, and why: permissions (Consent) and statutory rights.

https://hl7.org/fhir/R4/consent.html
"""

from collections.abc import Iterable, Iterator

from service.print.model import Party, Recipient
from service.print.people import People
from service.print.resources import (
    Parts,
    Resource,
    Resources,
    coding_in,
    first_coding,
    first_text,
    objects,
    ours,
    part,
    string,
)

_STATUS = {"active": "active", "rejected": "refused", "inactive": "revoked"}


def recipients(plan: Resource, statutory: Iterable[Parts], resources: Resources, people: People) -> Iterator[Recipient]:
    """Everybody who gets parts of this plan or tells about the family; permissions first."""
    for consent in resources.of("Consent"):
        provision = part(consent, "provision")
        for one in objects(provision, "data"):
            if resources.find(one.get("reference"), consent) is plan:
                yield from _of_consent(consent, provision, people)
                break
    for found in statutory:
        yield Recipient(
            next(iter(people.parties(found.get("organisation", ()), plan)), None) or Party("other", ""),
            direction=string(first_coding(found, "direction"), "code") or "to",
            parts=tuple([one for one in found.get("part", ()) if isinstance(one, dict)]),
            children=people.parties(found.get("child", ()), plan),
            purpose=first_text(found, "purpose"),
            provision=first_text(found, "provision"),
        )


def _of_consent(consent: Resource, provision: Resource, people: People) -> Iterator[Recipient]:
    said, period = ours(consent), part(provision, "period")
    basis = coding_in(objects(consent, "category"), "permission-kind")
    status = _STATUS.get(string(consent, "status"), "other")
    if status == "active" and provision.get("type") == "deny":
        status = "refused"
    codings = [coding_in([code], "plan-part") for code in objects(provision, "code")]
    references = [one.get("reference") for one in objects(provision, "actor")]
    for party in people.parties(references, consent):
        yield Recipient(
            party,
            direction=string(first_coding(said, "direction"), "code") or "to",
            basis=basis or {},
            status=status,
            parts=tuple([one for one in codings if one is not None]),
            children=people.parties([consent.get("patient"), *said.get("also-concerns", ())], consent),
            given=string(consent, "dateTime"),
            given_by=people.parties(objects(consent, "performer"), consent),
            method=first_coding(said, "permission-method"),
            start=string(period, "start"),
            end=string(period, "end"),
            revoked=first_text(said, "revoked"),
            purpose=first_text(said, "purpose"),
            provision=first_text(said, "provision"),
            text=first_text(said, "permission-text"),
        )
