"""A plan as a document: posted once whatever happens to the reply, replaced by its next version, taken back."""

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.cli.delivering import kit
from service.config import Settings
from service.deliver.receivers.base import Limits, ReceiverSettings, Shipment, Tools, TransportError
from service.deliver.receivers.fhir_document import FhirDocument
from service.issues import issue
from service.pipeline import Converter
from tests.deliver.double import Double, double
from tests.deliver.shipments import ABC, RECIPIENT, TOOLS, TWINS, pdf, shipment, withdrawal

FORMS = ("bundle", "reference", "inline")


@pytest.fixture
def running() -> Iterator[Double]:
    with double() as made:
        yield made


def receiver(url: str, form: str = "bundle", **options: Any) -> FhirDocument:
    chosen = {"form": "reference", "attachment": "inline"} if form == "inline" else {"form": form}
    limits = Limits(connect=10, read=20, total=20)
    settings = ReceiverSettings(
        "neuvola", RECIPIENT.organisation, "health", "fhir_document", url, options=chosen | options, limits=limits
    )
    return FhirDocument(settings)


def deliver(one: FhirDocument, what: Shipment) -> str:
    with contextlib.closing(one.connect()) as session:
        one.prepare(session)
        return one.send(what, one.parts(what, TOOLS), session).status


def body(one: FhirDocument, what: Shipment, tools: Tools = TOOLS) -> dict[str, Any]:
    (part,) = one.parts(what, tools)
    assert part.content_type == "application/fhir+json"
    made: dict[str, Any] = json.loads(part.body)
    return made


def _typed(bundle: dict[str, Any], type_name: str) -> list[dict[str, Any]]:
    return [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == type_name]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_shipment_is_the_same_bytes(form: str) -> None:
    one = receiver("https://receiver.example", form)
    assert one.parts(shipment(TWINS), TOOLS) == one.parts(shipment(TWINS), TOOLS)


@pytest.mark.parametrize("form", FORMS)
def test_twice_is_once(running: Double, form: str) -> None:
    one = receiver(running.url, form)
    first = deliver(one, shipment(ABC))
    before = running.effects()
    assert first in ("200", "201")
    assert deliver(one, shipment(ABC)) == "200"
    assert running.effects() == before
    assert all(effect.startswith("create") for effect in before)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", ["lose-reply", "close-mid", "wrong-json", "wrong-type"])
def test_a_reply_that_is_lost(running: Double, form: str, step: str) -> None:
    one = receiver(running.url, form)
    running.script.set([{"do": step}])
    if step == "wrong-type" and form == "bundle":
        # A created resource may be answered with anything or nothing: the status is what counts.
        assert deliver(one, shipment(ABC)) == "201"
    else:
        with pytest.raises(TransportError) as lost:
            deliver(one, shipment(ABC))
        assert (lost.value.permanent, lost.value.sent) == (False, True)
    effects = running.effects()
    assert deliver(one, shipment(ABC)) == "200"
    assert running.effects() == effects


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("status", "permanent"), [(409, False), (412, True), (422, True), (429, False), (500, False), (503, False)]
)
def test_refusals(running: Double, form: str, status: int, permanent: bool) -> None:
    running.script.set([{"do": "answer", "status": status, "retry_after": 7}])
    with pytest.raises(TransportError) as refused:
        deliver(receiver(running.url, form), shipment(ABC))
    assert refused.value.permanent is permanent
    assert refused.value.retry_after == 7
    assert refused.value.status == str(status)
    assert running.changes == []


def test_the_document_begins_with_its_composition_and_holds_the_pdf() -> None:
    made = body(receiver("https://receiver.example"), shipment(ABC))
    composition = made["entry"][0]["resource"]
    assert (made["type"], composition["resourceType"]) == ("document", "Composition")
    assert made["identifier"]["value"].startswith("urn:uuid:")
    assert composition["identifier"]["value"] != made["identifier"]["value"]
    held = {entry["fullUrl"] for entry in made["entry"]}
    base = "https://yhdessa.example/fhir"
    for section in composition["section"]:
        for entry in section["entry"]:
            assert f"{base}/{entry['reference']}" in held
    (binary,) = _typed(made, "Binary")
    assert base64.b64decode(binary["data"]) == pdf(shipment(ABC).bundle, "fi")
    assert composition["section"][-1] == {"title": "Tuloste", "entry": [{"reference": f"Binary/{binary['id']}"}]}
    assert _typed(body(receiver("https://receiver.example", pdf=False), shipment(ABC)), "Binary") == []


def test_the_document_is_valid() -> None:
    validator = Converter.load(key=b"a key for tests only").validator
    for what in (shipment(ABC), shipment(TWINS, style="reference")):
        for form in FORMS:
            made = body(receiver("https://receiver.example", form), what)
            assert [one.text() for one in validator.validate(made) if one.is_error] == []


def test_identifiers_are_of_plan_version_and_recipient() -> None:
    one = receiver("https://receiver.example")
    first = shipment(ABC)
    others = [
        first,
        replace(first, version=3),
        replace(first, recipient=replace(RECIPIENT, organisation="2.999.1")),
        replace(first, reference="CarePlan/another"),
    ]
    documents = [body(one, what) for what in others]
    assert len({made["identifier"]["value"] for made in documents}) == 4
    plans = [made["entry"][0]["resource"]["identifier"]["value"] for made in documents]
    assert plans[0] == plans[1]
    assert len(set(plans)) == 3


def test_a_reference_for_each_child_known_by_what_the_receiver_knows_too(running: Double) -> None:
    assert deliver(receiver(running.url, "reference"), shipment(TWINS)) == "200"
    references = running.records.all("DocumentReference")
    assert {one["subject"]["identifier"]["value"] for one in references} == {"150318A9125", "150318A9136"}
    (binary,) = running.records.all("Binary")
    made = pdf(shipment(TWINS).bundle, "fi")
    for one in references:
        attachment = one["content"][0]["attachment"]
        assert attachment["url"] == f"Binary/{binary['id']}"
        assert attachment["size"] == len(made)
        assert base64.b64decode(attachment["hash"]) == hashlib.sha1(made, usedforsecurity=False).digest()
        assert one["custodian"]["identifier"]["value"].startswith("2.999")


@pytest.mark.parametrize("form", ["reference", "inline"])
def test_the_next_version_replaces_the_last(running: Double, form: str) -> None:
    one = receiver(running.url, form)
    deliver(one, shipment(ABC, version=1))
    deliver(one, shipment(ABC, version=2))
    (reference,) = running.records.all("DocumentReference")
    assert reference["status"] == "current"
    assert reference["meta"]["versionId"] == "2"


def test_a_withdrawal_marks_it_for_every_child(running: Double) -> None:
    one = receiver(running.url, "reference")
    deliver(one, shipment(TWINS))
    deliver(one, shipment(ABC))
    deliver(one, withdrawal(TWINS))
    states = {one["subject"]["identifier"]["value"]: one["status"] for one in running.records.all("DocumentReference")}
    assert states == {
        "150318A9125": "entered-in-error",
        "150318A9136": "entered-in-error",
        "021120A900B": "current",
    }


@pytest.mark.parametrize("form", ["reference", "inline"])
def test_a_withdrawal_marks_what_is_there(running: Double, form: str) -> None:
    one = receiver(running.url, form)
    assert deliver(one, withdrawal(ABC)) == "absent"
    assert running.changes == []
    deliver(one, shipment(ABC))
    assert deliver(one, withdrawal(ABC)) == "200"
    (reference,) = running.records.all("DocumentReference")
    assert reference["status"] == "entered-in-error"
    assert reference["content"] == [{"attachment": {"contentType": "application/pdf"}}]
    assert "description" not in reference
    assert reference["subject"]["identifier"]["value"] == "021120A900B"
    effects = running.effects()
    assert deliver(one, withdrawal(ABC)) == "200"
    assert running.effects() == effects


def test_a_withdrawn_document_is_a_document_without_content(running: Double) -> None:
    one = receiver(running.url)
    deliver(one, shipment(ABC))
    assert deliver(one, withdrawal(ABC)) == "201"
    assert deliver(one, withdrawal(ABC)) == "200"
    given, taken = running.records.all("Bundle")
    heads = [bundle["entry"][0]["resource"] for bundle in (given, taken)]
    assert [head["status"] for head in heads] == ["final", "entered-in-error"]
    assert heads[0]["identifier"] == heads[1]["identifier"] == heads[1]["relatesTo"][0]["targetIdentifier"]
    assert heads[1]["date"]
    assert "Binary" not in json.dumps(taken)


def test_a_pdf_that_is_wanted_and_cannot_be_made() -> None:
    with pytest.raises(TransportError) as refused:
        receiver("https://receiver.example", "reference").parts(shipment(ABC), Tools())
    assert refused.value.issue.key == "receivers.no-pdf"
    assert refused.value.permanent


def test_what_the_validator_does_not_pass_does_not_leave() -> None:
    tools = Tools(pdf=pdf, validate=lambda _: [issue("receivers.no-pdf", name="x")])
    with pytest.raises(TransportError) as refused:
        receiver("https://receiver.example").parts(shipment(ABC), tools)
    assert (refused.value.permanent, refused.value.whole, refused.value.sent) == (True, False, False)


@pytest.mark.parametrize("form", FORMS)
def test_what_the_worker_brings_validates_what_leaves(form: str) -> None:
    """The tools of `yhdessa deliver` itself; the PDF alone is a stand-in."""
    tools = replace(kit(Settings()).tools, pdf=pdf)
    one = receiver("https://receiver.example", form)
    assert one.parts(shipment(ABC), tools)
    wrong = replace(shipment(ABC), language="no language")
    wrong.bundle["entry"][0]["resource"]["status"] = "no status"
    with pytest.raises(TransportError) as refused:
        one.parts(wrong, tools)
    assert refused.value.permanent


@pytest.mark.parametrize("form", FORMS)
def test_check(running: Double, form: str) -> None:
    def found(**changes: Any) -> list[str]:
        one = receiver(running.url, form)
        with contextlib.closing(one.connect()) as session:
            return [problem.key for problem in one.check(session)]

    assert found() == []
    running.abilities = {"*": {"conditionalCreate": False, "conditionalUpdate": False, "updateCreate": False}}
    # Servers that take ids of ours seldom say so: that alone is no fault.
    assert found() == ["receivers.cannot"] + ["receivers.unsaid"] * (form == "reference")
    running.abilities = {}
    running.bearer = "wanted"
    assert found() == ["receivers.not-let-in"]
    running.script.set([{"do": "answer", "status": 503, "on": "GET /metadata"}])
    assert found() == ["deliver.refused"]
    assert running.changes == []
