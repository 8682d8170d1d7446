"""People, organisations and places, written by hand."""

from bench.handwritten.datatypes import (
    FI_BASE,
    HETU,
    HL7,
    MUNICIPALITIES,
    OURS,
    PROFESSIONS,
    REGISTERS,
    RELATIONS,
    RELATIONS_V3,
    SECTORS,
    Json,
    address,
    code,
    compact,
    concept,
    extension,
    names,
    optional,
    part,
    reference,
    source_identifier,
    telecoms,
)


def organisation(one: Json, doc: Json) -> Json:
    identifiers = [source_identifier(one["id"], doc)]
    if "businessId" in one:
        identifiers.insert(0, {"use": "secondary", "system": "urn:oid:1.2.246.10", "value": one["businessId"]})
    if "oid" in one:
        register = REGISTERS[one["sector"]]["code"]
        identifiers.insert(0, {"use": "official", "system": register, "value": f"urn:oid:{one['oid']}"})
    return compact(
        {
            "resourceType": "Organization",
            "id": one["resourceId"],
            "meta": meta({}, f"{OURS}/yhdessa-organization", f"{FI_BASE}/StructureDefinition/fi-base-organization"),
            "extension": municipality(one),
            "identifier": identifiers,
            "active": True,
            "type": [concept(SECTORS[one["sector"]])],
            "name": one["name"],
            "telecom": telecoms(one),
            "address": address(one.get("address")),
            "partOf": optional(one.get("partOf")),
        }
    )


def municipality(one: Json) -> list[Json] | None:
    if "municipality" not in one:
        return None
    coding = {"system": MUNICIPALITIES, "code": one["municipality"]}
    return [extension(f"{OURS}/municipality", valueCoding=coding)]


def practitioner(one: Json) -> Json:
    identifiers = []
    if "terhikki" in one:
        identifiers.append({"use": "official", "system": "urn:oid:1.2.246.537.26", "value": one["terhikki"]})
    if "sv" in one:
        identifiers.append({"use": "official", "system": "urn:oid:1.2.246.537.25", "value": one["sv"]})
    for other in one.get("otherIds", ()):
        identifiers.append({"use": "secondary", "system": other["system"], "value": other["value"]})
    return compact(
        {
            "resourceType": "Practitioner",
            "id": one["practitionerId"],
            "meta": {
                "profile": [f"{OURS}/yhdessa-practitioner", f"{FI_BASE}/StructureDefinition/fi-base-practitioner"]
            },
            "identifier": identifiers or None,
            "active": True,
            "name": names(one["name"]),
        }
    )


def practitioner_role(one: Json, doc: Json) -> Json:
    profession = concept(PROFESSIONS[one["profession"]])
    if "professionText" in one:
        profession["text"] = one["professionText"]
    profiles = [f"{OURS}/yhdessa-practitioner-role", f"{FI_BASE}/StructureDefinition/fi-base-practitioner-role"]
    return compact(
        {
            "resourceType": "PractitionerRole",
            "id": one["resourceId"],
            "meta": {"profile": profiles},
            "identifier": [source_identifier(one["id"], doc)],
            "active": True,
            "practitioner": {"reference": f"Practitioner/{one['practitionerId']}"},
            "organization": optional(one.get("organisation")),
            "code": [profession],
            "telecom": telecoms(one),
        }
    )


def person(one: Json) -> Json:
    """What children and other people have in common."""
    return {
        "active": True,
        "name": names(one["name"]),
        "telecom": telecoms(one),
        "gender": one.get("gender"),
        "birthDate": one.get("birthDate"),
        "address": address(one.get("address"), "home"),
        "communication": [communication(language) for language in one.get("languages", ())] or None,
    }


def communication(language: Json) -> Json:
    codings = [{"system": "urn:ietf:bcp:47", "code": language["code"]}]
    if "nationalCode" in language:
        codings.append({"system": "urn:oid:1.2.246.537.5.40175", "code": language["nationalCode"]})
    return compact({"language": {"coding": codings}, "preferred": language.get("preferred")})


def meta(one: Json, *profiles: str) -> Json:
    found: Json = {"profile": [*profiles]}
    if one.get("nonDisclosure"):
        system = f"{FI_BASE}/CodeSystem/fi-base-security-label-cs"
        found["security"] = [{"system": system, "code": "TURVAKIELTO", "display": "Turvakielto"}]
    return found


def interpreter(one: Json) -> Json:
    parts = [
        extension("needed", valueBoolean=one["needed"]),
        *part("language", "valueCode", one.get("language")),
    ]
    return extension(f"{OURS}/interpreter", extension=parts)


def member_identifiers(one: Json, family: Json, doc: Json) -> list[Json]:
    hetu = [{"use": "official", "system": HETU, "value": one["hetu"]}] if "hetu" in one else []
    return [*hetu, source_identifier(f"{family['id']}/{one['id']}", doc)]


def patient(child: Json, family: Json, doc: Json) -> Json:
    identifiers = member_identifiers(child, family, doc)
    if "temporaryId" in child:
        identifiers.insert(-1, {"use": "temp", **child["temporaryId"]})
    if "learnerOid" in child:
        value = f"urn:oid:{child['learnerOid']}"
        identifiers.insert(-1, {"use": "secondary", "system": "urn:oid:1.2.246.562.24", "value": value})
    return compact(
        {
            "resourceType": "Patient",
            "id": child["resourceId"],
            "meta": meta(child, f"{OURS}/yhdessa-patient", f"{FI_BASE}/StructureDefinition/fi-base-patient"),
            "extension": patient_extensions(child, family) or None,
            "identifier": identifiers,
            **person(child),
        }
    )


def patient_extensions(child: Json, family: Json) -> list[Json]:
    found = []
    if "homeMunicipality" in child:
        coding = {"system": MUNICIPALITIES, "code": child["homeMunicipality"]}
        found.append(extension(f"{FI_BASE}/StructureDefinition/municipality-code", valueCoding=coding))
    if "clientRelationship" in family:
        found.append(extension(f"{OURS}/client-relationship", valueBoolean=family["clientRelationship"]))
    if "interpreter" in child:
        needed = child["interpreter"]["needed"]
        required = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
        found += [extension(required, valueBoolean=needed), interpreter(child["interpreter"])]
    if "everydayEnvironment" in child:
        place = reference(child["everydayEnvironment"])
        found.append(extension(f"{OURS}/everyday-environment", valueReference=place))
    return found


def related_person(one: Json, relation: Json, family: Json, doc: Json, *, guardian: bool) -> Json:
    extensions = [interpreter(one["interpreter"])] if "interpreter" in one else []
    extensions += part(f"{OURS}/custody", "valueCode", relation.get("custody"))
    extensions += part(f"{OURS}/lives-together", "valueBoolean", relation.get("livesTogether"))
    kind = relation["relation"]
    relationship = {"coding": [{**RELATIONS[kind]}, {**RELATIONS_V3[kind]}], "text": relation.get("relationText")}
    identifiers = member_identifiers(one, family, doc)
    return compact(
        {
            "resourceType": "RelatedPerson",
            "id": relation["resourceId"],
            "meta": meta(one, f"{OURS}/yhdessa-related-person"),
            "extension": extensions or None,
            "identifier": identifiers,
            "patient": reference(relation["child"]),
            "relationship": [compact(relationship), *([code(f"{HL7}/v3-RoleCode", "GUARD")] if guardian else [])],
            **person(one),
        }
    )


def location(place: Json, doc: Json) -> Json:
    return compact(
        {
            "resourceType": "Location",
            "id": place["resourceId"],
            "meta": {"profile": [f"{OURS}/yhdessa-location", f"{FI_BASE}/StructureDefinition/fi-base-location"]},
            "extension": municipality(place),
            "identifier": [source_identifier(place["id"], doc)],
            "status": "active",
            "name": place["name"],
            "description": place.get("room"),
            "mode": "instance",
            "address": (address(place.get("address")) or [None])[0],
            "managingOrganization": optional(place.get("organisation")),
        }
    )
