"""Every rule of our profiles: a resource of ours that breaks it is refused.

The rules are read from the differentials: what must be there is taken away, what must not be there is put there,
what is fixed is changed.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from service.fhir.definitions import ours
from service.fhir.json import parse
from service.issues import has_errors
from service.validation import Validator
from tests.shared import ROOT

ROOT_URL = "https://yhdessa.example/fhir/StructureDefinition/"
PROFILES = [parse(file.read_bytes()) for file in sorted((ROOT / "schemas" / "fhir" / "profiles").glob("*.json"))]
VALIDATOR = Validator(ours())
OTHER = {"patternCode": "no-such-code", "patternBoolean": False, "fixedString": "another"}


def samples() -> dict[str, list[dict[str, Any]]]:
    """Resources of the golden cases by the profile of ours that they claim."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted((ROOT / "mappings").glob("*/cases/*/out*.json")):
        for entry in parse(file.read_bytes())["entry"]:
            for url in entry["resource"].get("meta", {}).get("profile", ()):
                found.setdefault(url, []).append(entry["resource"])
    return found


SAMPLES = samples()


def holders(value: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    """Every object of `value` in which the last step of `path` may stand."""
    if isinstance(value, list):
        for one in value:
            yield from holders(one, path)
    elif isinstance(value, dict) and len(path) > 1:
        yield from holders(value.get(path[0]), path[1:])
    elif isinstance(value, dict):
        yield value


def broken(resource: dict[str, Any], element: dict[str, Any]) -> dict[str, Any] | None:
    """A copy of the resource that breaks the element's rule; None where the resource has no place for it."""
    path = element["path"].split(".")[1:]
    changed = copy.deepcopy(resource)
    if element.get("sliceName") and path[-1] == "extension":
        url = element["type"][0]["profile"][0]
        if len(path) > 1:  # of a primitive element: beside it
            path[-2] = f"_{path[-2]}"
        for holder in holders(changed, path):
            kept = [one for one in holder.get("extension", ()) if one["url"] != url]
            if len(kept) < len(holder.get("extension", ())):
                holder["extension"] = kept
                if not kept:
                    del holder["extension"]
                return changed
        return None
    for holder in holders(changed, path):
        name = path[-1]
        other = next((value for key, value in OTHER.items() if key in element), None)
        if other is not None and name in holder:
            holder[name] = other
            return changed
        if element.get("max") == "0" and name not in holder:
            holder[name] = {"reference": "Encounter/x"}
            return changed
        if element.get("min") and name in holder:
            del holder[name]
            return changed
    return None


def rules() -> list[Any]:
    found = []
    for profile in PROFILES:
        for element in profile["differential"]["element"]:
            is_slice = ":" in element["id"]
            is_extension = bool(element.get("sliceName")) and element["path"].endswith("extension")
            told = element.get("min") or element.get("max") == "0" or any(key in element for key in OTHER)
            if told and (not is_slice or is_extension) and "[x]" not in element["path"]:
                found.append(pytest.param(profile, element, id=f"{profile['id']} {element['id']}"))
    return found


@pytest.mark.parametrize(("profile", "element"), rules())
def test_what_breaks_a_rule_is_refused(profile: dict[str, Any], element: dict[str, Any]) -> None:
    for resource in SAMPLES.get(profile["url"], ()):
        assert not has_errors(VALIDATOR.validate(resource))
        changed = broken(resource, element)
        if changed is not None:
            # Asked by name: where `meta` itself is taken away, the resource claims nothing any more.
            assert has_errors(VALIDATOR.validate(changed, [profile["url"]])), element["id"]
            return
    pytest.fail("no example has a place for this rule: add one to the cases")


def test_every_profile_has_an_example() -> None:
    without = {one["url"].removeprefix(ROOT_URL) for one in PROFILES if one["url"] not in SAMPLES}
    assert without == set()
