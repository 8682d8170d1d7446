"""The policies read once more, by the tests: it compiles nothing, so it cannot share a mistake with the program.

Besides, marks for the texts of a case, so that a text that should have stayed is known wherever it turns up.
"""

import functools
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from service.fhir.definitions import core
from tests.policy.kit import Json, extensions, reference, resources
from tests.shared import ROOT

POLICIES = ROOT / "schemas" / "policy"
SECTORS = ("health", "social", "early-education", "school", "other")
CONTENT = {"Goal": "needs", "CareTeam": "team", "ServiceRequest": "services"}
MEASURES = ("measures-home", "measures-everyday-environment", "measures-elsewhere")
REFERENCE = ("reference", "type", "identifier", "display")


@functools.cache
def common() -> Json:
    return tomllib.loads((POLICIES / "parts.toml").read_text("utf-8"))


@functools.cache
def sector_file(name: str) -> Json:
    return tomllib.loads((POLICIES / f"{name}.toml").read_text("utf-8"))


def maximum(name: str) -> set[str]:
    """The parts that a sector can get."""
    said = sector_file(name)["parts"]
    return {*said["default"], *said["when-named"]}


def named_paths(sector: str, kind: str, parts: Iterable[str]) -> set[str]:
    """Every element of a type that the files name for a sector and these parts."""
    said = sector_file(sector)
    groups = {"measures" if one in MEASURES else one for one in parts}
    found = {*common()["always"].get(kind, ()), *common()["origin"].get(kind, ()), *said["people"].get(kind, ())}
    for one in groups:
        found |= set(common()["part"][one].get(kind, ()))
    found |= {one.partition(".")[2] for one in said["elements"]["also"] if one.startswith(f"{kind}.")}
    return {one for one in found if f"{kind}.{one}" not in said["elements"]["never"]}


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every plain value with its path; an extension's step is `extension:<last of its url>`, lists have none."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "extension":
                for row in value:
                    step = f"extension:{row.get('url', '').rpartition('/')[2]}"
                    rest = {name: one for name, one in row.items() if name != "url"}
                    yield from leaves(rest, (*path, step))
            else:
                yield from leaves(value, (*path, key))
    elif isinstance(node, list):
        for one in node:
            yield from leaves(one, path)
    else:
        yield path, node


@functools.cache
def _types_named() -> frozenset[str]:
    return frozenset(step for paths in common()["types"].values() for step in paths)


def is_named(path: tuple[str, ...], named: set[str]) -> bool:
    """Whether a leaf's path is one of the named elements, or lies in one of them."""
    steps = tuple(one.removeprefix("_") for one in path)
    for one in named:
        want = tuple("identifier" if step.startswith("identifier:") else step for step in one.split("."))
        got = list(steps[: len(want)])
        for number, (wanted, have) in enumerate(zip(want, got, strict=False)):
            if have == f"extension:{wanted}" and number and want[number - 1].startswith("extension:"):
                got[number] = wanted
        if tuple(got) == want:
            rest = [step for step in steps[len(want) :] if not step.startswith("value")]
            if all(step in _types_named() or step in REFERENCE for step in rest):
                return True
    return False


def mark(bundle: Json, prefix: str = "salaisuus") -> dict[str, tuple[str, tuple[str, ...]]]:
    """Put a mark of its own into every text of a case; which mark stands in which resource and where."""
    marks: dict[str, tuple[str, tuple[str, ...]]] = {}
    for one in resources(bundle):
        _mark(one, one["resourceType"], reference(one), (), marks, prefix)
    return marks


def _mark(
    node: Json, kind: str, key: str, path: tuple[str, ...], marks: dict[str, tuple[str, tuple[str, ...]]], prefix: str
) -> None:
    model = core().model
    types = {name: child for element in model.elements(kind) for name, child in model.child(kind, element) or ()}
    for name, value in list(node.items()):
        type_name = types.get(name, "")
        if name in ("text", "meta") and not path:
            continue  # The narrative, which never goes, is marked whole.
        rows = value if isinstance(value, list) else [value]
        for number, row in enumerate(rows):
            step = f"extension:{row.get('url', '').rpartition('/')[2]}" if name == "extension" else name
            if isinstance(row, dict):
                _mark(row, "Extension" if name == "extension" else type_name, key, (*path, step), marks, prefix)
            elif type_name in ("string", "markdown") and isinstance(row, str) and name != "reference":
                said = f"{prefix}{len(marks):05d}x"
                marks[said] = (key, (*path, step))
                if isinstance(value, list):
                    value[number] = f"{row} {said}"
                else:
                    node[name] = f"{row} {said}"


def parts_of(bundle: Json, key: str) -> set[str]:
    """The parts that could let a resource of a case go, by its type and by how the plan refers to it."""
    found = {reference(one): one for one in resources(bundle)}[key]
    kind = found["resourceType"]
    if kind in CONTENT:
        return {CONTENT[kind]}
    if kind == "Task":
        code = extensions(found, "environment")[0]["valueCoding"]["code"]
        return {f"measures-{code}"}
    if kind == "Appointment":
        return {"follow-up", "meeting"}
    return {"assessment", "feedback"} if kind == "QuestionnaireResponse" else set()
