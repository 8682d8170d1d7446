"""Who is to get a plan: organisations that the family has permitted, and those that have a statutory right to it.

703/2023 6 §, 53 § and 58 §: a permission names the recipient and the time; it can be refused and revoked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.store.values import END, span

ROOT = "https://yhdessa.example/fhir/StructureDefinition/"
_OID = "urn:oid:"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An organisation (OID, or reference where it has none) and when it may first get the plan, in microseconds."""

    organisation: str
    not_before: int


def recipients(plan: Mapping[str, Any], resources: Sequence[Mapping[str, Any]], now: int) -> list[Recipient]:
    """The recipients of `plan` by the Consents and Organizations among `resources`, each once, in a stable order."""
    names = {f"Organization/{one['id']}": oid(one) for one in resources if one["resourceType"] == "Organization"}
    reference = f"CarePlan/{plan['id']}"
    found: dict[str, int] = {}
    for target, start in (*_permitted(reference, resources, now), *_statutory(plan, now)):
        name = names.get(target, target)
        found[name] = min(start, found.get(name, start))
    return [Recipient(name, start) for name, start in sorted(found.items())]


def oid(organization: Mapping[str, Any]) -> str:
    """The OID of an Organization without `urn:oid:`; its relative reference where it has none."""
    for identifier in organization.get("identifier", ()):
        value = identifier.get("value", "")
        if value.startswith(_OID):
            return str(value.removeprefix(_OID))
    return f"Organization/{organization['id']}"


def _permitted(plan: str, resources: Sequence[Mapping[str, Any]], now: int) -> Iterator[tuple[str, int]]:
    for consent in resources:
        if consent["resourceType"] != "Consent" or consent.get("status") != "active" or _direction(consent) != "to":
            continue
        provision = consent.get("provision", {})
        about = {one.get("reference", {}).get("reference") for one in provision.get("data", ())}
        start, end = _period(provision.get("period", {}), now)
        if provision.get("type") != "permit" or plan not in about or end < now:
            continue
        for actor in provision.get("actor", ()):
            target = actor.get("reference", {}).get("reference", "")
            if target.startswith("Organization/"):
                yield target, start


def _statutory(plan: Mapping[str, Any], now: int) -> Iterator[tuple[str, int]]:
    for extension in plan.get("extension", ()):
        if extension.get("url") == f"{ROOT}statutory-disclosure":
            parts = {one["url"]: one for one in extension.get("extension", ())}
            direction = parts.get("direction", {}).get("valueCoding", {}).get("code")
            target = parts.get("organisation", {}).get("valueReference", {}).get("reference")
            if direction == "to" and target:
                yield target, now


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
