"""A shared plan as FHIR, written by hand in plain Python: what `mappings/` is measured against.

The same Bundle, value for value, as the maps give for a keyed shared plan in the activity style `detail`: a test.
"""

from bench.handwritten.datatypes import ROOT, Json
from bench.handwritten.people import location, organisation, patient, practitioner, practitioner_role, related_person
from bench.handwritten.permission import consent, provenance
from bench.handwritten.plan import assessment, care_plan, feedback, goal, next_contact


def shared_plan(doc: Json) -> Json:
    """The transaction Bundle of a keyed shared plan."""
    plan, family = doc["plan"], doc["family"]
    resources = [organisation(one, doc) for one in doc["organisations"]]
    for one in doc["professionals"]:
        resources += [practitioner(one), practitioner_role(one, doc)]
    resources += [patient(child, family, doc) for child in family["children"]]
    for guardian in family.get("guardians", ()):
        resources += [related_person(guardian, one, family, doc, guardian=True) for one in guardian["relations"]]
    for other in family.get("others", ()):
        resources += [related_person(other, one, family, doc, guardian=False) for one in other["relations"]]
    resources += [goal(need, doc) for need in plan["needs"]]
    contact = plan["followUp"].get("nextContact")
    if contact:
        if "place" in contact:
            resources.append(location(contact["place"], doc))
        resources.append(next_contact(contact, plan, doc))
    resources += [assessment(one, plan, doc) for one in plan.get("assessments", ())]
    resources.append(care_plan(plan, doc))
    resources += [consent(one, plan, doc) for one in plan.get("recipients", ()) if one["basis"] != "statutory"]
    resources += [feedback(one, plan, doc) for one in plan.get("feedback", ())]
    resources.append(provenance(doc))
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry(one) for one in resources]}


def entry(resource: Json) -> Json:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "fullUrl": f"{ROOT}/{url}", "request": {"method": "PUT", "url": url}}
