"""Retention: what is over goes with everything of it, what still has a ground stays, and the use log says so."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from service.cli import main
from service.fhir import json
from service.fhir.definitions import core
from service.store import EVERYTHING, Author, Store, audit, open_store, tables
from service.store.audit_event import audit_event
from service.validation import Validator
from tests.shared import ROOT

EXAMPLES = ROOT / "schemas" / "source" / "examples"
PLAN = EXAMPLES / "aika-shared-plan-measures-abc.json"
OTHER = EXAMPLES / "tiimi-case-twins-services-and-responsible-pair.json"
LEFT = {"Practitioner", "PractitionerRole", "Organization", "Location"}


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families, each with what one document brings."""
    folder = tmp_path_factory.mktemp("filled")
    done = _run("batch", PLAN, OTHER, folder / "out", "--load", "--data", folder / "data", "--executor", "serial")
    assert done.exit_code == 0, done.output
    return folder / "data"


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"


def _store(data: Path) -> Store:
    return open_store(None, data, core())


def _patients(data: Path) -> tuple[str, list[str]]:
    """The child of the plan, and those of the other document."""
    store = _store(data)
    found = [one.resource() for one in store.search(store.query("Patient", []), EVERYTHING).entries]
    store.close()
    own = [f"Patient/{one['id']}" for one in found if one["name"][0]["family"] == "Tuulenpesä"]
    return own[0], [f"Patient/{one['id']}" for one in found if f"Patient/{one['id']}" not in own]


def _facts(data: Path, *rows: dict[str, Any]) -> Path:
    file = data.parent / "facts.ndjson"
    file.write_bytes(b"".join(json.encode(row) + b"\n" for row in rows))
    return file


def _counts(data: Path) -> dict[str, int]:
    store = _store(data)
    with store.database.read() as connection:
        found = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }
    store.close()
    return found


def _types(data: Path) -> dict[str, int]:
    store = _store(data)
    with store.database.read() as connection:
        statement = select(tables.resource.c.type, func.count()).group_by(tables.resource.c.type)
        found = {row[0]: row[1] for row in connection.execute(statement)}
    store.close()
    return found


def _applied(data: Path, *arguments: str | Path) -> dict[str, Any]:
    done = _run("retention", "apply", "--yes", "--json", "--data", data, *arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.parse(done.stdout)
    return found


def test_without_closings_nothing_is_over(data: Path) -> None:
    before = _counts(data)
    done = _run("retention", "report", "--data", data, "--json")
    assert done.exit_code == 0
    found = json.parse(done.stdout)
    assert found["over"] == 0
    assert set(found["classes"]["family-services"]) == {"unknown: closing-unknown"}
    assert set(found["classes"]["appointment"]) == {"unknown: no-start"}
    assert set(found["classes"]["consent"]) == {"unknown: death-unknown"}
    assert set(found["classes"]["directory"]) == {"unknown: no-period"}
    assert _applied(data)["destroyed"] == {}
    after = _counts(data)
    assert {name: count for name, count in after.items() if count != before[name]} == {}


RULES = """
[family-services]
years = 30
from = "closing"
source = "703/2023"
types = ["CarePlan", "CareTeam", "Goal", "Patient", "Provenance", "QuestionnaireResponse", "RelatedPerson", "Task"]
[appointment]
years = 12
from = "end"
source = "703/2023"
types = ["Appointment"]
[consent]
years = 12
from = "death"
source = "703/2023"
types = ["Consent"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path / "rules.toml"


def test_a_closed_family_goes_with_everything_of_it(data: Path, rules: Path) -> None:
    own, others = _patients(data)
    store = _store(data)
    for one in store.search(store.query("Appointment", []), EVERYTHING).entries:
        meeting = one.resource()
        if any(part["actor"].get("reference") == own for part in meeting["participant"]):
            past = {"start": "1990-10-01T16:30:00+03:00", "end": "1990-10-01T17:00:00+03:00"}
            store.update("Appointment", meeting["id"], meeting | past, Author("t", "2.999.13.10.1"), EVERYTHING)
    goal = next(
        one.resource()
        for one in store.search(store.query("Goal", []), EVERYTHING).entries
        if one.resource()["subject"]["reference"] == own
    )
    store.delete("Goal", goal["id"], Author("t", "2.999.13.10.1"), EVERYTHING)
    with store.database.engine.begin() as connection:
        connection.execute(update(tables.outbox).values(state="delivered"))
    store.close()
    facts = _facts(data, {"patient": own, "closed": "1995-01-31", "died": "1999-05-05"})
    before, types_before = _counts(data), _types(data)
    dry = _run("retention", "apply", "--dry-run", "--json", "--data", data, "--facts", facts, "--rules", rules)
    assert json.parse(dry.stdout)["over"] > 10
    assert _counts(data)["resource"] == before["resource"]
    done = _applied(data, "--facts", facts, "--rules", rules)["destroyed"]
    assert done["documents"] == 1
    assert done["resources"] == json.parse(dry.stdout)["over"]
    assert done["versions"] > done["resources"]
    after, types_after = _counts(data), _types(data)
    assert before["resource"] - after["resource"] == done["resources"]
    assert before["version"] - after["version"] == done["versions"]
    assert before["document"] - after["document"] == before["document_version"] - after["document_version"] == 1
    assert after["audit"] > before["audit"]
    assert {name for name, count in types_before.items() if types_after.get(name) != count} == {
        "Appointment", "CarePlan", "Consent", "Goal", "Patient", "Provenance", "QuestionnaireResponse", "RelatedPerson",
    }  # fmt: skip
    text = b"".join(file.read_bytes() for file in data.glob("yhdessa.sqlite*"))
    store = _store(data)
    with store.database.read() as connection:
        kept = [bytes(row) for row in connection.execute(select(tables.version.c.body)).scalars() if row]
        kept += [bytes(row) for row in connection.execute(select(tables.document_version.c.body)).scalars()]
        rows = audit.rows_after(connection, 0, 1000)
        events = [row.event() for row in rows]
        assert not audit.verify(connection).issues
    assert text
    assert not any(own.encode() in body or "Tuulenpesä".encode() in body for body in kept)
    assert all(store.read(*one.split("/"), EVERYTHING) for one in others)
    store.close()
    (event,) = [one for one in events if one.detail.interaction == "destroy"]
    validator = Validator(core())
    assert not [one for row in rows[-1:] for one in validator.validate(audit_event(row)) if one.is_error]
    assert event.detail.patients == (own,)
    assert len(event.detail.entities) == done["resources"] - 1
    assert event.detail.provider == "2.999.13.10.1"
    assert "703/2023" in event.detail.basis
    assert _applied(data, "--facts", facts, "--rules", rules)["over"] == 0


def test_what_has_a_ground_stays(data: Path, rules: Path) -> None:
    own, _ = _patients(data)
    facts = _facts(data, {"patient": own, "closed": "1995-01-31", "hold": "oikeusprosessi"})
    found = _applied(data, "--facts", facts, "--rules", rules)
    assert found["over"] == 0
    assert found["classes"]["family-services"]["hold"] > 5
    # Deliveries of the plan still wait; the meeting and the Consents are not over, and need the people they name.
    facts = _facts(data, {"patient": own, "closed": "1995-01-31"})
    found = _applied(data, "--facts", facts, "--rules", rules)
    assert found["classes"]["family-services"]["ground: delivery"] == 1
    assert found["classes"]["family-services"]["ground: referenced"] > 3
    types = _types(data)
    assert types["Patient"] == 3
    store = _store(data)
    with store.database.engine.begin() as connection:
        connection.execute(update(tables.outbox).values(state="delivered"))
    store.close()
    found = _applied(data, "--facts", facts, "--rules", rules)
    assert "ground: delivery" not in found["classes"]["family-services"]
    assert found["classes"]["family-services"]["ground: referenced"] >= 1
    left = _types(data)
    assert left["CarePlan"] == types["CarePlan"] - 1
    assert left["Patient"] == types["Patient"]
    assert left["Consent"] == types["Consent"]


def test_it_asks_before_it_destroys(data: Path, rules: Path) -> None:
    own, _ = _patients(data)
    facts = _facts(data, {"patient": own, "closed": "1995-01-31"})
    done = _run("retention", "apply", "--data", data, "--facts", facts, "--rules", rules)
    assert done.exit_code == 2
    assert "--yes" in done.stderr


@pytest.mark.parametrize("line", [b"[]", b'{"patient": 1}', b'{"patient": "Patient/1", "closed": "31.1.2026"}', b"{"])
def test_facts_that_cannot_be_used(data: Path, line: bytes) -> None:
    facts = data.parent / "facts.ndjson"
    facts.write_bytes(b'{"patient": "Patient/1"}\n' + line)
    done = _run("retention", "report", "--data", data, "--facts", facts)
    assert done.exit_code == 3
    assert f"{facts}:2" in done.stderr


def test_rules_that_cannot_be_used(data: Path, rules: Path) -> None:
    rules.write_text(RULES + '[more]\nyears = "x"\nsource = "s"\ntypes = ["Goal"]\n')
    done = _run("retention", "report", "--data", data, "--rules", rules)
    assert done.exit_code == 3
    assert "more.years" in done.stderr
    assert "`Goal`" in done.stderr
