"""Who is to get a plan: organisations that the family has permitted, and those that have a statutory right to it.

703/2023 6 §, 53 § and 58 §: a permission names the recipient and the time; it can be refused and revoked.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.fhir.json import canonical
from service.store.values import END, span

ROOT = "https://yhdessa.example/fhir/StructureDefinition/"
_OID = "urn:oid:"


@dataclass(frozen=True, slots=True)
class Grant:
    """From when an organisation may get a plan (microseconds), and a hash of what of it and on what grounds."""

    not_before: int
    terms: bytes


@dataclass(frozen=True, slots=True)
class Granted:
    """By organisation (OID, or reference where it has none): who may get a plan, and whose time for it is over."""

    recipients: Mapping[str, Grant]
    lapsed: frozenset[str]


NOBODY = Granted({}, frozenset())


@dataclass(frozen=True, slots=True)
class _Term:
    """One ground on which one organisation may get a plan."""

    target: str
    start: int
    end: int
    content: Any


def granted(
    plan: Mapping[str, Any], consents: Sequence[Mapping[str, Any]], names: Mapping[str, str], now: int
) -> Granted:
    """Who may get `plan` by these Consents and its own statutory disclosures.

    `names` are the OIDs of organisations by their relative references.
    """
    terms = [*_permitted(f"CarePlan/{plan['id']}", consents, now), *_statutory(plan, now)]
    by_name: dict[str, list[_Term]] = {}
    for one in terms:
        by_name.setdefault(names.get(one.target, one.target), []).append(one)
    recipients = {}
    for name, found in sorted(by_name.items()):
        current = [one for one in found if one.end >= now]
        if current:
            content = sorted(canonical(one.content) for one in current)
            terms_ = hashlib.sha256(b"\n".join(content)).digest()[:16]
            recipients[name] = Grant(min(one.start for one in current), terms_)
    return Granted(recipients, frozenset(by_name.keys() - recipients.keys()))


def oid(organization: Mapping[str, Any]) -> str:
    """The OID of an Organization without `urn:oid:`; its relative reference where it has none."""
    for identifier in organization.get("identifier", ()):
        value = identifier.get("value", "")
        if value.startswith(_OID):
            return str(value.removeprefix(_OID))
    return f"Organization/{organization['id']}"


def organisations(plan: Mapping[str, Any], consents: Iterable[Mapping[str, Any]]) -> set[str]:
    """The relative references of all organisations that the plan and these Consents name as recipients."""
    named = {one.target for one in _statutory(plan, 0)}
    return named | {target for consent in consents for target in _targets(consent)}


def about(consent: Mapping[str, Any]) -> set[str]:
    """The relative references of the plans that a Consent is about."""
    rows = consent.get("provision", {}).get("data", ())
    named = (one.get("reference", {}).get("reference") for one in rows)
    return {one for one in named if isinstance(one, str) and one.startswith("CarePlan/")}


def _permitted(plan: str, consents: Iterable[Mapping[str, Any]], now: int) -> Iterator[_Term]:
    for consent in consents:
        if consent.get("status") != "active" or _direction(consent) != "to":
            continue
        provision = consent.get("provision", {})
        if provision.get("type") != "permit" or plan not in about(consent):
            continue
        start, end = _period(provision.get("period", {}), now)
        content = [consent.get("category"), {name: provision[name] for name in provision if name != "period"}]
        for target in _targets(consent):
            yield _Term(target, start, end, content)


def _targets(consent: Mapping[str, Any]) -> Iterator[str]:
    for actor in consent.get("provision", {}).get("actor", ()):
        target = actor.get("reference", {}).get("reference", "")
        if target.startswith("Organization/"):
            yield target


def _statutory(plan: Mapping[str, Any], now: int) -> Iterator[_Term]:
    for extension in plan.get("extension", ()):
        if extension.get("url") == f"{ROOT}statutory-disclosure":
            parts = {one["url"]: one for one in extension.get("extension", ())}
            direction = parts.get("direction", {}).get("valueCoding", {}).get("code")
            target = parts.get("organisation", {}).get("valueReference", {}).get("reference")
            if direction == "to" and target:
                yield _Term(target, now, END, extension)


def _direction(consent: Mapping[str, Any]) -> str | None:
    for extension in consent.get("extension", ()):
        if extension.get("url") == f"{ROOT}direction":
            code: str | None = extension.get("valueCoding", {}).get("code")
            return code
    return None


def _period(period: Mapping[str, Any], now: int) -> tuple[int, int]:
    """When a permission begins (not before now) and ends."""
    start, end = span(period.get("start", "")), span(period.get("end", ""))
    return max(now, start[0]) if start else now, end[1] if end else END
