"""The official FHIRPath suite for R4: how one of its tests is run, and what counts as passed."""

import datetime
import functools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from service.fhir.definitions import core
from service.fhir.json import parse as parse_json
from service.fhir.path import Env, PathError, evaluate

NOW = datetime.datetime(2026, 11, 21, 22, 30, 15, 250000, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))


def load(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """All tests with an id each; a name that the suite uses twice gets a number."""
    found: dict[str, dict[str, Any]] = {}
    for line in (folder / "tests-r4.jsonl").read_text("utf-8").splitlines():
        test = json.loads(line)
        name = f"{test['group']}/{test['name']}"
        found[name if name not in found else f"{name}#{len(found)}"] = test
    return list(found.items())


@functools.cache
def resource(path: Path) -> Any:
    return parse_json(path.read_bytes())


def disagreement(test: dict[str, Any], folder: Path) -> str | None:
    """What is wrong with our answer to `test`; `None` where we agree with the suite."""
    focus = resource(folder / test["input"]) if test["input"] else None
    env = Env(resource=focus, now=NOW, trace=lambda name, values: None)
    try:
        answer = evaluate(test["expression"], focus, env=env, model=core().model)
    except PathError as error:
        return None if test["invalid"] else f"refused: {error}"
    if test["invalid"]:
        return f"accepted, with {shown(answer)}"
    if test["predicate"]:
        answer = [("boolean", bool(answer) and answer != [("boolean", False)])]
    expected = test["outputs"]
    if len(answer) == len(expected) and all(map(_same, answer, expected)):
        return None
    return f"{shown(answer)} instead of {[(one['type'], one['value']) for one in expected]}"


def shown(answer: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(kind, _text(value)) for kind, value in answer]


def _same(found: tuple[str, Any], expected: dict[str, str]) -> bool:
    kind, value = found
    if expected["type"] is not None and kind != expected["type"]:
        return False
    wanted = expected["value"].removeprefix("@")
    if kind == "time":
        wanted = wanted.removeprefix("T")
    if isinstance(value, Decimal):
        return value == Decimal(wanted)
    return _text(value) == wanted


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str) if isinstance(value, dict) else str(value)
