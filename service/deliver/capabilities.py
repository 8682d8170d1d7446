"""What a FHIR server says of itself, as far as a delivery has to adapt to it.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import requests

from service.deliver.receivers.base import Limits, TransportError
from service.deliver.transport import Answer, exchange, refusal
from service.issues import issue

FHIR = "application/fhir+json"
Write = Literal["conditional", "by-id"]


@dataclass(frozen=True, slots=True)
class Type:
    """What can be done with one type of resource."""

    interactions: frozenset[str]
    conditional_create: bool
    conditional_update: bool
    update_create: bool
    searches: frozenset[str]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do; `types` by their names."""

    transaction: bool
    types: Mapping[str, Type] = field(default_factory=dict)

    def write(self, types: frozenset[str]) -> Write | None:
        """How these types can be written so that writing twice is as writing once; None where they cannot."""
        known = [self.types[name] for name in types if name in self.types]
        if self.transaction and all(one.conditional_create and one.conditional_update for one in known):
            return "conditional"
        if all(one.update_create and "update" in one.interactions for one in known):
            return "by-id"
        return None


def learn(session: requests.Session, limits: Limits, base: str) -> Capabilities:
    """The capabilities of the server at `base`. Raises `TransportError`."""
    answer = exchange(session, limits, "GET", f"{base}/metadata", headers={"Accept": FHIR})
    return read(answer)


def read(answer: Answer) -> Capabilities:
    """What an answer to `GET metadata` says."""
    if answer.status != 200:
        raise refusal(answer)
    statement = answer.json()
    if not isinstance(statement, dict) or statement.get("resourceType") != "CapabilityStatement":
        raise TransportError(issue("deliver.no-fhir", what="metadata"), sent=False)
    if not str(statement.get("fhirVersion", "")).startswith("4.0"):
        raise TransportError(issue("deliver.fhir-version", version=str(statement.get("fhirVersion"))), sent=False)
    rest = next((one for one in _rows(statement, "rest") if one.get("mode") == "server"), {})
    system = {one.get("code") for one in _rows(rest, "interaction")}
    types = {str(one.get("type")): _type(one) for one in _rows(rest, "resource")}
    return Capabilities("transaction" in system, types)


def _type(row: Mapping[str, Any]) -> Type:
    return Type(
        frozenset(str(one.get("code")) for one in _rows(row, "interaction")),
        row.get("conditionalCreate") is True,
        row.get("conditionalUpdate") is True,
        row.get("updateCreate") is True,
        frozenset(str(one.get("name")) for one in _rows(row, "searchParam")),
    )


def _rows(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
