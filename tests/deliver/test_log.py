"""The log of disclosures: every element that the law asks for, valid FHIR, and a print-out that a family can read."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.fhir.definitions import ours
from service.fhir.terminology import Terminology
from service.issues import has_errors
from service.store import EVERYTHING
from service.store.audit_event import audit_event
from service.validation import Validator
from tests.deliver.world import NEUVOLA, SOURCE, World, case, revoked, sha256


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(ours(), Terminology(ours()))


def test_a_disclosure_is_an_audit_event_with_every_element(world: World, validator: Validator) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    world.clock.forward(60)
    world.accept(revoked(document))
    world.deliver()
    given, taken = (audit_event(row) for row in world.log())
    for made in (given, taken):
        found = [one for one in validator.validate(made) if one.is_error]
        assert not found, [one.text() for one in found]
    assert given["subtype"][0]["code"] == "disclose" and taken["subtype"][0]["code"] == "deprecate"
    assert given["recorded"] and given["purposeOfEvent"][0]["text"]
    agents = [one["who"]["identifier"]["value"] for one in given["agent"]]
    assert agents == [f"urn:oid:{SOURCE}", f"urn:oid:{NEUVOLA}"]
    told = {one["type"]: one["valueString"] for one in given["entity"][-1]["detail"]}
    assert told["provider"] == SOURCE and "703/2023" in told["basis"] and told["confirmed"].startswith("201 CarePlan/")
    assert told["sha256"] == sha256(world.sent()[0])
    assert "needs" in given["entity"][-1]["description"]
    what = [one["what"]["reference"] for one in given["entity"][:-1]]
    assert sum(one.startswith("Patient/") for one in what) == 2 and world.row().reference in what


def test_a_disclosure_leaves_a_provenance_of_who_gave(world: World, validator: Validator) -> None:
    world.accept(case())
    world.deliver()
    row = world.row()
    query = world.store.query("Provenance", [("target", row.reference)])
    found = [one.resource() for one in world.store.search(query, EVERYTHING).entries]
    (made,) = [one for one in found if one.get("activity", {}).get("coding", [{}])[0].get("code") == "disclose"]
    issues = validator.validate(made)
    assert not has_errors(issues), [one.text() for one in issues]
    assert made["target"][0]["reference"] == f"{row.reference}/_history/1"
    assert made["entity"][0]["what"]["identifier"]["value"] == f"sha256:{sha256(world.sent()[0])}"
    # It tells of this recipient, so it is no part of the plan that others get.
    world.clock.forward(60)
    world.accept(case(version=2, title="Uusi"))
    world.deliver()
    assert b"iso-21089-lifecycle" not in world.sent()[1]


def test_the_print_out(world: World, tmp_path: Path) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    world.clock.forward(60)
    world.accept(revoked(document))
    world.deliver()
    where = ["--data", str(tmp_path), "--database", world.store.database.url.render_as_string(hide_password=False)]
    run = CliRunner()
    plan = world.row().reference
    child = world.log()[0].event().detail.patients[0]
    for whose in ("sinivuokko", plan, plan.partition("/")[2], child):
        done = run.invoke(main, ["disclosures", whose, "--language", "fi", *where])
        assert done.exit_code == 0, done.output
        assert "Luovutettu 29.3.2026 12.00" in done.output and "Peruutettu" in done.output
        assert "Karhulan neuvola (esimerkki) (2.999.10.10.2)" in done.output and "Luovutuslupa" in done.output
    for language, word in (("sv", "Utlämnat"), ("en", "Given")):
        assert word in run.invoke(main, ["disclosures", plan, "--language", language, *where]).output
    rows = run.invoke(main, ["disclosures", plan, "--json", *where]).output.splitlines()
    first, second = (json.loads(line) for line in rows)
    assert (first["kind"], second["kind"]) == ("disclosure", "withdrawal")
    assert first["recipient"] == NEUVOLA and first["basis"][0]["kind"] == "luovutuslupa"
    assert run.invoke(main, ["disclosures", "nobody", *where]).exit_code == 3


def test_the_outbox_on_the_command_line(world: World, tmp_path: Path) -> None:
    world.accept(case())
    world.double.script.set([{"do": "answer", "status": 422}])
    world.deliver()
    where = ["--data", str(tmp_path), "--database", world.store.database.url.render_as_string(hide_password=False)]
    run = CliRunner()
    listed = run.invoke(main, ["outbox", "list", "--state", "parked", "--json", *where])
    row = json.loads(listed.output)
    assert (row["state"], row["reason"], row["status"]) == ("parked", "deliver.refused", "422")
    shown = run.invoke(main, ["outbox", "show", str(row["id"]), *where])
    assert "explanation: The receiver answered" in shown.output
    assert run.invoke(main, ["outbox", "retry", str(row["id"]), *where]).output == "1\n"
    assert world.row().state == "waiting" and world.row().attempts == 0
    assert run.invoke(main, ["outbox", "drop", str(row["id"]), "--why", "koe", *where]).output == "1\n"
    assert (world.row().state, world.row().reason) == ("cancelled", "dropped")
    assert run.invoke(main, ["outbox", "retry", str(row["id"]), *where]).output == "0\n"
    assert run.invoke(main, ["outbox", "show", "99", *where]).exit_code == 3
    world.later()
    assert world.double.effects() == []
