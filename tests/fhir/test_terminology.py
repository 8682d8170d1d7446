"""Terminology: membership in three values, filters, registries, displays."""

import runpy
from typing import Any

import pytest

from service.fhir import json, registries, ucum
from service.fhir.codesystems import CodeSystem
from service.fhir.definitions import core
from service.fhir.terminology import Terminology
from tests.shared import ROOT as REPOSITORY

ROOT = "https://example.org/fhir/"
SYSTEM = ROOT + "CodeSystem/support"
VS = "http://hl7.org/fhir/ValueSet/"
GENDER = "http://hl7.org/fhir/administrative-gender"
SNOMED = "http://snomed.info/sct"

SUPPORT: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "version": "1.2.0",
    "name": "Support",
    "title": "Kinds of support",
    "status": "active",
    "caseSensitive": True,
    "content": "complete",
    "property": [{"code": "parent", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}],
    "concept": [
        {
            "code": "all",
            "display": "All support",
            "property": [{"code": "notSelectable", "valueBoolean": True}],
            "concept": [
                {
                    "code": "home",
                    "display": "Support at home",
                    "designation": [
                        {"language": "fi", "value": "Tuki kotona"},
                        {"language": "sv-FI", "value": "Stöd hemma"},
                    ],
                    "concept": [{"code": "home-night", "display": "At night"}],
                },
                {"code": "school", "display": "Support at school", "property": [{"code": "age", "valueInteger": 7}]},
            ],
        },
        {"code": "old", "display": "Old", "property": [{"code": "status", "valueCode": "retired"}]},
        {"code": "both", "display": "Both", "property": [{"code": "parent", "valueCode": "school"}]},
    ],
}


def _value_set(name: str, *include: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    compose = {"include": list(include)} | ({"exclude": exclude} if exclude else {})
    return {"resourceType": "ValueSet", "url": ROOT + "ValueSet/" + name, "status": "active", "compose": compose}


def _filter(property_: str, op: str, value: str) -> dict[str, Any]:
    return {"system": SYSTEM, "filter": [{"property": property_, "op": op, "value": value}]}


def _terminology(*resources: dict[str, Any]) -> Terminology:
    return Terminology(core().with_resources([SUPPORT, *resources]))


def _codes(include: dict[str, Any], **more: Any) -> set[str]:
    return set(_terminology().compile(_value_set("a", include, **more)).codes)


ALL = {"all", "home", "home-night", "school", "old", "both"}


@pytest.mark.parametrize(
    ("property_", "op", "value", "codes"),
    [
        ("concept", "is-a", "all", {"all", "home", "home-night", "school", "both"}),
        ("concept", "descendent-of", "all", {"home", "home-night", "school", "both"}),
        ("concept", "is-not-a", "home", {"all", "school", "old", "both"}),
        ("concept", "generalizes", "home-night", {"home-night", "home", "all"}),
        ("concept", "generalizes", "both", {"both", "school", "all"}),
        ("concept", "in", "home, old", {"home", "old"}),
        ("concept", "not-in", "home,old", ALL - {"home", "old"}),
        ("code", "regex", "home.*", {"home", "home-night"}),
        ("display", "regex", "Support at .+", {"home", "school"}),
        ("age", "exists", "true", {"school"}),
        ("age", "exists", "false", ALL - {"school"}),
        ("age", "=", "7", {"school"}),
        ("parent", "=", "home", {"home-night"}),
        ("child", "=", "both", {"school"}),
        ("status", "=", "retired", {"old"}),
        ("notSelectable", "=", "true", {"all"}),
        ("concept", "is-a", "nobody", set()),
    ],
)
def test_filters(property_: str, op: str, value: str, codes: set[str]) -> None:
    assert _codes(_filter(property_, op, value)) == codes


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(h?o?m?e?)+x", "h?" * 30 + "z" * 30, "a" * 300, r"(a)\1"])
def test_a_costly_pattern_is_answered(pattern: str) -> None:
    members = _terminology().compile(_value_set("a", _filter("code", "regex", pattern)))
    assert members.has(SYSTEM, "home") is False


@pytest.mark.parametrize("pattern", ["(", "a" * 6000, r"(?=(a+)+$)b", "((a{0,500}){0,500}){0,500}b"])
def test_a_pattern_that_cannot_be_run_leaves_it_open(pattern: str) -> None:
    members = _terminology().compile(_value_set("a", _filter("code", "regex", pattern)))
    assert members.has(SYSTEM, "home") is None
    assert members.has(SYSTEM, "nobody") is False


def test_an_unknown_operator_leaves_it_open() -> None:
    assert _terminology().compile(_value_set("a", _filter("code", "child-of", "all"))).has(SYSTEM, "home") is None


def test_includes_excludes_and_imports() -> None:
    listed = _value_set("listed", {"system": SYSTEM, "concept": [{"code": "home"}, {"code": "old"}]})
    imported = _value_set("imported", {"valueSet": [listed["url"]]})
    narrowed = _value_set("narrowed", {"system": SYSTEM, "valueSet": [listed["url"], imported["url"]]})
    without = _value_set("without", {"system": SYSTEM}, exclude=[{"valueSet": [listed["url"]]}])
    itself = _value_set("itself", {"valueSet": [ROOT + "ValueSet/itself"]}, {"system": GENDER})
    terminology = _terminology(listed, imported, narrowed, without, itself)
    for name, codes in (
        ("listed", {"home", "old"}),
        ("imported", {"home", "old"}),
        ("narrowed", {"home", "old"}),
        ("without", ALL - {"home", "old"}),
        ("itself", {"male", "female", "other", "unknown"}),
    ):
        members = terminology.membership(ROOT + "ValueSet/" + name)
        assert members.codes == codes, name
    assert terminology.membership(without["url"]).has(SYSTEM, "home") is False


def test_what_is_not_loaded_is_open_and_nothing_else() -> None:
    value_set = _value_set(
        "mixed",
        {"system": SYSTEM},
        {"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]},
        exclude=[{"system": SNOMED, "concept": [{"code": "404"}]}],
    )
    members = _terminology().compile(value_set)
    assert members.has(SYSTEM, "home") is True
    assert members.has(SYSTEM, "nobody") is False
    assert members.has(SNOMED, "123") is None
    assert members.has(SNOMED, "404") is False
    assert members.has("https://example.org/other", "home") is False
    assert members.has_code("home") is True
    assert members.has_code("123") is None
    assert not members.finite


def test_an_excluded_set_that_is_not_loaded_leaves_everything_open() -> None:
    value_set = _value_set("a", {"system": SYSTEM}, exclude=[{"valueSet": ["https://example.org/nowhere"]}])
    assert _terminology().compile(value_set).has(SYSTEM, "home") is None


def test_a_value_set_that_is_not_loaded() -> None:
    members = _terminology().membership("https://example.org/nowhere")
    assert (members.known, members.has(SYSTEM, "home"), members.has_code("home")) == (False, None, None)
    answer = _terminology().validate_code("https://example.org/nowhere", SYSTEM, "home")
    assert (answer.result, [one.key for one in answer.issues]) == (None, ["terminology.value-set-unknown"])


def test_a_fragment_knows_what_it_holds() -> None:
    members = _terminology().membership(VS + "service-type")
    system = "http://terminology.hl7.org/CodeSystem/service-type"
    assert members.has(system, "124") is True
    assert members.has(system, "nobody") is None


def test_case_counts_unless_the_system_says_otherwise() -> None:
    loose = SUPPORT | {"url": ROOT + "CodeSystem/loose", "caseSensitive": False}
    value_set = _value_set(
        "a", {"system": loose["url"], "filter": [{"property": "concept", "op": "is-a", "value": "home"}]}
    )
    terminology = _terminology(loose, value_set)
    members = terminology.membership(value_set["url"])
    assert members.has(loose["url"], "HOME-Night") is True
    assert members.has(loose["url"], "SCHOOL") is False
    assert terminology.in_system(loose["url"], "SCHOOL") is True
    assert terminology.in_system(SYSTEM, "SCHOOL") is False


def test_an_expansion_without_definition_is_the_list() -> None:
    value_set = {
        "resourceType": "ValueSet",
        "url": ROOT + "ValueSet/expanded",
        "expansion": {
            "contains": [{"abstract": True, "contains": [{"system": SYSTEM, "code": "home"}]}],
        },
    }
    assert _terminology().compile(value_set).pairs == {(SYSTEM, "home")}


def test_value_sets_that_a_system_implies() -> None:
    implied = SUPPORT | {"valueSet": ROOT + "ValueSet/support"}
    terminology = Terminology(core().with_resources([implied]))
    assert terminology.membership(ROOT + "ValueSet/support").codes == ALL
    snomed = terminology.membership("http://snomed.info/sct?fhir_vs=isa/123")
    assert (snomed.known, snomed.has(SNOMED, "1"), snomed.has(SYSTEM, "1")) == (True, None, False)


def test_versions_of_a_system() -> None:
    newer = SUPPORT | {"version": "2.0.0", "concept": [{"code": "new"}]}
    terminology = _terminology(newer)
    old = terminology.compile(_value_set("a", {"system": SYSTEM, "version": "1.2.0"}))
    new = terminology.compile(_value_set("a", {"system": SYSTEM}))
    assert (old.codes, new.codes) == (ALL, {"new"})


def test_required_bindings_of_core_can_be_decided() -> None:
    terminology, open_systems = Terminology(core()), set()
    for row in core().rows("StructureDefinition"):
        structure = core().structure(row.url)
        assert structure is not None
        for element in structure["snapshot"]["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") == "required":
                members = terminology.membership(binding["valueSet"])
                if not members.finite:
                    open_systems |= members.systems or {binding["valueSet"]}
    assert open_systems == {
        "http://loinc.org",
        "http://unitsofmeasure.org",
        "https://www.iana.org/time-zones",
        "urn:ietf:bcp:13",
        "urn:iso:std:iso:4217",
    }


def test_validate_code_says_why_not() -> None:
    terminology = _terminology(_value_set("homes", _filter("concept", "is-a", "home")))
    url = ROOT + "ValueSet/homes"
    for system, code, display, result, keys in (
        (SYSTEM, "home", "support  AT home", True, []),
        (SYSTEM, "home", "Tuki kotona", True, []),
        (SYSTEM, "home", "Koti", True, ["display-mismatch"]),
        (None, "home-night", None, True, []),
        (SYSTEM, "school", None, False, ["not-in-value-set"]),
        (SYSTEM, "nobody", "Koti", False, ["code-unknown"]),
        (None, "nobody", None, False, ["code-unknown"]),
        (SNOMED, "1", None, False, ["not-in-value-set"]),
    ):
        answer = terminology.validate_code(url, system, code, display)
        assert (answer.result, [one.key.partition(".")[2] for one in answer.issues]) == (result, keys), code
    assert terminology.validate_in_system(SNOMED, "1").issues[0].key == "terminology.system-unknown"
    assert terminology.validate_in_system(SYSTEM, "home").display == "Support at home"


def test_displays_in_languages() -> None:
    terminology = _terminology()
    assert [terminology.display(SYSTEM, "home", one) for one in (None, "fi", "fi-FI", "sv", "de")] == [
        "Support at home",
        "Tuki kotona",
        "Tuki kotona",
        "Stöd hemma",
        "Support at home",
    ]
    assert terminology.display(SYSTEM, "nobody") is None
    assert terminology.display(SNOMED, "1", "fi") is None


def test_a_hierarchy_that_runs_in_a_circle_ends() -> None:
    circle = CodeSystem(
        {
            "url": SYSTEM,
            "content": "complete",
            "concept": [
                {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
                {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
            ],
        }
    )
    assert (circle.below("a"), circle.above("a")) == ({"b"}, {"b"})


@pytest.mark.parametrize(
    ("system", "code", "known"),
    [
        ("urn:ietf:bcp:47", "fi", True),
        ("urn:ietf:bcp:47", "sv-FI", True),
        ("urn:ietf:bcp:47", "se", True),
        ("urn:ietf:bcp:47", "smn", True),
        ("urn:ietf:bcp:47", "zh-Hant-TW", True),
        ("urn:ietf:bcp:47", "de-CH-1996", True),
        ("urn:ietf:bcp:47", "FI-fi", True),
        ("urn:ietf:bcp:47", "x-own", None),
        ("urn:ietf:bcp:47", "suomi", None),
        ("urn:ietf:bcp:47", "xx", False),
        ("urn:ietf:bcp:47", "fi_FI", False),
        ("urn:ietf:bcp:47", "fi-", False),
        ("urn:ietf:bcp:13", "application/fhir+json", True),
        ("urn:ietf:bcp:13", 'text/plain; charset="utf-8"', True),
        ("urn:ietf:bcp:13", "json", True),
        ("urn:ietf:bcp:13", "pdf", False),
        ("urn:ietf:bcp:13", "application/", False),
        ("urn:iso:std:iso:4217", "EUR", True),
        ("urn:iso:std:iso:4217", "euro", False),
        ("urn:iso:std:iso:3166", "FI", True),
        ("urn:iso:std:iso:3166", "XX", False),
        ("urn:iso:std:iso:3166", "FIN", None),
        ("urn:iso:std:iso:3166", "Suomi", False),
        ("urn:iso:std:iso:3166:-2", "FI-11", None),
        ("urn:ietf:rfc:3986", "urn:oid:1.2.246", True),
        ("urn:ietf:rfc:3986", "a b", False),
        ("https://www.iana.org/time-zones", "Europe/Helsinki", True),
        ("https://www.iana.org/time-zones", "Europe/Kotka", False),
    ],
)
def test_registries(system: str, code: str, known: bool | None) -> None:
    assert registries.REGISTRIES[system](code) is known
    assert _terminology().in_system(system, code) is known


@pytest.mark.parametrize(
    "code", ["mm[Hg]", "kg/m2", "10*3/uL", "/min", "m-1", "{score}", "%", "mL/min/{1.73_m2}", "(2.h)", "1"]
)
def test_units(code: str) -> None:
    assert ucum.check(code) is True


@pytest.mark.parametrize(
    "code", ["mmHg", "", "kg m", "kg/", "(kg", "kg)", "°C", "{a}{b}", "{a{b}}", "[in_i", "k", "a" * 300]
)
def test_no_units(code: str) -> None:
    assert ucum.check(code) is False


def test_common_units_are_units() -> None:
    common = core().value_set(VS + "ucum-common")
    assert common is not None
    codes = [one["code"] for one in common["compose"]["include"][0]["concept"]]
    assert len(codes) > 1300
    assert [one for one in codes if ucum.check(one) is not True] == []


def test_units_that_nobody_lists_are_open() -> None:
    assert ucum.check("[new'U]/mL") is None
    assert ucum.check("(" * 90 + "m" + ")" * 90) is True


def test_the_shipped_registries_are_those_that_the_script_builds() -> None:
    script = runpy.run_path(str(REPOSITORY / "schemas" / "tools" / "build_registries.py"))
    shipped = json.parse((REPOSITORY / "schemas" / "fhir" / "definitions" / "registries.json").read_bytes())
    assert shipped == script["build"]()
