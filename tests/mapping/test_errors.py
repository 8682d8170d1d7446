"""Each map in `errors` begins with the issues that it must give: `//! key line:column hint`, counted without them."""

import re
from pathlib import Path

import pytest

from service.fhir.definitions import core
from service.issues import LANGUAGES, kinds
from service.mapping import Shapes, compile_maps, parse_map

FILES = sorted((Path(__file__).parent / "errors").glob("*.map"))
EXPECTED = re.compile(r"//! (\S+) (\d+:\d+)(?: (\S+))?\n")


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.stem)
def test_issue_has_place_and_hint(file: Path) -> None:
    text = file.read_text("utf-8")
    expected = EXPECTED.findall(text)
    assert expected
    found, issues = parse_map(EXPECTED.sub("", text), file.name)
    if found is not None:
        compiled, issues = compile_maps([found], [Shapes(core().structure)])
        assert compiled is None
    assert [(one.key, one.where) for one in issues] == [(key, f"{file.name}:{place}") for key, place, _ in expected]
    for one, (_, place, hint) in zip(issues, expected, strict=True):
        assert f"{one.line}:{one.column}" == place
        assert not hint or one.params["hint"] == hint
        for language in LANGUAGES:
            assert _holes(kinds()[one.key].texts[language]) <= set(one.params)


def _holes(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text.replace("{{", "").replace("}}", "")))
