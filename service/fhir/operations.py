"""The terminology operations: given parameters in, a Parameters resource (or a ValueSet) out.

https://hl7.org/fhir/R4/terminology-service.html; `given` maps the names of the in-parameters to their values (see
`service.fhir.parameters`). `TerminologyError` says what is missing, wrong or unknown.
"""

from collections.abc import Mapping
from typing import Any

from service.fhir.conceptmaps import Match, Question, scope, translate
from service.fhir.expansion import Wanted, expand
from service.fhir.parameters import Given, checked, from_parameters, missing
from service.fhir.terminology import Terminology, TerminologyError, Validated
from service.fhir.valuesets import Membership
from service.issues import issue


def value_set_validate_code(terminology: Terminology, given: Given, language: str = "en") -> dict[str, Any]:
    """`ValueSet/$validate-code`."""
    checked(given)
    members = _members(terminology, given)
    answers = [
        terminology.validate_in(members, system, code, display) for system, code, display in _codings(given, "system")
    ]
    return _verdict(terminology, answers, given, language)


def code_system_validate_code(terminology: Terminology, given: Given, language: str = "en") -> dict[str, Any]:
    """`CodeSystem/$validate-code`."""
    checked(given)
    url = given.get("url")
    if "codeSystem" in given:
        url = given["codeSystem"]["url"]
        terminology = Terminology(terminology.definitions.with_resources([given["codeSystem"]]))
    elif url and given.get("version"):
        url = f"{url}|{given['version']}"
    codings = _codings({**given, "url": url}, "url")
    answers = [
        terminology.validate_in_system(within, code, display)
        for system, code, display in codings
        if (within := url or system)
    ]
    if not answers:
        raise missing("url")
    return _verdict(terminology, answers, given, language)


def code_system_lookup(terminology: Terminology, given: Given) -> dict[str, Any]:
    """`CodeSystem/$lookup`."""
    checked(given)
    system, code, _ = _codings(given, "system")[0]
    if not system:
        raise missing("system")
    version = given.get("version")
    known = terminology.code_system(f"{system}|{version}" if version else system)
    if known is None:
        raise TerminologyError(issue("terminology.resource-unknown", kind="CodeSystem", url=system))
    concept = known.find(code)
    if concept is None:
        raise TerminologyError(issue("terminology.code-unknown", system=system, code=code))
    rows: list[dict[str, Any]] = [{"name": "name", "valueString": known.title}]
    if known.version:
        rows.append({"name": "version", "valueString": known.version})
    display = terminology.display(system, concept.code, given.get("displayLanguage")) or concept.code
    rows.append({"name": "display", "valueString": display})
    rows += [_designation(one) for one in concept.designations]
    asked = set(given.get("property", ()))
    values: list[tuple[str, Any]] = [("parent", one) for one in concept.parents] + [
        ("child", one) for one in concept.children
    ]
    values += [row for row in concept.properties if row[0] not in ("parent", "child")]
    values.append(("inactive", concept.inactive))
    rows += [_property(name, value) for name, value in dict.fromkeys(values) if not asked or name in asked]
    return {"resourceType": "Parameters", "parameter": rows}


def value_set_expand(terminology: Terminology, given: Given, timestamp: str) -> dict[str, Any]:
    """`ValueSet/$expand`: the ValueSet with its expansion, made at `timestamp` (a FHIR dateTime)."""
    checked(given)
    value_set = given.get("valueSet")
    if not isinstance(value_set, dict):
        url = _canonical(given, "url", "valueSetVersion")
        value_set = terminology.value_set(url)
        if value_set is None:
            raise TerminologyError(issue("terminology.resource-unknown", kind="ValueSet", url=url))
    wanted = Wanted(
        filter=str(given.get("filter", "")),
        count=given.get("count"),
        offset=given.get("offset", 0),
        active_only=given.get("activeOnly", False),
        for_ui=given.get("excludeNotForUI", False),
        designations=given.get("includeDesignations", False),
        definition=given.get("includeDefinition", False),
        language=given.get("displayLanguage"),
    )
    return expand(terminology, value_set, timestamp, wanted)


def concept_map_translate(terminology: Terminology, given: Given, language: str = "en") -> dict[str, Any]:
    """`ConceptMap/$translate`."""
    checked(given)
    maps = _maps(terminology, given)
    dependencies = tuple(_dependency(one) for one in given.get("dependency", ()))
    reverse, target_system = given.get("reverse", False), given.get("targetsystem")
    codings = _codings(given, "system")
    found: dict[Any, Match] = {}
    for system, code, _ in codings:
        question = Question(system, code, target_system, reverse, dependencies)
        for match in translate(maps, question, terminology.concept_map):
            found.setdefault((match.equivalence, str(match.concept), match.source), match)
    result = any(one.matches for one in found.values())
    rows: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if not result:
        text = issue("terminology.no-match", system=codings[0][0] or "?", code=codings[0][1]).text(language)
        rows.append({"name": "message", "valueString": text})
    rows += [{"name": "match", "part": _match(one)} for one in found.values()]
    return {"resourceType": "Parameters", "parameter": rows}


def _codings(given: Given, system_name: str) -> list[tuple[str | None, str, str | None]]:
    """(system, code, display) of what is asked about, given as `code`, `coding` or `codeableConcept`."""
    if "code" in given:
        return [(given.get(system_name), str(given["code"]), given.get("display"))]
    codings = [given["coding"]] if "coding" in given else given.get("codeableConcept", {}).get("coding", [])
    found = [(one.get("system"), one["code"], one.get("display")) for one in codings if one.get("code")]
    if not found:
        raise missing("code")
    return found


def _members(terminology: Terminology, given: Given) -> Membership:
    if isinstance(given.get("valueSet"), dict):
        return terminology.compile(given["valueSet"])
    url = _canonical(given, "url", "valueSetVersion")
    members = terminology.membership(url)
    if not members.known:
        raise TerminologyError(issue("terminology.resource-unknown", kind="ValueSet", url=url))
    return members


def _canonical(given: Given, name: str, version: str) -> str:
    if not given.get(name):
        raise missing(name)
    url = str(given[name])
    return f"{url}|{given[version]}" if given.get(version) and "|" not in url else url


def _verdict(terminology: Terminology, answers: list[Validated], given: Given, language: str) -> dict[str, Any]:
    """`result`, `message`, `display`: one coding that is in is enough."""
    best = next((one for one in answers if one.result), answers[0])
    result, issues = bool(best.result), list(best.issues)
    if result and given.get("abstract") is False and best.system:
        concept = terminology.lookup(best.system, best.code)
        if concept is not None and concept.abstract:
            result = False
            issues.append(issue("terminology.abstract-code", system=best.system, code=best.code))
    # A wrong display makes the answer false: https://hl7.org/fhir/R4/valueset-operation-validate-code.html
    result = result and not any(one.key == "terminology.display-mismatch" for one in issues)
    rows: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if issues:
        rows.append({"name": "message", "valueString": " ".join(one.text(language) for one in issues)})
    display = best.display
    if best.system and given.get("displayLanguage"):
        display = terminology.display(best.system, best.code, given["displayLanguage"])
    if display:
        rows.append({"name": "display", "valueString": display})
    return {"resourceType": "Parameters", "parameter": rows}


def _maps(terminology: Terminology, given: Given) -> list[Mapping[str, Any]]:
    if isinstance(given.get("conceptMap"), dict):
        return [given["conceptMap"]]
    if given.get("url"):
        url = _canonical(given, "url", "conceptMapVersion")
        found = terminology.concept_map(url)
        if found is None:
            raise TerminologyError(issue("terminology.resource-unknown", kind="ConceptMap", url=url))
        return [found]
    source, target = (str(given.get(name, "")).partition("|")[0] for name in ("source", "target"))
    if not (source or target or given.get("targetsystem")):
        raise missing("url")
    return [
        one
        for one in terminology.all_concept_maps()
        if (not source or scope(one, "source") == source) and (not target or scope(one, "target") == target)
    ]


def _dependency(parts: Any) -> tuple[str, str]:
    values = from_parameters({"parameter": parts if isinstance(parts, list) else []})
    codings = (values.get("concept") or {}).get("coding", [])
    return str(values.get("element", "")), str(codings[0].get("code", "") if codings else "")


def _designation(one: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if "language" in one:
        parts.append({"name": "language", "valueCode": one["language"]})
    if "use" in one:
        parts.append({"name": "use", "valueCoding": one["use"]})
    return {"name": "designation", "part": [*parts, {"name": "value", "valueString": one.get("value", "")}]}


def _property(name: str, value: Any) -> dict[str, Any]:
    kind = "valueBoolean" if isinstance(value, bool) else "valueInteger" if isinstance(value, int) else "valueString"
    if name in ("parent", "child"):
        kind = "valueCode"
    return {"name": "property", "part": [{"name": "code", "valueCode": name}, {"name": "value", kind: value}]}


def _match(one: Match) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"name": "equivalence", "valueCode": one.equivalence}]
    if one.concept:
        parts.append({"name": "concept", "valueCoding": dict(one.concept)})
    for product in one.products:
        coding = {"code": product.get("value")} | ({"system": product["system"]} if "system" in product else {})
        element = {"name": "element", "valueUri": product.get("property")}
        parts.append({"name": "product", "part": [element, {"name": "concept", "valueCoding": coding}]})
    return [*parts, {"name": "source", "valueUri": one.source}] if one.source else parts
