"""The logical models are current, and describe the keyed form: every key of every example has its element."""

import sys
from typing import Any

import pytest

from service import assets
from service.fhir import json
from service.intake import base, keyed
from service.intake.logical import CANONICAL, DOCUMENTS, models

from . import examples

MODELS = models(base())
PRIMITIVES = {"string": str, "code": str, "id": str, "uri": str, "date": str, "dateTime": str, "boolean": bool}


def test_files_are_current() -> None:
    folder = assets.schemas() / "fhir" / "logical"
    stored = {path.stem: path.read_text("utf-8") for path in folder.glob("*.json")}
    assert stored == {name: json.pretty(model) + "\n" for name, model in MODELS.items()}


@pytest.mark.parametrize("name", examples.valid())
def test_every_key_has_its_element(name: str) -> None:
    document = examples.valid()[name]
    _conform(keyed(document, b"key", processing={"activityStyle": "detail"}), DOCUMENTS[document["kind"]])


def _conform(value: dict[str, Any], name: str) -> None:
    rows = {row["path"].partition(".")[2]: row for row in MODELS[name]["snapshot"]["element"]}
    for key, one in value.items():
        row = rows[key]
        assert isinstance(one, list) == (row["max"] != "1")
        code = row["type"][0]["code"]
        for entry in one if isinstance(one, list) else [one]:
            if code.startswith(CANONICAL):
                _conform(entry, code.removeprefix(CANONICAL))
            else:
                assert isinstance(entry, PRIMITIVES.get(code, object))
    required = {key for key, row in rows.items() if key and row["min"]}
    assert required <= set(value)


def test_models_are_whole() -> None:
    urls = {model["url"] for model in MODELS.values()}
    for name, model in MODELS.items():
        assert model["type"] == model["url"] == CANONICAL + name
        assert model["snapshot"]["element"][0]["path"] == name
        used = {kind["code"] for row in model["snapshot"]["element"] for kind in row.get("type", ())}
        assert {code for code in used if code.startswith("http")} <= urls
        assert len({row["id"] for row in model["snapshot"]["element"]}) == len(model["snapshot"]["element"])


def test_the_script_writes_the_same() -> None:
    sys.path.insert(0, str(assets.schemas() / "tools"))
    import build_logical

    assert set(build_logical.files()) == {f"{name}.json" for name in MODELS}
