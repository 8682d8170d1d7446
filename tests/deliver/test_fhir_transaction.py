"""What a receiver says it can do decides how a plan is brought to it."""

import json
from typing import Any

import pytest

from service.deliver import entries as worded
from service.deliver.entries import COPY_OF
from service.deliver.receivers import fhir_transaction, make
from service.deliver.receivers.base import Tools, TransportError
from tests.deliver.double import Double, double
from tests.deliver.shipments import TWINS, shipment, withdrawal
from tests.deliver.world import World, case, revoked, settings

BY_ID = {"*": {"conditionalCreate": False, "conditionalUpdate": False}}


def entries(receiver: Double) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(receiver.requests[-1]["body"])["entry"]
    return rows


def brought(receiver: Double, **changes: Any) -> None:
    """A shipment is brought twice; the second time changes nothing."""
    made = make(settings(receiver.url, **changes))
    session = made.connect()
    made.prepare(session)
    parts = made.parts(shipment(TWINS), Tools())
    assert made.parts(shipment(TWINS), Tools()) == parts
    receipt = made.send(shipment(TWINS), parts, session)
    assert receipt.reference.startswith("CarePlan/")
    before = receiver.effects()
    made.send(shipment(TWINS), parts, session)
    assert receiver.effects() == before
    session.close()


def test_conditional_writes_in_one_transaction() -> None:
    with double() as receiver:
        brought(receiver)
        rows = entries(receiver)
        assert [one["method"] for one in receiver.requests] == ["GET", "POST", "POST"]
        requests = {row["request"]["url"].partition("?")[0]: row["request"] for row in rows}
        assert requests["Patient"]["method"] == "POST" and "1.2.246.21" in requests["Patient"]["ifNoneExist"]
        assert requests["CarePlan"] == {"method": "PUT", "url": requests["CarePlan"]["url"]}
        assert COPY_OF in requests["CarePlan"]["url"] and "Provenance" not in requests
        known = {row["fullUrl"] for row in rows}
        assert known >= {one for one in _references([row["resource"] for row in rows]) if one.startswith("urn:uuid:")}
        assert not any("id" in row["resource"] for row in rows)


@pytest.mark.parametrize("abilities", [{}, BY_ID | {"system": ["batch"]}], ids=["transaction", "one-by-one"])
def test_what_was_prepared_is_sent_as_it_was_prepared(abilities: dict[str, Any]) -> None:
    """Another thread may learn of the receiver what was not known when the parts were made."""
    with double(abilities=abilities) as receiver:
        made = make(settings(receiver.url))
        session = made.connect()
        made.prepare(session)
        parts = made.parts(shipment(TWINS), Tools())
        tag = {"name": "_tag", "type": "token"}
        receiver.abilities = (
            {"Provenance": {"searchParam": [tag]}} if abilities else BY_ID | {"Task": {"type": "Basic"}}
        )
        made.prepare(session)
        assert made.send(shipment(TWINS), parts, session).status == "201"
        assert receiver.effects().count("create CarePlan") == 1
        session.close()


def test_one_shipment_is_made_for_what_was_known_at_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    with double() as receiver:
        made = make(settings(receiver.url))
        session = made.connect()
        made.prepare(session)

        def meanwhile(*given: Any) -> Any:
            receiver.abilities = {**BY_ID, "system": ["batch"]}
            made.prepare(session)
            return worded.entries(*given)

        monkeypatch.setattr(fhir_transaction, "entries", meanwhile)
        (part,) = made.parts(shipment(TWINS), Tools())
        assert {row["request"]["method"] for row in json.loads(part.body)["entry"]} == {"POST", "PUT"}
        session.close()


def test_updates_that_create_where_there_are_no_conditional_ones() -> None:
    with double(abilities=BY_ID) as receiver:
        brought(receiver)
        rows = entries(receiver)
        assert all(row["request"]["method"] == "PUT" and row["resource"]["id"] in row["request"]["url"] for row in rows)


def test_one_after_the_other_where_there_are_no_transactions() -> None:
    with double(abilities={**BY_ID, "system": ["batch"]}) as receiver:
        brought(receiver)
        made = [one for one in receiver.effects() if one.startswith("create ")]
        assert made.index("create Organization") < made.index("create Patient") < made.index("create CarePlan")
        assert {one["method"] for one in receiver.requests} == {"GET", "PUT"}


def test_who_can_do_neither_is_sent_nothing() -> None:
    able = {"*": {"conditionalCreate": False, "conditionalUpdate": False, "updateCreate": False}}
    with double(abilities=able) as receiver:
        made = make(settings(receiver.url))
        session = made.connect()
        with pytest.raises(TransportError) as raised:
            made.prepare(session)
        assert raised.value.issue.key == "deliver.capability" and not raised.value.permanent
        assert [one.key for one in made.check(session)] == ["deliver.capability"]
        session.close()


def test_a_type_that_is_not_taken_is_left_out_only_where_that_was_said(world: World) -> None:
    world.double.abilities["Goal"] = {"type": "Basic"}
    world.accept(case())
    world.deliver()
    assert (world.row().state, world.row().reason) == ("parked", "deliver.unsupported")
    world.accept(case(version=2, title="Uusi"))
    world.deliver(options={"leave_out": ["Goal", "Provenance"]})
    assert world.rows()[-1].state == "delivered" and "create Goal" not in world.double.effects()
    plan = next(one["resource"] for one in world.double.changes if one["type"] == "CarePlan")
    assert not [one for one in _references([plan]) if one.startswith("Goal/")]


def test_no_fhir_server_at_the_address() -> None:
    with double() as receiver:
        receiver.script.set(
            [{"do": "answer", "status": 200, "body": {"resourceType": "Patient"}, "on": "GET /metadata"}]
        )
        made = make(settings(receiver.url))
        session = made.connect()
        assert [one.key for one in made.check(session)] == ["deliver.no-fhir"]
        session.close()


@pytest.mark.parametrize("abilities", [{}, BY_ID], ids=["conditional", "by-id"])
def test_what_is_not_there_is_not_withdrawn(abilities: dict[str, Any]) -> None:
    with double(abilities=abilities) as receiver:
        made = make(settings(receiver.url))
        session = made.connect()
        made.prepare(session)
        back = withdrawal(TWINS)
        assert made.send(back, made.parts(back, Tools()), session).status == "absent"
        assert receiver.effects() == []
        session.close()


def test_what_was_given_can_be_deleted_instead_of_marked(world: World) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    world.clock.forward(60)
    world.accept(revoked(document))
    world.deliver(options={"withdraw": "delete"})
    assert world.plans() == ["create active", "delete -"] and "delete Goal" in world.double.effects()


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [one for value in node.values() for one in _references(value)]
    if isinstance(node, list):
        return [one for value in node for one in _references(value)]
    return []
