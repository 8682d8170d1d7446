"""`yhdessa policy`: what a lawyer or an integrator asks, on a file and on the store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from service import pipeline
from service.accept import accept
from service.cli import main
from service.fhir.definitions import core
from service.fhir.json import encode
from service.store import Author, Store, open_store
from service.store.tables import audit, resource
from tests.policy.kit import EXAMPLES, KEY, NOW, example
from tests.policy.oracle import POLICIES

ABC = EXAMPLES / "aika-shared-plan-measures-abc.json"
DAYCARE, NEUVOLA = "2.999.13.30.7", "2.999.13.10.2"


def _run(*arguments: object, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)], input=given)


@pytest.mark.parametrize(
    ("language", "says"),
    [("fi", "Eivät lähde koskaan: Palaute."), ("sv", "Lag: 703/2023"), ("en", "Never go: Feedback.")],
)
def test_a_policy_in_words(language: str, says: str) -> None:
    done = _run("show", "early-education", "--lang", language)
    assert done.exit_code == 0, done.stderr
    assert says in done.stdout


def test_every_policy_for_programs() -> None:
    done = _run("show", "--json")
    rows = {one["sector"]: one for one in json.loads(done.stdout)}
    assert set(rows) == {"health", "social", "early-education", "school", "other", "archive"}
    assert "identifier:hetu" in rows["health"]["elements"]["Patient"]
    assert "address" not in rows["health"]["elements"]["Patient"]


def test_an_unknown_sector_and_a_broken_policy(tmp_path: Path) -> None:
    assert _run("show", "police").exit_code == 2
    (tmp_path / "parts.toml").write_text((POLICIES / "parts.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "health.toml").write_text("sector = 1", "utf-8")
    done = _run("show", "--policies", tmp_path)
    assert done.exit_code == 3 and "health.toml" in done.stderr


def test_why_something_goes_or_stays() -> None:
    done = _run("explain", ABC, "--recipient", f"urn:oid:{DAYCARE}", "--at", "2025-10-01T12:00")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("suostumus, Consent/")
    assert "  - description: Stays: part `situation`, which nobody has permitted." in done.stdout
    assert "  + extension('childs-view'): Goes: part `child-view`, which is permitted." in done.stdout
    assert "matkatyötä" not in done.stdout


def test_what_would_go() -> None:
    given = encode(example("aika-shared-plan-measures-abc"))
    done = _run("explain", "-", "--recipient", DAYCARE, "--at", "2025-10-01", "--bundle", given=given)
    said = json.loads(done.stdout)
    assert said["permitted"] and said["bases"][0]["kind"] == "suostumus"
    assert said["bundle"]["entry"][0]["resource"]["resourceType"] == "CarePlan"
    assert {one["why"] for one in said["steps"]} >= {"policy.suostumus", "policy.part-not-permitted"}


def test_why_nothing_goes() -> None:
    done = _run("explain", ABC, "--recipient", NEUVOLA, "--at", "2026-02-01T12:00", "--lang", "fi")
    assert done.exit_code == 1
    assert done.stdout.startswith("Luvan voimassaoloaika on päättynyt.")
    said = json.loads(_run("explain", ABC, "--recipient", NEUVOLA, "--at", "2026-02-01", "--json").stdout)
    assert not said["permitted"] and said["outcome"]["issue"][0]["code"] == "expired"


@pytest.mark.parametrize(
    ("arguments", "given", "status", "says"),
    [
        (("-", "--recipient", "2.999.1"), encode(example("aika-shared-plan-measures-abc")), 3, "--sector"),
        (("-", "--recipient", "2.999.1"), b'{"resourceType": "Bundle"}', 3, "does not begin with a CarePlan"),
        (("-", "--recipient", "2.999.1", "--at", "soon"), b"{}", 2, "no date and time"),
        (("-",), b"{}", 2, "--recipient"),
    ],
)
def test_what_cannot_be_explained(arguments: tuple[str, ...], given: bytes, status: int, says: str) -> None:
    done = _run("explain", *arguments, given=given)
    assert done.exit_code == status
    assert says in done.stderr


def test_one_of_several_plans() -> None:
    file = EXAMPLES / "aika-case-large-blended-family.json"
    done = _run("explain", file, "--recipient", "2.999.1", "--sector", "school")
    assert done.exit_code == 3 and "There are several plans" in done.stderr
    done = _run("explain", file, "--recipient", "2.999.1", "--sector", "school", "--plan", "kk-koulu")
    assert done.exit_code == 1 and "no permission in force" in done.stdout


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(None, tmp_path, core(), clock=lambda: NOW)
    yield made
    made.close()


def test_a_stored_plan_is_explained_and_the_look_is_logged(store: Store, tmp_path: Path) -> None:
    done = accept(pipeline.default(KEY), store, ABC.read_bytes(), now=NOW, author=Author("tests", "2.999.13.10.1"))
    assert done.status == "created", done.issues
    with store.database.read() as connection:
        id_ = connection.execute(select(resource.c.id).where(resource.c.type == "CarePlan")).scalar_one()
    looked = _run("explain", id_, "--recipient", DAYCARE, "--at", "2025-10-01", "--data", tmp_path)
    assert looked.exit_code == 0, looked.stderr
    assert looked.stdout.startswith("suostumus, Consent/")
    with store.database.read() as connection:
        rows = [str(tuple(row)) for row in connection.execute(select(audit))]
    assert any(f"CarePlan/{id_}" in row and "policy" in row for row in rows)
    missing = _run("explain", "no-such-plan", "--recipient", DAYCARE, "--data", tmp_path)
    assert missing.exit_code == 3 and "Traceback" not in missing.stderr
