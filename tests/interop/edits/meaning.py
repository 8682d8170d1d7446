"""Edits of what values say: codes, displays, invariants, reference targets, choices, fixed values and slices."""

import copy
from collections.abc import Callable
from typing import Any

from tests.interop.nodes import Json, Node
from tests.interop.samples import SAMPLES
from tests.interop.tools import Tools

CODES = ("no-such-code", "active", "draft", "completed", "official", "booked", "PUBLIC", "fi")
SYSTEMS = (
    "https://yhdessa.example/fhir/CodeSystem/environment",
    "https://yhdessa.example/fhir/CodeSystem/no-such",
    "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "urn:oid:1.2.246.21",
    "urn:ietf:bcp:47",
)
TARGETS = (
    "Device",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Group",
    "CarePlan",
    "Location",
    "Nothing",
)


def binding(tools: Tools) -> str | None:
    """A code outside its value set, or none."""
    node = tools.node("code", "Coding", "CodeableConcept")
    if node is None:
        return None
    if node.type == "code":
        node.put(tools.rng.choice(CODES))
        return f"{node.path} = {node.value}"
    coding = _coding(tools, node)
    how = tools.rng.randrange(7)
    if how == 0 and node.type == "CodeableConcept":
        node.put({"text": "Jokin muu"})
    elif how == 1:
        coding["system"] = tools.rng.choice(SYSTEMS)
    elif how == 2:
        coding.pop("system", None)
    elif how == 3:
        coding.pop("code", None)
    elif how == 4:
        coding["version"] = "0.1"
    else:
        coding["code"] = tools.rng.choice(CODES)
    return f"{node.path} ({how})"


def display(tools: Tools) -> str | None:
    """A code that is called something else."""
    node = tools.node("Coding", "CodeableConcept")
    if node is None:
        return None
    coding = _coding(tools, node)
    coding["display"] = tools.rng.choice(("Aivan muuta", str(coding.get("display", "x")).upper(), ""))
    return f"{node.path} = {coding['display']!r}"


def _coding(tools: Tools, node: Node) -> Json:
    """A coding of the value, made where there is none."""
    if node.type == "Coding":
        return node.value if isinstance(node.value, dict) else {}
    codings = node.value.setdefault("coding", [copy.deepcopy(SAMPLES["Coding"])])
    return tools.rng.choice(codings)  # type: ignore[no-any-return]


def target(tools: Tools) -> str | None:
    """A reference to something else."""
    node = tools.node("Reference")
    if node is None:
        return None
    value = node.value
    given = str(value.get("reference", "Patient/a"))
    how = tools.rng.randrange(10)
    if how < 4:
        value["reference"] = f"{tools.rng.choice(TARGETS)}/{given.rpartition('/')[2]}"
    elif how == 4:
        value["type"] = tools.rng.choice((*TARGETS, "http://hl7.org/fhir/StructureDefinition/Patient"))
    elif how == 5:
        value["reference"] = tools.rng.choice(
            ("#nobody", "#", "patient/1", "Patient", "Patient/a b", "Patient/a/_history/1")
        )
    elif how == 6:
        value["reference"] = tools.rng.choice(
            ("urn:uuid:x", "https://muu.example/fhir/Patient/1", "urn:oid:1.2", "Device?x=1")
        )
    elif how == 7:
        value.clear()
        value["display"] = "Joku"
    elif how == 8:
        value.clear()
        value["identifier"] = {"system": "urn:oid:1.2.246.10.99", "value": "1"}
        value["type"] = tools.rng.choice(TARGETS)
    else:
        name = tools.rng.choice(("Patient", "Organization", "Device", "Practitioner"))
        tools.resource.setdefault("contained", []).append({"resourceType": name, "id": "inside"})
        value["reference"] = "#inside"
    return f"{node.path} ({how})"


def choice(tools: Tools) -> str | None:
    """Two values of one choice, or one of a type that is not among them."""
    node = tools.one([one for one in tools.nodes if one.path.endswith("[x]")])
    if node is None:
        return None
    name = node.path.rpartition(".")[2].removesuffix("[x]")
    code = tools.rng.choice(sorted(SAMPLES))
    key = name + code[0].upper() + code[1:]
    if tools.rng.randrange(3):
        del node.holder[node.key]
        if tools.rng.randrange(8) == 0:
            key = name + code.lower()
    node.holder[key] = copy.deepcopy(SAMPLES[code])
    return f"{node.path} as {key}"


def pattern(tools: Tools) -> str | None:
    """Values that profiles fix or slice by: identifiers, tags, names of use, kinds."""
    node = tools.node(
        "Identifier", "ContactPoint", "HumanName", "Coding", "code", "uri", "BackboneElement", "boolean", "Address"
    )
    if node is None:
        return None
    value = node.value
    if not isinstance(value, dict):
        node.put(
            not value
            if isinstance(value, bool)
            else tools.rng.choice(("urn:oid:1.2.246.21", "plan", "source", "urn:oid:1.2.246.10.99", "order"))
        )
        return f"{node.path} = {node.value}"
    how = tools.rng.randrange(6)
    if how == 0:
        value["use"] = tools.rng.choice(("official", "usual", "secondary", "temp", "old", "home", "work", "mobile"))
    elif how == 1:
        value["system"] = tools.rng.choice(
            ("urn:oid:1.2.246.21", "urn:oid:1.2.246.537.26", "urn:oid:1.2.246.10", *SYSTEMS)
        )
    elif how == 2:
        value["type"] = {"coding": [{"system": SYSTEMS[3], "code": tools.rng.choice(("NNFIN", "PRN", "NIIP", "MR"))}]}
    elif how == 3:
        value["id"] = tools.rng.choice(("near-worker", "muu", "a b"))
    elif how == 4:
        value["value"] = tools.rng.choice(("150318A9125", "x", "urn:oid:1.2.246.10.1234567.10.1"))
    else:
        value.pop(tools.rng.choice(sorted(value)))
    return f"{node.path} ({how})" if value else None


def invariant(tools: Tools) -> str | None:
    """One of R4's own invariants, broken or just not."""
    found = [edit for edit in INVARIANTS if edit.applies(tools)]
    edit = tools.one(found)
    if edit is None:
        return None
    edit.apply(tools)
    return edit.name


class Edit:
    """One edit of a resource type, or of every value of a datatype."""

    def __init__(self, name: str, where: str, change: Callable[[Json, Tools], object]) -> None:
        self.name, self.where, self.change = name, where, change

    def values(self, tools: Tools) -> list[Json]:
        if tools.resource["resourceType"] == self.where or self.where == "*":
            return [tools.resource]
        return [one.value for one in tools.nodes if one.where_is(self.where) and isinstance(one.value, dict)]

    def applies(self, tools: Tools) -> bool:
        return bool(self.values(tools))

    def apply(self, tools: Tools) -> None:
        self.change(tools.rng.choice(self.values(tools)), tools)


def _set(**values: Any) -> Callable[[Json, Tools], object]:
    """Members set; None takes one away."""

    def change(value: Json, tools: Tools) -> None:
        for key, one in values.items():
            if one is None:
                value.pop(key, None)
            else:
                value[key] = copy.deepcopy(one)

    return change


def _swap(first: str, second: str) -> Callable[[Json, Tools], object]:
    def change(value: Json, tools: Tools) -> None:
        value[first], value[second] = value.get(second, "2020-01-01"), value.get(first, "2024-01-01")

    return change


_BOX = {"resourceType": "Organization", "id": "inside", "name": "Päiväkoti"}
_INSIDE = {"reference": "#inside"}
INVARIANTS = (
    Edit("per-1", "Period", _swap("start", "end")),
    Edit("per-1 mixed precision", "Period", _set(start="2024-05-06T12:00:00+03:00", end="2024-05-06")),
    Edit("per-1 other zone", "Period", _set(start="2024-05-06T12:00:00+03:00", end="2024-05-06T09:30:00Z")),
    Edit("cpt-2", "ContactPoint", _set(system=None)),
    Edit("qty-3", "Quantity", _set(value=1, code="h", system=None)),
    Edit("ext-1 both", "Extension", _set(valueString="a", extension=[{"url": "https://e.fi/x", "valueCode": "a"}])),
    Edit("ext-1 none", "Extension", lambda value, tools: [value.pop(k) for k in list(value) if k != "url"]),
    Edit("ref-1", "Reference", _set(reference="#nowhere")),
    Edit("att-1", "Attachment", _set(data="VGVrc3Rp", contentType=None)),
    Edit("tim-1", "Timing", _set(repeat={"duration": 1})),
    Edit("tim-4", "Timing", _set(repeat={"duration": -1, "durationUnit": "h"})),
    Edit("tim-10", "Timing", _set(repeat={"timeOfDay": ["10:00:00"], "when": ["MORN"]})),
    Edit("cpl-3", "CarePlan.activity", _set(reference={"reference": "Task/1"}, detail={"status": "unknown"})),
    Edit("cpl-3 ok", "CarePlan.activity", _set(reference={"reference": "Task/1"}, detail=None)),
    Edit("app-1", "Appointment.participant", _set(actor=None, type=None)),
    Edit("app-1 ok", "Appointment.participant", _set(actor=None)),
    Edit("app-2", "Appointment", _set(end=None)),
    Edit("app-2 start", "Appointment", _set(start=None)),
    Edit("app-3", "Appointment", _set(start=None, end=None, status="booked")),
    Edit("app-3 ok", "Appointment", _set(start=None, end=None, status="cancelled")),
    Edit("app-4", "Appointment", _set(cancelationReason={"text": "Sairaus"}, status="booked")),
    Edit("app-4 ok", "Appointment", _set(cancelationReason={"text": "Sairaus"}, status="noshow")),
    Edit("pat-1", "Patient", _set(contact=[{"gender": "female"}])),
    Edit("pat-1 ok", "Patient", _set(contact=[{"name": {"text": "Maija"}}])),
    Edit("org-1", "Organization", _set(name=None, identifier=None)),
    Edit("org-2", "Organization", _set(address=[{"use": "home", "text": "Katu 1"}])),
    Edit("org-3", "Organization", _set(telecom=[{"use": "home", "system": "phone", "value": "1"}])),
    Edit("gol-1", "Goal", _set(target=[{"detailString": "x", "dueDate": "2024-05-06"}])),
    Edit("gol-1 ok", "Goal", _set(target=[{"measure": {"text": "uni"}, "detailString": "x"}])),
    Edit("ctm-1", "CareTeam.participant", _set(onBehalfOf={"reference": "Organization/1"})),
    Edit("ppc-1", "Consent", _set(policy=None)),
    Edit("ppc-2", "Consent", _set(patient=None)),
    Edit(
        "ppc-3",
        "Consent",
        _set(scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}),
    ),
    Edit("qrs-1", "QuestionnaireResponse.item", _set(answer=[{"valueString": "a"}], item=[{"linkId": "b"}])),
    Edit("inv-1", "Task", _set(lastModified="2001-01-01", authoredOn="2024-01-01")),
    Edit("prr-1", "ServiceRequest", _set(orderDetail=[{"text": "x"}], code=None)),
    Edit("dom-2", "*", _set(contained=[{**_BOX, "contained": [{"resourceType": "Patient", "id": "b"}]}])),
    Edit("dom-3", "*", _set(contained=[_BOX])),
    Edit("dom-4", "*", _set(contained=[{**_BOX, "meta": {"versionId": "1"}}])),
    Edit("dom-5", "*", _set(contained=[{**_BOX, "meta": {"security": [{"system": "https://e.fi", "code": "a"}]}}])),
    Edit(
        "ids twice", "*", _set(contained=[_BOX, _BOX], extension=[{"url": "https://e.fi/x", "valueReference": _INSIDE}])
    ),
    Edit(
        "contained, used",
        "*",
        lambda value, tools: (
            value.setdefault("extension", []).append({"url": "https://e.fi/x", "valueReference": _INSIDE}),
            value.update(contained=[copy.deepcopy(_BOX)]),
        ),
    ),
    Edit("contained without id", "*", _set(contained=[{"resourceType": "Organization", "name": "x"}])),
)
