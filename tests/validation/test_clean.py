"""The quick way and the walk say the same: of what is right, of what is broken somewhere, and in any order."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.fhir.definitions import core, ours
from service.fhir.json import JsonError, encode, parse
from service.issues import Issue
from service.validation import Options, Validator, narrative
from service.validation.clean import markup
from service.validation.clean.resources import Clean
from service.validation.entries import Index
from service.validation.run import Run
from tests.shared import ROOT, shared

OUTPUTS = sorted((ROOT / "mappings").glob("*/cases/*/out.json"))
ODD: tuple[Any, ...] = (
    *("", " ", "x", " a ", "2026-02-30", "urn:oid:1.x", "#a", "Patient/x"),
    *(None, [], {}, True, 1, [None], ["a"]),
)
# What makes a narrative wrong, or looks as if it did.
BITS = (
    *("<", ">", "&", "&amp;", "&nbsp;", "&#0;", "]]>", "\x01", "<!-- a -->", "/", "xmlns", " ", '"'),
    *("<p>", "</p>", "</p >", "<p\n>", "<P>", "<x:p>", "<br/>", "<br>", "<script>", "<div>", "</div>"),
    *('<p class="a" class="b">', '<p onclick="a">', '<a href="javascript:a">', "</a>", '<img src="a"/>'),
    '<div xmlns="http://www.w3.org/1999/xhtml">',
)
NO_ADVICE = Options(best_practice="ignore")
QUICK, SLOW = Validator(ours()), Validator(ours())


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SLOW` and its like take the walk for everything."""
    is_clean = Clean.is_clean

    def never(self: Clean, *given: Any) -> bool:
        return False if self in SLOWED else is_clean(self, *given)

    monkeypatch.setattr(Clean, "is_clean", never)


SLOWED: list[Clean] = []


def slowed(validator: Validator) -> Validator:
    SLOWED.append(validator._rules.clean)
    return validator


slowed(SLOW)


def bundles() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in OUTPUTS:
        yield file.parent.name, parse(file.read_bytes())


def both(resource: Any, quick: Validator = QUICK, slow: Validator = SLOW) -> tuple[list[Issue], list[Issue]]:
    return quick.validate(resource), slow.validate(copy.deepcopy(resource))


@pytest.mark.parametrize("file", OUTPUTS, ids=lambda file: file.parent.name)
def test_says_the_same_of_our_outputs(file: Path) -> None:
    quick, slow = both(parse(file.read_bytes()))
    assert quick == slow


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the quick way says from now on, resource by resource."""
    said: list[bool] = []
    is_clean = Clean.is_clean

    def noted(self: Clean, *given: Any) -> bool:
        said.append(is_clean(self, *given))
        return said[-1]

    monkeypatch.setattr(Clean, "is_clean", noted)
    return said


def test_most_of_our_outputs_are_told_quickly(told: list[bool]) -> None:
    for _, bundle in bundles():
        QUICK.validate(bundle, options=Options(best_practice="ignore"))
    assert len(told) > 200
    assert sum(told) / len(told) > 0.95


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield from places(inner, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def broken(resource: dict[str, Any], others: list[Any], rng: random.Random) -> dict[str, Any]:
    """`resource` with something gone, put in, doubled or exchanged."""
    made = copy.deepcopy(resource)
    *path, last = rng.choice(list(places(made)))
    holder: Any = at(made, tuple(path))
    match rng.randrange(6):
        case 0:
            del holder[last]
        case 1:
            holder[last] = copy.deepcopy(rng.choice(ODD))
        case 2:
            holder[last] = copy.deepcopy(rng.choice(others))
        case 3 if isinstance(holder, list):
            holder.append(copy.deepcopy(at(holder, (last,))))
        case 4 if isinstance(holder, dict):
            holder[rng.choice(("id", "extension", "contained", "_status", "value", "use", "code"))] = rng.choice(others)
        case _:
            if isinstance(holder[last], dict):
                holder[last]["id"] = "same"
            elif isinstance(holder, dict):
                holder[f"_{last}"] = copy.deepcopy(rng.choice(ODD))
    return made


@pytest.mark.parametrize("seed", range(8))
def test_says_the_same_of_broken_resources(seed: int) -> None:
    rng = random.Random(seed)
    given = [bundle for _, bundle in bundles()]
    resources = [entry["resource"] for bundle in given for entry in bundle["entry"]]
    others = [at(one, path) for one in rng.sample(resources, 30) for path in places(one)]
    for _ in range(60):
        made = broken(rng.choice(resources), others, rng)
        quick, slow = both(made)
        assert quick == slow, encode(made).decode()
    made = broken(rng.choice(given), others, rng)
    quick, slow = both(made)
    assert quick == slow, encode(made).decode()


def shuffled(value: Any, rng: random.Random) -> Any:
    """`value` with the keys of all objects in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    return [shuffled(one, rng) for one in value] if isinstance(value, list) else value


def test_the_order_of_keys_says_nothing() -> None:
    rng = random.Random(1)
    for name, bundle in bundles():
        one, other = QUICK.validate(shuffled(bundle, rng)), QUICK.validate(bundle)
        assert sorted(map(repr, one)) == sorted(map(repr, other)), name


@pytest.mark.parametrize("change", ["less", "more"])
def test_the_same_keys_with_one_more_or_less_are_another_matter(change: str) -> None:
    """What was settled for some keys must not be taken for settled for others."""
    plan = parse(OUTPUTS[0].read_bytes())["entry"][-1]["resource"]
    assert not any(one.is_error for one in QUICK.validate(plan))
    for key in plan:
        made = {name: value for name, value in plan.items() if name != key or change == "more"}
        if change == "more":
            made[f"_{key}"] = {"extension": [{"url": "https://a.example", "valueString": "A"}]}
        quick, slow = both(made)
        assert quick == slow, key


def test_begins_anew_where_there_were_too_many_kinds_of_objects(
    monkeypatch: pytest.MonkeyPatch, told: list[bool]
) -> None:
    monkeypatch.setattr("service.validation.clean.plans.MOST_PASSES", 3)
    validator = Validator(core())
    names: list[dict[str, Any]] = [{"family": "A"}, {"text": "B"}, {"use": "usual"}]
    for given in (names[:2], names, names[:2]):
        assert validator.validate({"resourceType": "Patient", "name": given}, options=NO_ADVICE) == []
    assert told == [True, False, True]


def provenance() -> tuple[Any, Any, Any]:
    """A Bundle with a Provenance that names the custodian as the Finnish profile has it; it, and the custodian."""
    for _, bundle in bundles():
        for entry in bundle["entry"]:
            for agent in entry["resource"].get("agent", ()):
                if "role" in agent:
                    return bundle, entry["resource"], agent
    raise AssertionError("none of the outputs has one")


@pytest.mark.parametrize(
    "change",
    [
        lambda agent: agent.pop("role"),
        lambda agent: agent["role"].append({"text": "a role in words"}),
        lambda agent: agent["role"].insert(0, {"coding": [{"code": "1"}]}),
        lambda agent: agent["role"][0]["coding"][0].pop("system"),
        lambda agent: agent["role"][0]["coding"][0].update(system="urn:oid:1.2.3"),
        lambda agent: agent["role"][0]["coding"][0].update(_system={"id": "a"}),
        lambda agent: agent["role"].append(agent["role"][0]),
    ],
)
def test_slices_told_apart_by_whether_there_is_a_value(change: Callable[[Any], Any]) -> None:
    bundle, _, agent = provenance()
    change(agent)
    quick, slow = both(bundle)
    assert quick == slow


def test_what_was_right_before_is_asked_again_where_there_is_more_of_it(told: list[bool]) -> None:
    """Urls that may stand together and codes of a value set are remembered."""
    bundle, found, agent = provenance()
    assert not any(one.is_error for one in QUICK.validate(bundle, options=NO_ADVICE))
    assert all(told)
    found["extension"].append(copy.deepcopy(found["extension"][0]))
    agent["type"]["coding"][0]["code"] = "no such code"
    quick, slow = both(bundle)
    assert quick == slow
    assert len({one.pointer for one in quick if one.is_error}) > 1


def narratives() -> list[str]:
    rows = [entry["resource"].get("text") for _, bundle in bundles() for entry in bundle["entry"]]
    return [one["div"] for one in rows if one]


@pytest.mark.parametrize("seed", range(4))
def test_a_narrative_that_is_told_quickly_is_right(seed: int) -> None:
    rng = random.Random(seed)
    given, told = narratives(), 0
    assert all(map(markup._is_plain, given))
    for _ in range(1000):
        text = rng.choice(given)
        for _ in range(rng.randrange(3)):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(BITS) + text[place + rng.choice((0, 0, 1, 5)) :]
        if markup._is_plain(text):
            told += 1
            assert not narrative.problems(text), text
    assert told > 10


def test_says_the_same_of_the_shared_cases() -> None:
    quick, slow = Validator(core()), slowed(Validator(core()))
    rows = [json.loads(row) for row in shared("suites", "validator", "cases.jsonl").read_text("utf-8").splitlines()]
    different = []
    for row in rows[::4]:
        try:
            resource = parse(shared("suites", "validator", row["path"]).read_bytes())
        except JsonError:
            continue
        found, expected = both(resource, quick, slow)
        if found != expected:
            different.append(row["path"])
    assert different == []


def test_a_target_that_fails_its_profile_is_told_at_the_reference() -> None:
    bundle = parse(OUTPUTS[0].read_bytes())
    patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    patient.pop("name")
    quick, slow = both(bundle)
    assert quick == slow
    assert "validation.reference-profile" in {one.key for one in quick}


def test_a_warning_in_a_target_does_not_spoil_its_references() -> None:
    name = "shared-plan-non-disclosure"
    bundle = next(one for case, one in bundles() if case == name)
    quick, slow = both(bundle)
    assert quick == slow
    assert "validation.binding" in {one.key for one in quick}
    assert "validation.reference-profile" not in {one.key for one in quick}


@pytest.mark.parametrize(
    "change",
    [
        lambda entry, rows: entry.update(fullUrl=f"{entry['fullUrl']}/_history/2"),
        lambda entry, rows: entry.update(fullUrl=entry["fullUrl"].replace("https://", "https://other.")),
        lambda entry, rows: entry.update(fullUrl=f"urn:uuid:{entry['resource']['id']}"),
        lambda entry, rows: entry.update(fullUrl=f"{entry['fullUrl']}0"),
        lambda entry, rows: entry.pop("fullUrl"),
        lambda entry, rows: entry["resource"].pop("id"),
        lambda entry, rows: entry["resource"].update(meta={"profile": "malformed"}),
        lambda entry, rows: rows.insert(
            0, {**entry, "resource": {**rows[0]["resource"], "id": entry["resource"]["id"]}}
        ),
        lambda entry, rows: rows.insert(
            0, {**entry, "resource": {**entry["resource"], "meta": {"profile": "malformed"}}}
        ),
    ],
)
def test_what_a_literal_leads_to_is_the_same_as_what_the_index_finds(change: Callable[[Any, Any], Any]) -> None:
    bundle = parse(OUTPUTS[0].read_bytes())
    rows = bundle["entry"]
    change(next(one for one in rows if one["resource"]["resourceType"] == "Patient"), rows)
    quick, slow = both(bundle)
    assert quick == slow
    index = Index(bundle)
    run = Run(Options(), bundle, bundle=index)
    QUICK._rules.clean.judge(run)
    for base in {one.get("fullUrl") for one in rows}:
        for literal, link in index.links(base).items():
            assert link.target is index.find(literal, base)
