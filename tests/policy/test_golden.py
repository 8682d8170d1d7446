"""What goes, kept as data: `cases/<name>/case.toml` says who permits what, `<sector>.json` what then goes, and why.

After a change of the policies, run `python -m tests.policy.test_golden` and read the difference: it is what recipients
will get from now on.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.policy import Recipient, may
from tests.policy.kit import NOW, Json, children, consent, example, permitted, plan, policy, resources, with_recipient

CASES = Path(__file__).parent / "cases"
OID = "2.999.77.1"
EVERY = [
    (folder.name, sector)
    for folder in sorted(CASES.iterdir())
    for sector in tomllib.loads((folder / "case.toml").read_text("utf-8"))["sectors"]
]


def made(name: str, sector: str) -> Json:
    """What goes in one case to one sector, without the narrative, and the reasons by resource."""
    said = tomllib.loads((CASES / name / "case.toml").read_text("utf-8"))
    bundle = with_recipient(example(said["example"]), OID, sector) if sector != "archive" else example(said["example"])
    kind = "luovutuslupa" if sector in ("health", "social") else "suostumus"
    chosen = children(bundle) if said["children"] == "all" else children(bundle)[-1:]
    given = consent(bundle, OID, said["parts"], kind, of=chosen)
    given["id"] = "permission"
    organisation = _controller(bundle) if sector == "archive" else OID
    found = permitted(bundle, organisation, sector, [given])
    again = may(Recipient(organisation, sector), bundle, [given], NOW, policy=policy())
    assert isinstance(again, type(found))
    why = [f"{'+' if one.kept else '-'} {one.resource} {one.element}: {one.text()}" for one in again.explained]
    return {"bundle": again.bundle, "why": why}


def _controller(bundle: Json) -> str:
    (provenance,) = resources(bundle, "Provenance")
    who: Any = provenance["agent"][-1]["who"]["identifier"]["value"]
    return str(who)


def _file(name: str, sector: str) -> Path:
    return CASES / name / f"{sector}.json"


@pytest.mark.parametrize(("name", "sector"), EVERY)
def test_what_goes_is_what_it_was(name: str, sector: str) -> None:
    kept = json.loads(_file(name, sector).read_text("utf-8"))
    assert json.loads(json.dumps(made(name, sector), default=float)) == kept


def test_each_sector_gets_less_than_the_case() -> None:
    whole = len(json.dumps(example("aika-shared-plan-measures-abc"), default=float))
    sizes = {sector: len(json.dumps(made("measures-abc", sector)["bundle"], default=float)) for sector in _SECTORS}
    assert sizes["other"] < sizes["early-education"] < sizes["health"] < whole
    assert plan(example("aika-shared-plan-measures-abc"))


_SECTORS = ("other", "early-education", "health")

if __name__ == "__main__":
    for one_name, one_sector in EVERY:
        text = json.dumps(made(one_name, one_sector), ensure_ascii=False, indent=1, default=float)
        _file(one_name, one_sector).write_text(text + "\n", "utf-8")
