"""Consents and the Provenance, written by hand."""

from bench.handwritten.datatypes import (
    CONSENT_STATUSES,
    CUSTODIANS,
    DIRECTIONS,
    FI_BASE,
    HL7,
    MODELS,
    MUNICIPALITIES,
    OURS,
    PERMISSION_KINDS,
    PERMISSION_METHODS,
    PERMISSION_POLICIES,
    PLAN_PARTS,
    RESTRICTIONS,
    Json,
    also_concerns,
    code,
    compact,
    concept,
    extension,
    optional,
    part,
    reference,
    references,
    source_identifier,
)


def consent(recipient: Json, plan: Json, doc: Json) -> Json:
    first, *others = recipient["children"]
    permission = recipient.get("permission", {})
    basis = recipient["basis"]
    return compact(
        {
            "resourceType": "Consent",
            "id": recipient["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-consent"]},
            "extension": consent_extensions(recipient, permission, others),
            "identifier": [source_identifier(recipient["id"], doc)],
            "status": CONSENT_STATUSES[permission["status"]]["code"] if permission else None,
            "scope": code(f"{HL7}/consentscope", "patient-privacy"),
            "category": [
                {"coding": [{**PERMISSION_KINDS[basis]}, {"system": f"{HL7}/v3-ActCode", "code": "IDSCL"}]},
            ],
            "patient": reference(first),
            "dateTime": permission.get("given"),
            "performer": references(permission.get("givenBy")),
            "policy": [{"uri": PERMISSION_POLICIES[basis]["code"]}],
            "provision": provision(recipient, permission, plan),
        }
    )


def consent_extensions(recipient: Json, permission: Json, others: list[Json]) -> list[Json]:
    method = permission.get("method")
    return [
        extension(f"{OURS}/direction", valueCoding={**DIRECTIONS[recipient["direction"]]}),
        *part(f"{OURS}/purpose", "valueString", recipient.get("purpose")),
        *part(f"{OURS}/provision", "valueString", recipient.get("provision")),
        *also_concerns(others),
        *part(f"{OURS}/recorded-by", "valueReference", optional(permission.get("recordedBy"))),
        *part(f"{OURS}/permission-method", "valueCoding", {**PERMISSION_METHODS[method]} if method else None),
        *part(f"{OURS}/revoked", "valueDateTime", permission.get("revoked")),
        *part(f"{OURS}/permission-text", "valueString", permission.get("text")),
    ]


def provision(recipient: Json, permission: Json, plan: Json) -> Json:
    receiver = code(f"{HL7}/v3-ParticipationType", "IRCP")
    kind = "deny" if permission.get("status") == "refused" else "permit"
    return compact(
        {
            "type": kind if permission else None,
            "period": {**permission["period"]} if "period" in permission else None,
            "actor": [{"role": receiver, "reference": reference(recipient["organisation"])}],
            "code": [concept(PLAN_PARTS[one]) for one in recipient["parts"]],
            "data": [{"meaning": "instance", "reference": {"reference": f"CarePlan/{plan['resourceId']}"}}],
        }
    )


def provenance(doc: Json) -> Json:
    source = doc["source"]
    profiles = [f"{OURS}/yhdessa-provenance"]
    if source.get("custodianType") == "public":
        profiles.append(f"{FI_BASE}/StructureDefinition/fi-base-information-custodian-public")
    agents = [custodian(source)]
    if "recordedBy" in doc:
        role = code(f"{HL7}/provenance-participant-type", "author")
        agents.insert(0, {"type": role, "who": reference(doc["recordedBy"])})
    return {
        "resourceType": "Provenance",
        "id": doc["provenanceId"],
        "meta": {"profile": profiles, "tag": [{**MODELS[doc["model"]]}]},
        "extension": provenance_extensions(doc),
        "recorded": doc["recorded"],
        "agent": agents,
        "entity": [
            {"role": "source", "what": {"identifier": {"system": source["system"], "value": doc["id"]}}},
        ],
        "target": [{"reference": f"CarePlan/{doc['plan']['resourceId']}"}],
    }


def provenance_extensions(doc: Json) -> list[Json]:
    processing = doc["processing"]
    about = [
        extension("kind", valueCode=doc["kind"]),
        extension("schemaVersion", valueString=doc["schemaVersion"]),
        extension("version", valuePositiveInt=doc["version"]),
        extension("model", valueCode=doc["model"]),
        extension("language", valueCode=doc["language"]),
        *part("county", "valueCode", doc.get("county")),
        extension("municipality", valueCoding={"system": MUNICIPALITIES, "code": doc["municipality"]}),
        extension("family", valueString=doc["family"]["id"]),
    ]
    made = [
        extension("activityStyle", valueCode=processing["activityStyle"]),
        extension("sourceHash", valueString=processing["sourceHash"]),
        extension("mappingSet", valueString=processing["mappingSet"]),
        extension("mappingHash", valueString=processing["mappingHash"]),
    ]
    restriction = RESTRICTIONS[doc["restriction"]] if "restriction" in doc else None
    return [
        *part(f"{FI_BASE}/StructureDefinition/RestrictionParent", "valueCoding", restriction and {**restriction}),
        extension(f"{OURS}/source-document", extension=about),
        extension(f"{OURS}/processing", extension=made),
    ]


def custodian(source: Json) -> Json:
    kinds = [(f"{HL7}/v3-ParticipationType", "CST"), (f"{HL7}/provenance-participant-type", "custodian")]
    identifier = {
        "type": code(f"{HL7}/v2-0203", "PRN"),
        "system": "urn:oid:1.2.246.537.6.40174",
        "value": source["organisation"],
    }
    return {
        "type": {"coding": [{"system": system, "code": value} for system, value in kinds]},
        "role": [concept(CUSTODIANS[source["custodianType"]])],
        "who": compact({"identifier": identifier, "display": source.get("organisationName")}),
    }
