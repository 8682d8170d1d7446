"""A row of the use log as an AuditEvent.

https://hl7.org/fhir/R4/auditevent.html
"""

from typing import Any

from service.store.audit import Row
from service.store.values import instant

_INTERACTIONS = frozenset(
    {
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history",
        "history-instance",
        "history-type",
        "history-system",
        "create",
        "search",
        "search-type",
        "search-system",
        "capabilities",
        "transaction",
        "batch",
        "operation",
    }
)
# What left the record, or was taken back, rather than was done in it.
_GIVEN_OUT = {
    "disclosure": ("disclose", "Disclose Record Lifecycle Event"),
    "withdrawal": ("deprecate", "Deprecate Record Lifecycle Event"),
}
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_OID = "urn:ietf:rfc:3986"


def audit_event(row: Row) -> dict[str, Any]:
    """The AuditEvent (R4) of a row; nothing in it that the row does not have."""
    event = row.event()
    detail = event.detail
    made: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": instant(row.recorded)},
        "type": _type(detail.interaction),
        "subtype": [_subtype(detail.interaction)],
        "action": row.action,
        "recorded": instant(row.recorded),
        "outcome": row.outcome,
    }
    if detail.keys:
        made["outcomeDesc"] = " ".join(detail.keys)
    if detail.purpose:
        made["purposeOfEvent"] = [{"text": detail.purpose}]
    made["agent"] = _agents(row)
    made["source"] = {"observer": {"display": "Yhdessä FHIR service"}}
    entities = [*_entities(row), *([_described(row)] if detail.description or detail.provider or detail.basis else [])]
    return made | ({"entity": entities} if entities else {})


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _type(interaction: str) -> dict[str, str]:
    if interaction in _GIVEN_OUT:
        return _coding(_DICOM, "110106", "Export")
    return _coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation")


def _subtype(interaction: str) -> dict[str, str]:
    if interaction in _GIVEN_OUT:
        return _coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", *_GIVEN_OUT[interaction])
    if interaction in _INTERACTIONS:
        return _coding("http://hl7.org/fhir/restful-interaction", interaction)
    return _coding("https://yhdessa.example/fhir/CodeSystem/operation", interaction)


def _agents(row: Row) -> list[dict[str, Any]]:
    detail = row.event().detail
    client: dict[str, Any] = {"type": {"coding": [_coding(_DICOM, "110153", "Source Role ID")]}}
    client |= {"who": _organisation(row.organisation, row.client), "altId": row.client or "anonymous"}
    # The worker is the one who asks where the client has named them, else the client itself.
    client |= {"requestor": not (detail.user or detail.user_name)}
    if detail.address:
        client["network"] = {"address": detail.address, "type": "2"}
    agents = [client]
    if detail.user or detail.user_name:
        worker: dict[str, Any] = {"type": {"coding": [_coding(_PARTICIPATION, "INF")]}}
        worker |= {"altId": detail.user} if detail.user else {}
        worker |= {"name": detail.user_name} if detail.user_name else {}
        agents.append(worker | {"requestor": True})
    if detail.recipient:
        recipient = {"coding": [_coding(_PARTICIPATION, "IRCP", "information recipient")]}
        agents.append({"type": recipient, "who": _organisation(detail.recipient, ""), "requestor": False})
    return agents


def _organisation(oid: str, name: str) -> dict[str, Any]:
    who: dict[str, Any] = {"identifier": {"system": _OID, "value": f"urn:oid:{oid}"}} if oid else {}
    shown = name or ("" if oid else "anonymous")
    return who | ({"display": shown} if shown else {})


def _entities(row: Row) -> list[dict[str, Any]]:
    detail = row.event().detail
    types = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
    patients = [
        {"what": {"reference": one}, "type": _coding(types, "1", "Person"), "role": _role("1", "Patient")}
        for one in detail.patients
    ]
    others = [one for one in detail.entities if one not in detail.patients]
    return patients + [
        {
            "what": {"reference": one},
            "type": _coding(types, "2", "System Object"),
            "role": _role("4", "Domain Resource"),
        }
        for one in others
    ]


def _role(code: str, display: str) -> dict[str, str]:
    return _coding("http://terminology.hl7.org/CodeSystem/object-role", code, display)


def _described(row: Row) -> dict[str, Any]:
    """What the law wants said of a disclosure and has no element of its own."""
    detail = row.event().detail
    providers = [("provider", one) for one in detail.provider.split()]
    sent = [("sha256", one) for one in detail.digests]
    told = (*providers, ("basis", detail.basis), ("request", detail.request), *sent, ("confirmed", detail.confirmed))
    further = [{"type": name, "valueString": value} for name, value in told if value]
    made: dict[str, Any] = {"description": detail.description} if detail.description else {}
    made["type"] = _coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", "4", "Other")
    return made | ({"detail": further} if further else {})
