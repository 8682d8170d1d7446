"""Who gets what in which order, what replaces what, and what is taken back."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.deliver import lane, shipments
from service.deliver.receivers import make
from service.deliver.receivers.base import Receipt
from service.deliver.receivers.fhir_transaction import FhirTransaction
from service.deliver.shipments import Kit
from service.store import EVERYTHING, Author, recipient
from service.store.claims import Claim
from service.store.outbox import Delivery
from tests.deliver.test_fhir_transaction import BY_ID
from tests.deliver.world import NEUVOLA, SOURCE, World, case, retries, revoked, settings

ERROR, STATUSES = "entered-in-error", ("status", "lifecycleStatus")


def told(rows: list[Delivery]) -> list[tuple[str, str, int]]:
    return [(one.payload, one.state, one.version) for one in rows]


def test_what_follows_in_a_family_waits_for_what_came_first(world: World) -> None:
    for plan in ("eka", "toka"):
        world.accept(case(plan=plan))
    world.accept(case("toinen", plan="kolmas"))
    world.double.script.set([{"do": "answer", "status": 409}])
    world.deliver()
    assert [one.state for one in world.rows()] == ["waiting", "waiting", "delivered"]
    world.later()
    assert [one.state for one in world.rows()] == ["delivered"] * 3
    first, second, third = world.rows()
    assert first.delivered is not None and second.delivered is not None and third.delivered is not None
    titles = [one["resource"]["title"] for one in world.double.changes if one["type"] == "CarePlan"]
    assert len(titles) == 3 and third.delivered < first.delivered <= second.delivered


def test_what_is_parked_does_not_hold_up_its_family(world: World) -> None:
    for plan in ("eka", "toka"):
        world.accept(case(plan=plan))
    world.double.script.set([{"do": "answer", "status": 422}])
    world.deliver()
    assert [one.state for one in world.rows()] == ["parked", "delivered"]


def test_a_slow_receiver_has_its_rows_looked_at_when_they_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is looked at once: as many together as are sent while what was seen of them is good."""
    for number in range(12):
        world.accept(case(f"perhe{number}", plan=f"suunnitelma{number}"))
    at, looked = 0.0, []
    send, prepared = FhirTransaction.send, shipments.prepared

    def slowly(*given: Any) -> Receipt:
        nonlocal at
        at += 0.6
        return send(*given)

    def noted(connection: Connection, some: Sequence[Claim], *others: Any) -> list[Any]:
        looked.append(len(some))
        return prepared(connection, some, *others)

    monkeypatch.setattr(lane, "time", SimpleNamespace(monotonic=lambda: at))
    monkeypatch.setattr(lane, "prepared", noted)
    monkeypatch.setattr(FhirTransaction, "send", slowly)
    world.deliver()
    assert {one.state for one in world.rows()} == {"delivered"}
    assert sum(looked) == 12 and max(looked) == lane.FIRST


def test_what_took_long_to_look_at_is_looked_at_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen is as old as when the look began."""
    world.accept(case())
    at, looks = 0.0, 0
    prepared = shipments.prepared

    def slowly(*given: Any) -> list[Any]:
        nonlocal at, looks
        at += 0.0 if looks else 2 * lane.FRESH
        looks += 1
        return prepared(*given)

    monkeypatch.setattr(lane, "time", SimpleNamespace(monotonic=lambda: at))
    monkeypatch.setattr(lane, "prepared", slowly)
    world.deliver()
    assert (world.row().state, looks, len(world.sent())) == ("delivered", 2, 1)


@pytest.mark.parametrize("error", [OperationalError("", None, OSError()), PoolTimeoutError()])
def test_a_database_that_is_away_for_a_moment_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world.accept(case())
    prepared, away = shipments.prepared, [error]

    def late(*given: Any) -> list[Any]:
        if away:
            raise away.pop()
        return prepared(*given)

    monkeypatch.setattr(lane, "prepared", late)
    world.deliver()
    assert (world.row().state, len(world.sent())) == ("delivered", 1)


def test_a_newer_version_goes_instead_of_one_that_nobody_has_sent(world: World) -> None:
    world.accept(case())
    world.accept(case(version=2, title="Uusi otsikko"))
    world.deliver()
    assert told(world.rows()) == [("shared-plan", "cancelled", 1), ("shared-plan", "delivered", 2)]
    assert world.plans() == ["create active"] and len(world.log()) == 1
    world.accept(case(version=3, title="Vielä uudempi"))
    world.deliver()
    assert world.plans() == ["create active", "update active"] and len(world.log()) == 2


@pytest.mark.parametrize("seconds", [1, -5], ids=["newer", "begun-before-and-committed-after"])
def test_what_may_have_arrived_is_sent_again_as_it_was_before_what_is_newer(world: World, seconds: int) -> None:
    world.accept(case())
    world.clock.forward(10)
    world.double.script.set([{"do": "lose-reply"}])
    world.deliver()
    world.clock.forward(seconds)
    world.accept(case(version=2, title="Uusi otsikko"))
    world.later()
    assert told(world.rows()) == [("shared-plan", "delivered", 1), ("shared-plan", "delivered", 2)]
    first, again, newer = world.sent()
    assert first == again != newer
    # Each change that took effect stands in the log once.
    assert world.plans() == ["create active", "update active"] and len(world.log()) == 2


def test_a_row_that_was_refused_for_good_is_replaced_by_the_next_version(world: World) -> None:
    world.accept(case())
    world.double.script.set([{"do": "answer", "status": 422}])
    world.deliver()
    world.accept(case(version=2, title="Uusi otsikko"))
    world.deliver()
    assert told(world.rows()) == [("shared-plan", "cancelled", 1), ("shared-plan", "delivered", 2)]


def test_a_revoked_permission_takes_back_what_was_given(world: World) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    plan = world.row().reference.partition("/")[2]
    assert world.store.read("CarePlan", plan, recipient(NEUVOLA)) is not None
    world.clock.forward(60)
    world.accept(revoked(document))
    # What is taken back is not to be seen here from that moment on.
    assert world.store.read("CarePlan", plan, recipient(NEUVOLA)) is None
    world.deliver()
    assert told(world.rows()) == [("shared-plan", "delivered", 1), ("withdrawal", "delivered", 1)]
    assert world.plans() == ["create active", "update entered-in-error"]
    assert [row.event().detail.interaction for row in world.log()] == ["disclosure", "withdrawal"]
    body = world.sent()[-1].decode()
    assert "Vanhemmat erosivat" not in body and "Kaksi kotia" not in body


def test_a_permission_that_is_given_again_brings_the_plan_again(world: World) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    world.clock.forward(60)
    world.accept(revoked(document))
    world.deliver()
    world.clock.forward(60)
    world.accept(document | {"version": 3})
    world.deliver()
    assert world.plans() == ["create active", "update entered-in-error", "update active"]
    assert [row.event().detail.interaction for row in world.log()] == ["disclosure", "withdrawal", "disclosure"]


def test_what_waits_is_not_sent_when_the_permission_is_gone(world: World) -> None:
    document = case()
    world.accept(document)
    world.accept(revoked(document))
    world.deliver()
    assert told(world.rows()) == [("shared-plan", "cancelled", 1)]
    assert world.double.requests == [] and world.log() == []


def test_only_what_has_arrived_is_taken_back(world: World) -> None:
    """In doubt and revoked: the receiver is asked what it has, and nothing comes into being there."""
    for step, there in (({"do": "drop"}, False), ({"do": "lose-reply"}, True)):
        document = case(f"perhe-{there}", plan=f"suunnitelma-{there}")
        world.accept(document)
        world.double.script.set([step])
        world.deliver()
        assert world.rows()[-1].doubt == 1
        before = world.double.effects()
        world.clock.forward(1)
        world.accept(revoked(document))
        world.deliver()
        last = world.rows()[-1]
        assert (last.payload, last.state) == ("withdrawal", "delivered")
        after = world.double.effects()
        assert (after == before) == (not there)
        assert (last.status == "absent") == (not there)
        # Never confirmed, and found when it was taken back: it was given all the same.
        logged = [row.event().detail for row in world.log()]
        assert [one.interaction for one in logged] == (["disclosure", "withdrawal"] if there else [])
        assert not there or (logged[0].basis and logged[0].confirmed.startswith("found"))
    assert world.plans() == ["create active", "update entered-in-error"]


def test_what_another_plan_of_the_family_brought_is_neither_found_nor_taken_back(world: World) -> None:
    """Plans of a family share its team and meetings: these say nothing of what has arrived of one plan."""
    world.accept(case(plan="eka"))
    world.deliver()
    second = case(plan="toka")
    world.accept(second)
    world.double.script.set([{"do": "drop"}])
    world.deliver()
    before = world.double.effects()
    world.clock.forward(1)
    world.accept(revoked(second))
    world.deliver()
    assert (world.rows()[-1].payload, world.rows()[-1].status) == ("withdrawal", "absent")
    assert world.double.effects() == before and len(world.log()) == 1


@pytest.mark.parametrize("abilities", [{}, BY_ID | {"system": ["batch"]}], ids=["whole", "one-by-one"])
def test_what_the_receiver_has_with_another_plan_stays(world: World, abilities: dict[str, Any]) -> None:
    world.double.abilities.update(abilities)
    first, second = case(plan="eka"), case(plan="toka")
    for one in (first, second):
        world.accept(one)
    world.deliver()
    taken_back: list[list[str]] = []
    for document in (second, first):
        world.clock.forward(60)
        world.accept(revoked(document))
        world.deliver()
        changes = [one for one in world.double.changes if ERROR in map((one["resource"] or {}).get, STATUSES)]
        taken_back.append(sorted({one["type"] for one in changes}))
    assert "CarePlan" in taken_back[0] and "CareTeam" not in taken_back[0]
    assert {"CarePlan", "CareTeam"} <= set(taken_back[1])


def test_a_consent_that_is_revoked_over_rest_takes_back_too(world: World) -> None:
    done = world.accept(case())
    world.deliver()
    consents = [one.partition("/")[2] for one in done.resources if one.startswith("Consent/")]
    for id_ in consents:
        stored = world.store.read("Consent", id_, EVERYTHING)
        assert stored is not None
        content = stored.resource() | {"status": "inactive"}
        world.store.update("Consent", id_, content, Author("tests", SOURCE), EVERYTHING)
    world.deliver()
    assert world.plans() == ["create active", "update entered-in-error"]


def test_a_consent_of_another_organisation_permits_nothing(world: World) -> None:
    done = world.accept(revoked(case()))
    assert done.deliveries == ()
    id_ = next(one.partition("/")[2] for one in done.resources if one.startswith("Consent/"))
    stored = world.store.read("Consent", id_, EVERYTHING)
    assert stored is not None
    foreign = {name: value for name, value in stored.resource().items() if name not in ("id", "meta")}
    world.store.create(foreign | {"status": "active"}, Author("stranger", NEUVOLA), EVERYTHING)
    assert world.rows() == []


def test_a_version_that_comes_while_another_is_on_its_way_is_given_by_its_own_row(world: World) -> None:
    """Between the claim and the look at the store a newer version arrives: each change is given and logged once."""
    world.accept(case(title="eka"))
    receiver = make(settings(world.double.url))
    prepare = receiver.prepare

    def preparing(session: Any) -> None:
        world.clock.forward(1)
        world.accept(case(version=2, title="toka"))
        prepare(session)

    receiver.prepare = preparing  # type: ignore[method-assign]
    world.worker(receiver).run(once=True)
    # Nothing is left for later, unless a busy machine was slower than the patience of these tests.
    world.later()
    titles = [one["resource"]["title"] for one in world.double.changes if one["type"] == "CarePlan"]
    assert titles == ["eka", "toka"] and len(world.log()) == 2
    assert told(world.rows()) == [("shared-plan", "delivered", 1), ("shared-plan", "delivered", 2)]


def test_a_plan_that_is_deleted_is_taken_back(world: World) -> None:
    world.accept(case())
    world.deliver()
    plan = world.row().reference.partition("/")[2]
    world.clock.forward(60)
    world.store.delete("CarePlan", plan, Author("tests", SOURCE), EVERYTHING)
    world.deliver()
    assert world.plans() == ["create active", "update entered-in-error"]


def test_a_revocation_on_the_way_is_followed_by_a_withdrawal(world: World) -> None:
    """The permission goes while the shipment is with the receiver: it is logged, then taken back, in that order."""
    document = case()
    world.accept(document)
    receiver = make(settings(world.double.url))
    send = receiver.send

    def sending(shipment: Any, parts: Any, session: Any) -> Any:
        if shipment.payload == "shared-plan":
            world.accept(revoked(document))
        return send(shipment, parts, session)

    receiver.send = sending  # type: ignore[method-assign]
    world.worker(receiver).run(once=True)
    assert world.plans() == ["create active", "update entered-in-error"]
    assert [row.event().detail.interaction for row in world.log()] == ["disclosure", "withdrawal"]
    plan = world.row().reference.partition("/")[2]
    assert world.store.read("CarePlan", plan, recipient(NEUVOLA)) is None


def test_a_row_that_the_program_stumbles_over_is_put_behind(world: World) -> None:
    for family in ("yksi", "kaksi", "kolme"):
        world.accept(case(family, plan=family))
    bad = world.rows()[1].reference
    receiver = make(settings(world.double.url, retries=retries()))
    parts = receiver.parts

    def making(shipment: Any, tools: Any) -> Any:
        if shipment.reference == bad:
            raise KeyError("poison")
        return parts(shipment, tools)

    receiver.parts = making  # type: ignore[method-assign]
    worker = world.worker(receiver, kit=Kit(world.policy))
    worker.run(once=True)
    assert [one.state for one in world.rows()] == ["delivered", "waiting", "delivered"]
    for _ in range(5):
        world.clock.forward(3600)
        world.worker(receiver).run(once=True)
    assert [(one.state, one.reason) for one in world.rows()][1] == ("parked", "deliver.fault")
