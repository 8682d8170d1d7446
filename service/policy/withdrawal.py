"""What is sent to take back what was given: which resources, and that they must not be used any more; no content.

Every status is `entered-in-error`, the only one that all these types have and record systems hide things by. `revoked`
or `cancelled` would say of the plan, the measure, the meeting itself that it has ended, which is not so: the family has
taken back a permission. The tag `withdrawn` tells that apart from a mistake. See docs/decisions/015.
"""

import functools
from collections.abc import Collection, Mapping
from typing import Any

from service.fhir.reading import coding_of, extensions, objects, part, string
from service.policy import marks
from service.policy.case import Case
from service.policy.elements import ROOT, At
from service.policy.guard import guard
from service.policy.rules import Policy
from service.policy.withheld import complete, mask, without_texts

Json = Mapping[str, Any]
ERROR = "entered-in-error"
_STATUS = {
    "CarePlan": "status",
    "Goal": "lifecycleStatus",
    "CareTeam": "status",
    "Appointment": "status",
    "Task": "status",
    "ServiceRequest": "status",
    "QuestionnaireResponse": "status",
}
_SUBJECT = {"Task": "for", "Appointment": ""}
# What these say without a word about the family.
_FIXED = {"CarePlan": ("intent", "language"), "Task": ("intent",), "ServiceRequest": ("intent",)}
_CATEGORY = {"coding": [{"system": f"{ROOT}/CodeSystem/care-plan-category", "code": "shared-plan"}]}
# Profiles ask answers of an answer sheet, and a completed one of feedback.
_UNCLAIMED = ("QuestionnaireResponse",)
_STATE = "https://hl7.fi/fhir/finnish-scheduling/StructureDefinition/ajanvarauksen-tila"


def withdrawal(bundle: Json, sent: Collection[str], *, policy: Policy | None = None) -> dict[str, Any]:
    """A collection Bundle that takes back the resources `sent` (`Goal/…`) of a case: who they are, no content.

    `bundle` is the case, or what was sent; what is in `sent` and not in it cannot be named and is passed over. What no
    recipient keeps for the plan's sake (people, organisations, the Provenance) is not taken back. `policy` is the one
    in force, or the one that travels with the program.
    """
    case = Case(bundle)
    chosen = policy or _default()
    secrets = guard(case, hetus=())
    made = []
    for key, resource in case.resources.items():
        if key in sent and resource["resourceType"] in _STATUS:
            bare = _taken_back(key, resource, case, chosen)
            clean = without_texts(bare, lambda text: secrets.tells(text) or secrets.tells_hetu(text), _unheard)
            made.append(_completed(clean, resource, chosen))
    out = marks.bundle(made)
    return out | {"meta": {"tag": [dict(marks.WITHDRAWN)]}}


@functools.cache
def _default() -> Policy:
    return Policy.load()


def _unheard(_place: At) -> None:
    """Nobody needs to be told what is withheld of nothing."""


def _taken_back(key: str, resource: Json, case: Case, policy: Policy) -> dict[str, Any]:
    kind = resource["resourceType"]
    meta = marks.meta(resource, policy, less=True, tag=marks.WITHDRAWN)
    if kind in _UNCLAIMED:
        meta.pop("profile", None)
    out: dict[str, Any] = {"resourceType": kind, "id": key.partition("/")[2], "meta": meta}
    own = resource.get("identifier")
    if isinstance(own, list):
        out["identifier"] = [one for one in own if isinstance(one, dict) and one.get("use") == "usual"]
    elif isinstance(own, dict):
        out["identifier"] = own
    out[_STATUS[kind]] = ERROR
    out |= {name: resource[name] for name in _FIXED.get(kind, ()) if name in resource}
    if kind == "CarePlan":
        out["category"] = [dict(_CATEGORY)]
        out["extension"] = [*extensions(resource, "copy-of")[:1]] or [marks.copy_of(case)]
    if kind in ("Task", "ServiceRequest", "QuestionnaireResponse"):
        based = [_named(one, case, "CarePlan") for one in objects(resource, "basedOn")]
        out["basedOn"] = based or [mask()]
    subject = _SUBJECT.get(kind, "subject")
    if subject and kind != "QuestionnaireResponse":
        out[subject] = _named(part(resource, subject), case, "Patient")
    return {name: value for name, value in out.items() if value}


def _named(reference: Json, case: Case, kind: str) -> dict[str, Any]:
    """A Reference by identifier: the recipient knows whom it means, and the withdrawal says no more of them."""
    found = case.find(reference)
    for one in objects(found, "identifier"):
        if one.get("use") == "usual":
            named = {name: one[name] for name in ("system", "value") if name in one}
            return {"type": kind, "identifier": named}
    return {"type": kind, "reference": string(reference, "reference")} if string(reference, "reference") else mask()


def _completed(out: dict[str, Any], resource: Json, policy: Policy) -> dict[str, Any]:
    """With the marks that the profiles ask for."""
    kind = resource["resourceType"]
    if kind == "Appointment":
        out["_status"] = {"extension": [{"url": _STATE, "valueCoding": mask()}]}
        name = "contact-method" if coding_of(resource, "contact-method") else "near-worker"
        shape = "valueCoding" if name == "contact-method" else "valueReference"
        out["extension"] = [{"url": f"{ROOT}/StructureDefinition/{name}", shape: mask()}]
        out |= {"_start": mask(), "_end": mask()}
    if kind == "CareTeam":
        out["participant"] = [{"id": "near-worker", "role": [mask()], "member": mask()}]
    return complete(out, policy)
