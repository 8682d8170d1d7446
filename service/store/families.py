"""Which family something is about, without saying which: a hash that only tells families apart."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from service.fhir.json import parse
from service.store.tables import document, document_resource, document_version, resource


def hidden(organisation: str, system: str, family: str) -> str:
    """The hash of a family as its register names it: what the source system calls it can be a surname."""
    return hashlib.sha256("\n".join((organisation, system, family)).encode()).hexdigest()[:32]


def of_plan(connection: Connection, id_: str, plan: Mapping[str, Any], organisation: str) -> str:
    """The family of the plan `id_`: that of the document it came with, else that of its subject."""
    statement = (
        select(document.c.organisation, document.c.system, document_version.c.body)
        .join(document_resource, document_resource.c.did == document.c.did)
        .join(
            document_version,
            (document_version.c.did == document.c.did) & (document_version.c.version == document.c.version),
        )
        .join(resource, resource.c.rid == document_resource.c.rid)
        .where(resource.c.type == "CarePlan", resource.c.id == id_)
        .order_by(document.c.did)
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is not None:
        family = parse(bytes(row.body)).get("family", {})
        return hidden(row.organisation, row.system, str(family.get("id")))
    return hidden(organisation, "", str(plan.get("subject", {}).get("reference")))


def systems(connection: Connection) -> list[tuple[str, str]]:
    """Every register and system that documents came from."""
    statement = select(document.c.organisation, document.c.system).distinct().order_by("organisation", "system")
    return [(row.organisation, row.system) for row in connection.execute(statement)]
