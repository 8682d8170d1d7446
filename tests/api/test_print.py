"""`CarePlan/{id}/$print`, a plan read as PDF, and `yhdessa print ID`: the paper of a stored plan, recorded once."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from service.api.engine import Engine
from service.cli import main
from service.fhir.json import encode, parse
from service.print import printed
from service.print.stored import held
from service.store import EVERYTHING, Store, recipient
from service.store.audit import rows_after
from service.store.audit_event import audit_event
from service.store.disclosures import Given, disclose
from tests.api.conftest import EXAMPLES, NOON, application, closed
from tests.print.conftest import WITH_PLANS
from tests.print.pdf_reading import document

FHIR = "application/fhir+json"
SHIELDED = "tiimi-shared-plan-non-disclosure"
PLAIN = "aika-shared-plan-measures-abc"
Json = dict[str, Any]


def _posted(client: FlaskClient, name: str) -> Json:
    """The Bundle of an example that is now stored."""
    (file,) = (one for one in EXAMPLES if one.stem == name)
    answer = client.post(
        "/documents", data=file.read_bytes(), content_type="application/json", headers={"Accept": FHIR}
    )
    assert answer.status_code == 201, answer.data
    bundle: Json = parse(answer.data)
    return bundle


def _of(bundle: Json, *kinds: str) -> list[Json]:
    every = (one["resource"] for one in bundle["entry"])
    return [one for one in every if one["resourceType"] in kinds]


def _plans(bundle: Json) -> list[str]:
    return [one["id"] for one in _of(bundle, "CarePlan")]


def _log(app: Flask) -> list[Json]:
    """The use log as AuditEvents, the oldest first."""
    with app.extensions["yhdessa-store"].database.read() as connection:
        return [audit_event(row) for row in rows_after(connection, 0, 1000)]


@pytest.mark.parametrize("name", WITH_PLANS)
def test_the_paper_of_a_stored_plan_is_that_of_its_bundle(client: FlaskClient, name: str) -> None:
    bundle = _posted(client, name)
    for plan in _plans(bundle):
        for language, child in (("fi", "false"), ("sv", "true"), ("en", "false")):
            address = f"/fhir/CarePlan/{plan}/$print?format=html&language={language}&child={child}"
            answer = client.get(address)
            assert answer.status_code == 200, answer.data
            given: Json = {"language": language, "format": "html", "child": child == "true"}
            assert answer.text == printed(bundle, plan, now=NOON, **given).decode()


def test_a_pdf_and_its_headers(client: FlaskClient) -> None:
    (plan,) = _plans(_posted(client, PLAIN))
    answer = client.get(f"/fhir/CarePlan/{plan}/$print?language=sv&archive=true")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'inline; filename="plan-2026-03-29.pdf"'
    assert answer.headers["Content-Language"] == "sv"
    assert answer.headers["Cache-Control"] == "no-store"
    pdf = document(answer.data)
    assert str(pdf.Root.Lang) == "sv"
    with pdf.open_metadata() as xmp:
        assert xmp["pdfaid:part"] == "2"


def test_parameters_in_a_body(client: FlaskClient) -> None:
    (plan,) = _plans(_posted(client, PLAIN))
    rows = [{"name": "language", "valueCode": "en"}, {"name": "child", "valueBoolean": True}]
    body = encode({"resourceType": "Parameters", "parameter": [*rows, {"name": "format", "valueCode": "html"}]})
    posted = client.post(f"/fhir/CarePlan/{plan}/$print", data=body, content_type=FHIR)
    assert posted.status_code == 200, posted.data
    assert posted.data == client.get(f"/fhir/CarePlan/{plan}/$print?language=en&child=true&format=html").data
    assert "style-src 'unsafe-inline'" in posted.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("accept", "mimetype"), [
    ("application/pdf", "application/pdf"),
    (f"{FHIR};q=0.5, application/pdf", "application/pdf"),
    ("application/pdf;q=0.5, application/fhir+json", FHIR),
    ("*/*", FHIR),
    (None, FHIR),
])  # fmt: skip
def test_a_plan_is_read_as_pdf_where_that_is_wanted(client: FlaskClient, accept: str | None, mimetype: str) -> None:
    (plan,) = _plans(_posted(client, PLAIN))
    headers = {"Accept-Language": "en"} | ({"Accept": accept} if accept else {})
    answer = client.get(f"/fhir/CarePlan/{plan}", headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    if mimetype == "application/pdf":
        assert str(document(answer.data).Root.Lang) == "en"
    else:
        assert parse(answer.data)["id"] == plan


def test_what_else_is_done_with_a_plan_stays(client: FlaskClient) -> None:
    (plan,) = _plans(_posted(client, PLAIN))
    read = client.get(f"/fhir/CarePlan/{plan}")
    same = client.put(f"/fhir/CarePlan/{plan}", data=read.data, content_type=FHIR)
    assert same.status_code == 200, same.data
    assert client.get(f"/fhir/CarePlan/{plan}?_format=pdf").mimetype == "application/pdf"
    assert client.delete(f"/fhir/CarePlan/{plan}").status_code in (200, 204)
    assert client.get(f"/fhir/CarePlan/{plan}/$print").status_code == 410


@pytest.mark.parametrize(("query", "accept", "status", "key"), [
    ("?language=de", None, 400, "print.language"),
    ("?format=docx", None, 400, "print.format"),
    ("?child=maybe", None, 400, "http.parameter-value"),
    ("?size=A3", None, 400, "http.parameter-unknown"),
    ("", "image/png", 406, "http.not-acceptable"),
])  # fmt: skip
def test_what_there_is_not(client: FlaskClient, query: str, accept: str | None, status: int, key: str) -> None:
    (plan,) = _plans(_posted(client, PLAIN))
    answer = client.get(f"/fhir/CarePlan/{plan}/$print{query}", headers={"Accept": accept} if accept else {})
    assert answer.status_code == status
    assert parse(answer.data)["issue"][0]["details"]["coding"][0]["code"] == key


def test_a_plan_that_is_not_here_or_cannot_be_printed(client: FlaskClient) -> None:
    assert client.get("/fhir/CarePlan/nobody/$print").status_code == 404
    bundle = _posted(client, PLAIN)
    (plan,) = _of(bundle, "CarePlan")
    wrong = encode(plan | {"status": "entered-in-error"})
    put = client.put(f"/fhir/CarePlan/{plan['id']}", data=wrong, content_type=FHIR)
    assert put.status_code == 200, put.data
    answer = client.get(f"/fhir/CarePlan/{plan['id']}/$print")
    assert answer.status_code == 422
    assert "entered in error" in parse(answer.data)["issue"][0]["details"]["text"]


def test_a_print_is_recorded_once_with_who_and_how(client: FlaskClient, app: Flask) -> None:
    bundle = _posted(client, PLAIN)
    (plan,) = _plans(bundle)
    before = len(_log(app))
    headers = {"X-Yhdessa-User": "worker-7", "Accept": "text/html"}
    assert client.get(f"/fhir/CarePlan/{plan}/$print?language=sv&child=true", headers=headers).status_code == 200
    assert client.get(f"/fhir/CarePlan/{plan}/$print?language=de").status_code == 400
    (found, refused) = _log(app)[before:]
    assert found["subtype"][0]["code"] == "print"
    assert (found["outcome"], refused["outcome"]) == ("0", "4")
    assert [one["altId"] for one in found["agent"]] == ["local", "worker-7"]
    (said,) = (one["description"] for one in found["entity"] if "description" in one)
    assert said == "CarePlan/$print; sv; html; child"
    shown = {one["what"]["reference"] for one in found["entity"] if "what" in one}
    people = {
        f"Patient/{one['resource']['id']}" for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient"
    }
    assert {f"CarePlan/{plan}"} | people <= shown


def test_the_operation_is_stated(client: FlaskClient) -> None:
    (rest,) = parse(client.get("/fhir/metadata").data)["rest"]
    (row,) = (one for one in rest["resource"] if one["type"] == "CarePlan")
    assert "print" in {one["name"] for one in row["operation"]}
    assert "/fhir/CarePlan/{id}/$print" in parse(client.get("/openapi.json").data)["paths"]


def test_a_family_is_protected_also_from_those_who_do_not_see_it(client: FlaskClient, app: Flask) -> None:
    store: Store = app.extensions["yhdessa-store"]
    bundle = _posted(client, SHIELDED)
    (plan,) = _plans(bundle)
    places = [one["name"] for one in _of(bundle, "Organization")]
    assert places
    seen = [
        one["resource"]
        for one in bundle["entry"]
        if one["resource"]["resourceType"] not in ("Patient", "RelatedPerson")
    ]
    store.database.write(
        lambda connection: disclose(
            connection, "2.999.7", [Given(one["resourceType"], one["id"], 1, None) for one in seen], 0
        )
    )
    who = recipient("2.999.7")
    stored = store.read("CarePlan", plan, who)
    assert stored is not None
    for found in (held(store, stored, who), held(store, stored, EVERYTHING, lambda kind: kind != "Patient")):
        assert not [one for one in found.shown if one.type == "Patient"]
        paper = found.paper(now=NOON, language="en", format="html").decode()
        assert not [one for one in places if one in paper]
        assert "For your safety" in paper


def test_nothing_is_printed_that_the_caller_does_not_see(client: FlaskClient, app: Flask) -> None:
    store: Store = app.extensions["yhdessa-store"]
    (plan,) = _plans(_posted(client, PLAIN))
    store.database.write(lambda connection: disclose(connection, "2.999.7", [Given("CarePlan", plan, 1, None)], 0))
    who = recipient("2.999.7")
    stored = store.read("CarePlan", plan, who)
    assert stored is not None
    found = held(store, stored, who)
    assert [one.reference for one in found.shown] == [f"CarePlan/{plan}"]
    assert len(found.behind) > 5
    assert store.read("CarePlan", plan, recipient("2.999.8")) is None


def _kept(engine: Engine, folder: Path) -> str:
    """The id of a plan in a store in `folder`."""
    app = application(engine, folder)
    (plan,) = _plans(_posted(app.test_client(), PLAIN))
    closed(app)
    return plan


def test_the_command_prints_from_the_store_and_records_it(engine: Engine, tmp_path: Path) -> None:
    plan = _kept(engine, tmp_path)
    paper = tmp_path / "plan.pdf"
    arguments = ["print", f"CarePlan/{plan}", "--data", str(tmp_path), "--language", "sv"]
    done = CliRunner().invoke(main, [*arguments, "-o", str(paper)])
    assert done.exit_code == 0, done.output
    assert str(document(paper.read_bytes()).Root.Lang) == "sv"
    app = application(engine, tmp_path)
    last = _log(app)[-1]
    closed(app)
    assert last["subtype"][0]["code"] == "print"
    assert last["agent"][0]["altId"] == "command-line"
    assert "CarePlan/$print; sv; pdf" in [one.get("description") for one in last["entity"]]


def test_the_store_of_the_settings_is_looked_into(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = _kept(engine, tmp_path)
    monkeypatch.setenv("YHDESSA_DATA", str(tmp_path))
    done = CliRunner().invoke(main, ["print", plan, "--format", "html"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("<!DOCTYPE html>")
    done = CliRunner().invoke(main, ["print", "nobody", "--format", "html"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert "There is no CarePlan with this id here" in done.stderr
    monkeypatch.delenv("YHDESSA_DATA")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["print", plan, "--format", "html"])
    assert done.exit_code == 2, done.output
