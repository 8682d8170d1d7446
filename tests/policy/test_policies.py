"""The files: they load, they say what they promise, and a mistake in one of them is told with its place."""

import shutil
import tomllib
from pathlib import Path

import pytest

from service.issues import kinds
from service.policy import SECTORS, Policy
from service.policy.rules import PARTS, PolicyError
from tests.policy.kit import policy
from tests.policy.oracle import POLICIES, common, maximum, sector_file
from tests.shared import ROOT


def test_every_sector_has_a_policy() -> None:
    assert set(policy().sectors) == set(SECTORS)


@pytest.mark.parametrize("sector", SECTORS)
def test_a_policy_says_which_law_it_follows(sector: str) -> None:
    said = policy().sectors[sector]
    assert any(act in said.law for act in ("703/2023", "540/2018"))
    assert all(said.title[language] for language in ("fi", "sv", "en"))


@pytest.mark.parametrize("sector", ["early-education", "school"])
def test_the_promise_to_the_family(sector: str) -> None:
    """Issue 6: by default only measures B, the needs they serve, follow-up, team and responsible workers."""
    said = policy().sectors[sector]
    assert said.default == {
        "measures-everyday-environment", "needs", "follow-up", "team", "responsible-workers",
    }  # fmt: skip
    assert said.limits.needs == "served" and not said.limits.others
    assert said.limits.notes <= {"general"}
    assert {"assessment", "situation", "notes"} <= said.when_named
    assert "luovutuslupa" not in said.bases


def test_only_the_archive_gets_everything() -> None:
    assert maximum("archive") == set(PARTS)
    for sector in set(SECTORS) - {"archive"}:
        limits = policy().sectors[sector].limits
        assert "parents-own" not in limits.notes and not limits.others and not limits.hetu_in_text
        assert limits.consents == "none"


def test_nobody_gets_an_address_but_the_archive() -> None:
    for sector in set(SECTORS) - {"archive"}:
        people = sector_file(sector)["people"]
        assert "address" not in {*people["Patient"], *people["RelatedPerson"]}


def test_the_parts_are_those_that_permissions_name() -> None:
    system = (ROOT / "schemas" / "fhir" / "codesystems" / "plan-part.json").read_text("utf-8")
    assert all(f'"code": "{one}"' in system for one in PARTS)
    groups = {"measures" if one.startswith("measures-") else one for one in PARTS}
    assert groups == set(common()["part"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(POLICIES, tmp_path / "policy")
    return tmp_path / "policy"


def _change(file: Path, before: str, after: str) -> None:
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), "utf-8")


@pytest.mark.parametrize(
    ("file", "before", "after", "key", "said"),
    [
        ("parts.toml", '"title", ', '"titel", ', "policy.no-such-element", "CarePlan.titel"),
        ("parts.toml", '["description"]', '["contained"]', "policy.type-not-allowed", "Resource"),
        ("health.toml", '"identifier:hetu"', '"identifier:hetuu"', "policy.no-such-identifier", "hetuu"),
        ("health.toml", '"situation", ', '"situaton", ', "policy.unknown-word", "situaton"),
        ("health.toml", '"assessment", "notes"', '"situation", "notes"', "policy.unknown-word", "situation"),
        ("school.toml", 'needs = "served"', 'needs = "some"', "policy.unknown-word", "some"),
        ("school.toml", 'relatives = "guardians"', 'relatives = "everybody"', "policy.unknown-word", "everybody"),
        ("school.toml", 'consents = "none"', 'consents = "own"', "policy.unknown-word", "own"),
        ("school.toml", 'bases = ["suostumus"', 'bases = ["lupa"', "policy.unknown-word", "lupa"),
        ("school.toml", 'sector = "school"', 'sector = "koulu"', "policy.unknown-word", "koulu"),
        ("school.toml", '"CareTeam.note"', '"CareTeam.notes"', "policy.unknown-word", "CareTeam.notes"),
        ("other.toml", 'law = "703/2023 6 §"', "", "policy.incomplete", "law"),
        ("other.toml", "[limits]", "[limits", "policy.unreadable", "other.toml"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(folder: Path, file: str, before: str, after: str, key: str, said: str) -> None:
    _change(folder / file, before, after)
    with pytest.raises(PolicyError) as told:
        Policy.load(folder)
    assert told.value.issue.key == key
    assert said in told.value.issue.text() and ".toml" in told.value.issue.text()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as told:
        Policy.load(tmp_path / "nowhere")
    assert told.value.issue.key == "policy.unreadable"


def test_a_region_may_give_less(folder: Path) -> None:
    _change(folder / "early-education.toml", '"follow-up", "team", ', "")
    assert "team" not in Policy.load(folder).sectors["early-education"].parts
    (folder / "school.toml").unlink()
    assert "school" not in Policy.load(folder).sectors


def test_every_reason_has_its_words() -> None:
    said = tomllib.loads((ROOT / "service" / "texts" / "policy.toml").read_text("utf-8"))
    files = [*(ROOT / "service" / "policy").glob("*.py"), ROOT / "service" / "cli" / "policy.py"]
    used = "".join(one.read_text("utf-8") for one in files)
    used += "".join(f'"policy.{one}"' for one in ("luovutuslupa", "suostumus", "statutory"))
    spoken = [name for name in said if not name.startswith("says-")]
    assert not [name for name in spoken if f'"policy.{name}"' not in used]
    assert all(f"policy.{name}" in kinds() for name in said)
