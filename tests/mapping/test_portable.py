"""Our maps keep to what every engine of the FHIR Mapping Language can do; `make interop` runs them on HL7's own.

https://build.fhir.org/ig/HL7/mapping-language-ig (grammar), docs/portability.md
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.mapping.model import Group, Map, Rule
from service.mapping.parser import parse_map
from tests.shared import ROOT

FILES = sorted((ROOT / "mappings" / "base").glob("*.map"))
# What the grammar does not take as the name of a variable, and what the specification reserves beside it.
KEYWORDS = frozenset(
    """
    map uses as alias imports group extends default where check log then true false types type first not_first last
    not_last only_one share single source target queried produced conceptMap prefix div mod and or xor implies
    """.split()  # noqa: SIM905
)
# Transforms of the reference engine, with what it makes of them the same as we do.
TRANSFORMS = {None, "copy", "create", "evaluate", "append", "cast", "translate", "c", "cc"}


def _read() -> dict[str, Map]:
    maps = {}
    for file in FILES:
        found, issues = parse_map(file.read_text("utf-8"), file.name)
        assert found is not None, issues
        maps[file.name] = found
    return maps


MAPS = _read()
by_map = pytest.mark.parametrize("name", MAPS)


def _rules(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _rules(rule.rules)


def _all(found: Map) -> Iterator[tuple[Group, Rule]]:
    for group in found.groups:
        for rule in _rules(group.rules):
            yield group, rule


def test_names_of_groups_and_maps_are_unique() -> None:
    groups = Counter(group.name for found in MAPS.values() for group in found.groups)
    assert [name for name, count in groups.items() if count > 1] == []
    assert len({found.url for found in MAPS.values()}) == len(MAPS)


@by_map
def test_groups_are_here_or_imported_directly(name: str) -> None:
    found = MAPS[name]
    imported = {one.url for one in found.imports}
    known = {group.name for other in MAPS.values() if other is found or other.url in imported for group in other.groups}
    assert {call.name for _, rule in _all(found) for call in rule.calls} <= known
    assert imported <= {other.url for other in MAPS.values()}, "an import with * is not understood everywhere"


@by_map
def test_created_types_have_an_alias(name: str) -> None:
    aliases = {one.alias for one in MAPS[name].structures if one.mode == "target"}
    created = {
        str(target.params[0].value)
        for _, rule in _all(MAPS[name])
        for target in rule.targets
        if target.transform == "create"
    }
    assert created <= aliases


@by_map
def test_a_rule_has_one_source_and_transforms_that_are_known_everywhere(name: str) -> None:
    for _, rule in _all(MAPS[name]):
        assert len(rule.sources) == 1, rule.at
        assert len(rule.sources[0].path) <= 1, rule.at
        assert not (rule.calls and rule.rules), rule.at
        for target in rule.targets:
            assert len(target.path) <= 1, rule.at
            assert target.transform in TRANSFORMS, rule.at
            assert not target.list_modes, rule.at


@by_map
def test_codings_do_not_go_into_a_choice_at_once(name: str) -> None:
    for _, rule in _all(MAPS[name]):
        for target in rule.targets:
            if target.path[-1:] == ("value",):
                assert target.transform not in ("c", "cc"), rule.at
                assert target.transform != "translate" or target.params[2].value == "code", rule.at


@by_map
def test_translate_gives_a_code_or_a_coding(name: str) -> None:
    outputs = {
        target.params[2].value
        for _, rule in _all(MAPS[name])
        for target in rule.targets
        if target.transform == "translate"
    }
    assert outputs <= {"code", "Coding"}


@by_map
def test_no_keyword_names_a_variable(name: str) -> None:
    for group, rule in _all(MAPS[name]):
        names = {one.variable for one in rule.sources} | {one.variable for one in rule.targets}
        names |= {one.name for one in group.inputs}
        assert not names & KEYWORDS, rule.at


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_conditions_stand_in_parentheses(file: Path) -> None:
    rules = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("//")]
    assert [line for line in rules if re.search(r" where (?!\()", line)] == []


def test_what_is_run_is_the_first_group_and_says_its_types() -> None:
    entries = [found for file, found in MAPS.items() if "document-" in file]
    assert len(entries) == 8
    for found in entries:
        assert len(found.groups) == 1
        assert all(one.type for one in found.groups[0].inputs)
        assert [one.mode for one in found.groups[0].inputs] == ["source", "target"]
