"""Cases that nobody on this project wrote, with the verdicts that others recorded."""

import functools
import json
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from service.fhir.definitions import core
from service.fhir.json import parse
from service.fhir.values import PRIMITIVES
from service.issues import Issue, has_errors
from service.validation import Validator
from tests.shared import shared
from tests.validation.xml import to_json

DISAGREEMENTS = Path(__file__).parent / "disagreements.toml"
TYPES = {
    "date_time": "dateTime",
    "positive_int": "positiveInt",
    "unsigned_int": "unsignedInt",
    "reference": "Reference",
    "base64_binary": "base64Binary",
}


@functools.cache
def rows() -> list[dict[str, Any]]:
    text = shared("suites", "validator", "cases.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def content(path: str) -> bytes:
    return shared("suites", "validator", path).read_bytes()


def group_of(row: dict[str, Any]) -> str:
    """Mutants by what was broken in them; the others by tier and verdict."""
    return str(row["mutation"]) if row["tier"] == "mutant" else f"{row['tier']} {row['expected']}"


def supporting(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The definitions that come with a case, by file name."""
    definitions = core()
    found = {}
    for path in row["supporting"]:
        data = content(path)
        found[path.rpartition("/")[2]] = to_json(data, definitions) if path.endswith(".xml") else parse(data)
    return found


def agrees(row: dict[str, Any], validator: Validator) -> bool:
    """Whether our verdict is the recorded one, with the case's profile too where it has one."""
    text = content(row["path"])
    if not row.get("supporting"):
        return has_errors(validator.validate_text(text)) == (row["expected"] == "invalid")
    given = supporting(row)
    special = Validator(core().with_resources(given.values()))
    if has_errors(special.validate_text(text)) != (row["expected"] == "invalid"):
        return False
    if row["profile"] is None:
        return True
    url = given[row["profile"]]["url"]
    return has_errors(special.validate_text(text, [url])) == (row["profile_expected"] == "invalid")


@functools.cache
def judged() -> tuple[dict[str, list[str]], set[str]]:
    """Every case that can be judged here, as ids by group, and the ids where our verdict is another."""
    validator = Validator(core())
    groups: dict[str, list[str]] = defaultdict(list)
    wrong = set()
    for row in rows():
        if row["tier"] == "packages":
            continue  # Needs packages that are not among the shared ones.
        groups[group_of(row)].append(row["id"])
        if not agrees(row, validator):
            wrong.add(row["id"])
    return groups, wrong


def listed() -> dict[str, str]:
    return {name: row["reason"] for name, row in tomllib.loads(DISAGREEMENTS.read_text("utf-8")).items()}


@pytest.mark.slow
def test_every_disagreement_is_listed_with_its_reason() -> None:
    known = listed()
    ids = {row["id"] for row in rows()}
    assert judged()[1] == set(known) & ids
    assert all(len(reason) > 20 for reason in known.values())


@pytest.mark.slow
def test_official_examples_are_valid() -> None:
    groups, wrong = judged()
    assert groups["core valid"] and groups["other valid"]
    assert not {*groups["core valid"], *groups["other valid"]} & wrong


@pytest.mark.slow
def test_mutants_are_caught_in_every_group() -> None:
    groups, wrong = judged()
    mutants = {group_of(row) for row in rows() if row["tier"] == "mutant"}
    assert len(mutants) >= 10
    for group in mutants:
        missed = set(groups[group]) & wrong
        assert len(missed) <= 0.01 * len(groups[group]), (group, missed)


@pytest.mark.slow
def test_cases_of_the_official_validator_agree() -> None:
    wrong = judged()[1]
    decidable = {row["id"] for row in rows() if row.get("base_checkable") and row["tier"] in ("base", "supporting")}
    assert len(decidable) >= 40
    assert len(decidable & wrong) <= 0.05 * len(decidable), decidable & wrong


@pytest.mark.slow
def test_most_mutants_have_only_the_errors_that_were_made(validator: Validator) -> None:
    wanted = [
        row for row in rows() if row["tier"] == "mutant" and row["mutation"] in ("lexical", "jsontype", "unknown")
    ]
    many = [row["path"] for row in wanted if len(errors(validator, content(row["path"]))) != 1]
    assert len(wanted) > 200
    assert len(many) <= 0.02 * len(wanted), many


def errors(validator: Validator, text: bytes) -> list[Issue]:
    return [found for found in validator.validate_text(text) if found.is_error]


def primitive_rows() -> list[dict[str, Any]]:
    text = shared("suites", "validator", "primitives.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def carrier(type_name: str, text: str) -> bytes:
    """A Patient that carries the JSON `text` as a value of that type; null as JSON has it: only the `_` sibling."""
    if type_name == "xhtml":
        return f'{{"resourceType": "Patient", "text": {{"status": "generated", "div": {text}}}}}'.encode()
    key = "value" + type_name[0].upper() + type_name[1:]
    absent = (
        '{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "error"}]}'
    )
    member = f'"_{key}": {absent}' if text == "null" else f'"{key}": {text}'
    extension = f'{{"url": "https://yhdessa.example/carrier", {member}}}'
    contained = '{"resourceType": "Patient", "id": "p1"}'
    if "#p1" not in text:
        return f'{{"resourceType": "Patient", "extension": [{extension}]}}'.encode()
    return f'{{"resourceType": "Patient", "contained": [{contained}], "extension": [{extension}]}}'.encode()


def test_primitives(validator: Validator) -> None:
    found = primitive_rows()
    assert len(found) > 40
    for row in found:
        type_name = TYPES.get(row["type"], row["type"])
        problems = errors(validator, carrier(type_name, row["json"]))
        if type_name == "xhtml":  # What is in the text is the matter of txt-1 and txt-2, not of the lexical form.
            problems = [one for one in problems if one.key.startswith("values.") or one.key == "validation.null"]
        assert bool(problems) == (row["expected"] == "invalid"), row
        if row["json"] == "null" and type_name in PRIMITIVES and type_name != "xhtml":
            assert PRIMITIVES[type_name](None) is None
