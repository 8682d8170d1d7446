"""What permits what: the permissions and provisions that count for one recipient now, and why the others do not.

A luovutuslupa exists only between social and health care (703/2023 53 §); to everybody else data go by a suostumus
(703/2023 6 §) or by a provision. One never does the other's work. See docs/decisions/013.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.fhir.reading import extensions, first_text, parts, string
from service.policy import consents
from service.policy.case import Case, sector_of
from service.policy.consents import Said
from service.policy.model import Basis, Kind, Recipient, Step
from service.policy.rules import PARTS, Policy, Sector

Json = Mapping[str, Any]
CARE = frozenset({"social", "health"})
# Of several reasons, the one that tells the reader most comes first.
_RANK = (
    "policy.denied", "policy.revoked", "policy.ended", "policy.not-begun", "policy.luovutuslupa-recipient",
    "policy.luovutuslupa-register", "policy.luovutuslupa-no-client", "policy.suostumus-in-care",
    "policy.kind-not-for-sector", "policy.not-in-force", "policy.period-unclear", "policy.misshapen",
    "policy.no-provision", "policy.other-children", "policy.beyond-policy",
)  # fmt: skip
Pair = tuple[str, str]  # A child and a part of the plan.


@dataclass(frozen=True, slots=True)
class Grant:
    """One basis that counts, and which parts it opens for which children."""

    basis: Basis
    pairs: frozenset[Pair]


@dataclass(slots=True)
class Found:
    """What counts (`grants`), and the steps that say so or why not."""

    grants: list[Grant] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def reason(self) -> Step | None:
        """Why nothing counts: the most telling of the reasons; None where there was not even a permission."""
        refused = [one for one in self.steps if not one.kept]
        return min(refused, key=lambda one: _RANK.index(one.why), default=None)


def bases(
    recipient: Recipient, case: Case, permissions: Sequence[Json], now: datetime, policy: Policy, sector: Sector
) -> Found:
    """All that lets this recipient have parts of the plan now."""
    found = Found()
    if own_archive(recipient, case, sector):
        found.grants.append(_grant("statutory", case.plan_reference, sector.own_register or {}, case, sector.parts, ()))
        found.steps.append(Step(case.plan_reference, "", True, "policy.own-register"))
        return found
    _statutory(recipient, case, sector, found)
    _permitted(recipient, case, permissions, now, policy, sector, found)
    return found


def own_archive(recipient: Recipient, case: Case, sector: Sector) -> bool:
    """Whether the recipient is the archive of the controller itself, by a policy that knows such."""
    return sector.own_register is not None and recipient.organisation == case.controller_oid()


def _statutory(recipient: Recipient, case: Case, sector: Sector, found: Found) -> None:
    """The rights that the plan names. What only the family can name stays closed to them."""
    for extension in extensions(case.plan, "statutory-disclosure"):
        said = parts(extension)
        towards = [string(one, "code") for one in said.get("direction", ())]
        organisations = said.get("organisation", ())
        if towards != ["to"] or not any(case.is_organisation(one, recipient.organisation) for one in organisations):
            continue
        element = f"extension('{string(extension, 'url')}')"
        named = {string(one, "code") for one in said.get("part", ())}
        children = tuple(filter(None, (case.key(one) for one in said.get("child", ()))))
        provision, purpose = first_text(said, "provision"), first_text(said, "purpose")
        words = {"provision": provision, "purpose": purpose}
        grant = _grant("statutory", case.plan_reference, words, case, named & sector.default, children)
        why = "" if provision else "policy.no-provision"
        if not why and "statutory" not in sector.bases:
            why = "policy.kind-not-for-sector"
        if not why and not grant.pairs:
            why = "policy.beyond-policy"
        params = {"provision": provision, "sector": sector.name, "kind": "statutory"}
        found.steps.append(Step(case.plan_reference, element, not why, why or "policy.statutory", params))
        if not why:
            found.grants.append(grant)


def _permitted(
    recipient: Recipient,
    case: Case,
    permissions: Iterable[Json],
    now: datetime,
    policy: Policy,
    sector: Sector,
    found: Found,
) -> None:
    about = [
        one
        for one in permissions
        if consents.about_plan(one, case) and consents.names_recipient(one, case, recipient.organisation)
    ]
    every = [(one, consents.read(one, case)) for one in about]
    closed = [(one, said, _closing(one, said, case, now)) for one, said in every]
    for consent, said, closing in closed:
        why, params = _why_not(consent, said, recipient, case, now, policy, sector)
        if closing:
            why = closing.why
        pairs = frozenset() if why else _pairs(case, said.children, said.parts & sector.parts)
        if not why and not pairs:
            why = "policy.beyond-policy" if said.children & set(case.children) else "policy.other-children"
        for other, _, reason in closed:
            if not why and reason and other is not consent and (shut := pairs & reason.pairs(said)):
                pairs -= shut
                why = "" if pairs else reason.why
        step = Step(said.reference, "", not why, why or f"policy.{said.kind}", params)
        found.steps.append(step)
        if not why:
            kind: Kind = "luovutuslupa" if said.kind == "luovutuslupa" else "suostumus"
            granted = tuple(one for one in PARTS if any(part == one for _, part in pairs))
            found.grants.append(Grant(Basis(kind, said.reference, said.provision, said.purpose, granted), pairs))


@dataclass(frozen=True, slots=True)
class _Closing:
    """What a refusal or a revocation closes: of a revocation, what was given before it."""

    why: str
    closed: frozenset[Pair]
    when: datetime | None = None

    def pairs(self, said: Said) -> frozenset[Pair]:
        later = self.when is not None and said.given is not None and said.given > self.when
        return frozenset() if later else self.closed


def _closing(consent: Json, said: Said, case: Case, now: datetime) -> _Closing | None:
    """A refusal counts whatever its shape, for what it may mean; a revocation closes what was given before it."""
    status, kind = consent.get("status"), consent.get("provision")
    denies = isinstance(kind, dict) and kind.get("type") == "deny"
    why, when = "", None
    if status == "rejected" or (denies and status == "active" and not _is_past(consent, now)):
        why = "policy.denied"
    elif status in ("active", "inactive") and not denies:
        is_revoked, when = consents.revoked(consent, now)
        why = "policy.revoked" if is_revoked else ""
    if not why:
        return None
    children = said.children or frozenset(case.children)
    return _Closing(why, _pairs(case, children, said.parts or frozenset(PARTS)), when)


def _is_past(consent: Json, now: datetime) -> bool:
    return consents.in_time(consent, now) in ("policy.ended", "policy.not-begun")


def _why_not(
    consent: Json, said: Said, recipient: Recipient, case: Case, now: datetime, policy: Policy, sector: Sector
) -> tuple[str, dict[str, str]]:
    """Why a Consent permits nothing by itself: a key and what its text shows."""
    params = {"kind": said.kind, "sector": sector.name}
    if path := consents.misshapen(consent, case):
        return "policy.misshapen", {"path": f"Consent.{path}"}
    if consent["status"] != "active" or consent["provision"]["type"] != "permit":
        return "policy.not-in-force", {"status": str(consent["status"])}
    if why := consents.in_time(consent, now):
        return why, {}
    own = register_sector(case, policy)
    if why := fits(said.kind, own, recipient.sector, sector, client=case.client()):
        return why, params | {"register": own or "?"}
    return "", params


def register_sector(case: Case, policy: Policy) -> str:
    """The sector of the register that the plan comes from, as the case describes it or the policy assumes."""
    return sector_of(case.organisation(case.controller_oid())) or policy.register_sector


def fits(kind: str, register: str, recipient: str, sector: Sector, *, client: bool) -> str:
    """Why a permission of that kind cannot carry data from one sector to the other; empty where it can."""
    if kind == "luovutuslupa":
        if recipient not in CARE:
            return "policy.luovutuslupa-recipient"
        if register not in CARE:
            return "policy.luovutuslupa-register"
        if not client:
            return "policy.luovutuslupa-no-client"
    if kind == "suostumus" and register in CARE and recipient in CARE and client:
        return "policy.suostumus-in-care"
    return "" if kind in sector.bases else "policy.kind-not-for-sector"


def _grant(
    kind: Kind, reference: str, words: Mapping[str, str], case: Case, named: Iterable[str], children: Iterable[str]
) -> Grant:
    pairs = _pairs(case, children or case.children, named)
    granted = tuple(one for one in PARTS if any(part == one for _, part in pairs))
    return Grant(Basis(kind, reference, words.get("provision", ""), words.get("purpose", ""), granted), pairs)


def _pairs(case: Case, children: Iterable[str], named: Iterable[str]) -> frozenset[Pair]:
    own = [one for one in children if one in case.children]
    return frozenset((child, one) for child in own for one in named)


def granted(grants: Iterable[Grant]) -> Iterator[Pair]:
    """Every child with every part that some basis opens for it."""
    for grant in grants:
        yield from grant.pairs
