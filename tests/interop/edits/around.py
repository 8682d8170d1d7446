"""Edits of what every resource may carry: extensions, metadata, narrative."""

import copy

from tests.interop.nodes import Json
from tests.interop.samples import SAMPLES
from tests.interop.tools import Tools

ROOT = "https://yhdessa.example/fhir/StructureDefinition/"
FINNISH = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/"
STATUS = "https://hl7.fi/fhir/finnish-scheduling/StructureDefinition/ajanvarauksen-tila"
KNOWN: tuple[Json, ...] = (
    {"url": ROOT + "environment", "valueCoding": {"system": "https://yhdessa.example/fhir/CodeSystem/environment", "code": "home"}},
    {"url": ROOT + "follow-up", "valueString": "Soitto"},
    {"url": ROOT + "attended", "valueBoolean": True},
    {"url": ROOT + "telecom-hours", "valueString": "8-16"},
    {"url": ROOT + "no-such", "valueString": "a"},
    {"url": FINNISH + "municipality-code", "valueCoding": {"system": "urn:oid:1.2.246.537.6.21", "code": "285"}},
    {"url": FINNISH + "service-event", "valueOid": "urn:oid:1.2.246.10.99"},
    {"url": FINNISH + "RestrictionParent", "valueCoding": {"system": "urn:oid:1.2.246.537.5.40202.201901", "code": "1"}},
    {"url": STATUS, "valueCoding": {"system": "urn:oid:1.2.246.537.6.881", "code": "3"}},
    {"url": STATUS, "valueCoding": {"system": "urn:oid:1.2.246.10.99", "code": "3"}},
    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2020-01-01T10:00:00+02:00"},
    {"url": "http://hl7.org/fhir/StructureDefinition/no-such", "valueString": "a"},
    {"url": "https://muu.example/x", "valueString": "a"},
)  # fmt: skip
PROFILES = (
    ROOT + "yhdessa-patient", ROOT + "yhdessa-goal", ROOT + "yhdessa-appointment", ROOT + "yhdessa-next-contact", ROOT + "no-such",
    FINNISH + "fi-base-patient", FINNISH + "fi-base-organization", FINNISH + "fi-base-practitioner", FINNISH + "fi-base-appointment",
    FINNISH + "fi-base-information-custodian", FINNISH + "fi-base-information-custodian-private",
    "http://hl7.org/fhir/StructureDefinition/Patient", ROOT + "yhdessa-patient|9.9", "not a uri", ROOT + "environment",
)  # fmt: skip
XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'
DIVS = (
    f"<div {XMLNS}><script>x()</script></div>", f'<div {XMLNS}><p onclick="x()">a</p></div>', f"<div {XMLNS}></div>",
    "<div><p>a</p></div>", f"<div {XMLNS}><p>a</div>", f"<div {XMLNS}>&nbsp;a&auml;</div>", f"<div {XMLNS}>&nosuch;</div>",
    f'<div {XMLNS}><img src="x.png" alt="a"/></div>', f"<div {XMLNS}><form><input/></form></div>", f"<p {XMLNS}>a</p>",
    f'<div {XMLNS}><a href="https://yhdessa.example">a</a></div>', f'<div {XMLNS} lang="fi" xml:lang="fi">a</div>',
    f"<div {XMLNS}><table><tr><td>a</td></tr></table><ul><li>b</li></ul></div>", f"<div {XMLNS}><iframe/></div>",
    f'<div {XMLNS}><p style="color: red" class="a" id="b">a</p></div>', f"<div {XMLNS}>   </div>", f"<div {XMLNS}>a < b</div>",
    f'<div {XMLNS}><img src="x.png"/></div>', f'<div {XMLNS}><a href="javascript:x()">a</a></div>', f"<div {XMLNS}><!-- c -->a</div>",
)  # fmt: skip


def extension(tools: Tools) -> str | None:
    """Extensions that are wrong in themselves, or where they stand."""
    node = tools.node("Extension")
    how = tools.rng.randrange(12)
    if node is None or how < 3:
        return _foreign(tools)
    value = node.value
    values = [key for key in value if key.startswith("value")]
    if how == 3:
        value.pop("url", None)
    elif how == 4:
        value["url"] = tools.rng.choice((value.get("url", "") + "x", "environment", "a b", "", ROOT + "follow-up"))
    elif how in (5, 6) and values:
        del value[values[0]]
        code = tools.rng.choice(sorted(SAMPLES))
        value["value" + code[0].upper() + code[1:]] = copy.deepcopy(SAMPLES[code])
    elif how == 7 and values:
        del value[values[0]]
    elif how == 8:
        value.setdefault("extension", []).append(
            {"url": tools.rng.choice(("muu", "text", "https://muu.example/x")), "valueString": "a"}
        )
    elif how == 9 and "extension" in value:
        value["extension"].pop(tools.rng.randrange(len(value["extension"])))
    elif how == 10 and "extension" in value:
        value["extension"].append(copy.deepcopy(tools.rng.choice(value["extension"])))
    else:
        node.remove()
        tools.resource.setdefault("modifierExtension", []).append(value)
    return f"{node.path} {value.get('url')} ({how})"


def _foreign(tools: Tools) -> str | None:
    """An extension put where it is not meant to be."""
    holder, _, at = tools.place()
    value = copy.deepcopy(tools.rng.choice(KNOWN))
    primitive = [
        key
        for key, one in holder.items()
        if isinstance(one, (str, bool, int)) and key not in ("resourceType", "div", "id", "url")
    ]
    how = tools.rng.randrange(5)
    if how == 0 and primitive:
        key = tools.rng.choice(sorted(primitive))
        holder.setdefault("_" + key, {}).setdefault("extension", []).append(value)
        return f"_{at}.{key} {value['url']}"
    name = "modifierExtension" if how == 1 and "url" not in holder else "extension"
    holder.setdefault(name, []).append(value)
    return f"{at}.{name} {value['url']}"


def meta(tools: Tools) -> str | None:
    """Profiles that do not fit or are not known, tags, labels."""
    value = tools.resource.setdefault("meta", {})
    how = tools.rng.randrange(8)
    if how < 3:
        value.setdefault("profile", []).append(tools.rng.choice(PROFILES))
    elif how == 3:
        value["profile"] = [tools.rng.choice(PROFILES)]
    elif how == 4:
        value["tag"] = [tools.rng.choice(({"code": "a"}, {"system": "https://e.fi", "code": "a"}, {"display": "a"}))]
    elif how == 5:
        value["security"] = [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": tools.rng.choice("RVXN")}
        ]
    elif how == 6:
        value["lastUpdated"] = tools.rng.choice(("2024-05-06", "2024-05-06T10:00:00Z", "2024-05-06T10:00:00"))
    else:
        tools.resource["language"] = tools.rng.choice(("fi", "xx-yy-zz", "suomi", "sv-FI", "so"))
    return f"meta ({how}) {value.get('profile', [''])[-1]}"


def narrative(tools: Tools) -> str | None:
    """A narrative that R4 allows, or not."""
    text: Json = {"status": "generated", "div": tools.rng.choice(DIVS)}
    how = tools.rng.randrange(8)
    if how == 0:
        text["status"] = tools.rng.choice(("empty", "no-such"))
    elif how == 1:
        del text[tools.rng.choice(("status", "div"))]
    tools.resource["text"] = text
    return f"text {text.get('div', '')}"
