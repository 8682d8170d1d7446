"""Whatever a receiver answers: the state of the outbox, of the receiver and of the log is what it should be."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.store.values import micros
from tests.deliver.certificates import Authority
from tests.deliver.double import double, tls
from tests.deliver.world import IMPATIENT, LIMITS, NEUVOLA, SOURCE, World, case, retries, settings, sha256

# What the receiver does to the first request, whether it carried it out, and what then stands in the row.
LATER: list[tuple[dict[str, Any], bool, str]] = [
    ({"do": "answer", "status": 409}, False, "409"),
    ({"do": "answer", "status": 429}, False, "429"),
    ({"do": "answer", "status": 500}, False, "500"),
    ({"do": "answer", "status": 503}, False, "503"),
    ({"do": "answer", "status": 401}, False, "401"),
    ({"do": "answer", "status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, False, "302"),
    ({"do": "answer", "status": 200, "body": {"resourceType": "Bundle", "type": "searchset"}}, False, "200"),
    ({"do": "drop"}, False, "deliver.connection"),
    ({"do": "hang"}, False, "deliver.timeout"),
    ({"do": "slow", "seconds": 1}, True, "deliver.timeout"),
    ({"do": "trickle", "seconds": 0.1}, True, "deliver.timeout"),
    ({"do": "lose-reply"}, True, "deliver.connection"),
    ({"do": "close-mid"}, True, "deliver.connection"),
    ({"do": "wrong-json"}, True, "200"),
    ({"do": "wrong-type"}, True, "200"),
    ({"do": "long", "size": 300_000}, True, "deliver.answer-long"),
]


def test_what_is_confirmed_is_delivered_and_logged_once(world: World) -> None:
    accepted = world.accept(case())
    world.deliver()
    row = world.row()
    assert (row.state, row.status, row.doubt, row.attempts, row.lease_owner) == ("delivered", "201", 0, 1, None)
    assert row.confirmed is not None and row.confirmed.startswith("CarePlan/")
    assert world.plans() == ["create active"]
    (body,) = world.sent()
    assert row.digest is not None and row.digest.hex() == sha256(body)
    (logged,) = world.log()
    detail = logged.event().detail
    assert (logged.organisation, detail.provider, detail.recipient) == (SOURCE, SOURCE, NEUVOLA)
    assert detail.digests == (sha256(body),)
    assert row.reference in detail.entities and len(detail.patients) == 2
    assert detail.purpose and "luovutuslupa Consent/" in detail.basis and "703/2023" in detail.basis
    assert detail.description.startswith("shared-plan 1: ") and "needs" in detail.description
    world.deliver()
    world.accept(case())
    world.later()
    assert len(world.sent()) == len(world.log()) == 1
    assert accepted.deliveries[0].id == row.id


@pytest.mark.parametrize(("step", "carried_out", "status"), LATER, ids=[str(step) for step, _, _ in LATER])
def test_what_may_pass_is_tried_again_and_has_one_effect(
    world: World, step: dict[str, Any], carried_out: bool, status: str
) -> None:
    world.accept(case())
    world.double.script.set([step])
    world.deliver(limits=IMPATIENT if status == "deliver.timeout" else LIMITS)
    row = world.row()
    assert (row.state, row.status, row.attempts) == ("waiting", status, 1)
    assert row.lease_owner is None and row.not_before > micros(world.clock())
    assert world.log() == []
    # Whether it is in doubt is never told too little.
    assert row.doubt or not carried_out
    before = world.double.effects()
    assert ("create CarePlan" in before) == carried_out
    world.later()
    row = world.row()
    assert (row.state, row.doubt, row.attempts) == ("delivered", 0, 2)
    assert world.double.effects().count("create CarePlan") == 1 and "update CarePlan" not in world.double.effects()
    assert len(world.log()) == 1
    # The same bytes: what was carried out before is not carried out again.
    assert len(set(world.sent())) == 1
    assert not carried_out or world.double.effects() == before


@pytest.mark.parametrize("status", [400, 412, 413, 422])
def test_what_cannot_pass_is_parked_with_its_reason(world: World, status: int) -> None:
    world.accept(case())
    world.double.script.set([{"do": "answer", "status": status}])
    world.deliver()
    row = world.row()
    assert (row.state, row.reason, row.status, row.doubt) == ("parked", "deliver.refused", str(status), 0)
    world.later()
    assert world.double.effects() == [] and world.log() == [] and len(world.sent()) == 1


@pytest.mark.parametrize("how", [{"retry_after": 300}, {"retry_date": 300}], ids=["seconds", "date"])
def test_a_receiver_that_asks_to_wait_is_left_alone_by_everybody(world: World, how: dict[str, int]) -> None:
    world.accept(case("yksi", plan="yksi"))
    world.accept(case("kaksi", plan="kaksi"))
    world.double.script.set([{"do": "answer", "status": 429, **how}])
    # A date is compared with the time of this machine.
    kind = next(iter(how))
    world.deliver()
    assert [one.state for one in world.rows()] == ["waiting", "waiting"] and len(world.sent()) == 1
    assert world.row().not_before >= micros(world.clock() + timedelta(seconds=290 if kind == "retry_date" else 300))
    world.later(200)
    assert len(world.sent()) == 1
    world.later(200)
    assert [one.state for one in world.rows()] == ["delivered", "delivered"]


def test_a_wrong_certificate_is_told_nothing(world: World, tmp_path: Path) -> None:
    world.accept(case())
    right, wrong = Authority(tmp_path / "right"), Authority(tmp_path / "wrong")
    with double(context=tls(wrong.server("localhost", "127.0.0.1")), host="localhost") as stranger:
        auth = settings("").auth
        chosen = {"auth": type(auth)("none", {"authority": str(right.file)})}
        world.deliver(url=stranger.url, **chosen)
        row = world.row()
        assert (row.state, row.reason, row.doubt) == ("waiting", "deliver.certificate", 0)
        assert stranger.requests == [] and world.log() == []
    world.later()
    assert world.row().state == "delivered" and len(world.log()) == 1


def test_an_address_that_is_not_encrypted_is_never_used(world: World) -> None:
    world.accept(case())
    world.deliver(url=world.double.url.replace("127.0.0.1", "127.0.0.2"))
    row = world.row()
    assert (row.state, row.reason, row.doubt) == ("waiting", "deliver.unencrypted", 0)
    assert world.double.requests == []


def test_who_refuses_the_same_again_and_again_is_parked(world: World) -> None:
    world.accept(case())
    world.double.script.set([{"do": "answer", "status": 409, "times": 99}])
    for _ in range(6):
        world.later(retries=retries())
    row = world.row()
    assert (row.state, row.attempts, row.reason) == ("parked", 4, "deliver.refused")


def test_who_is_away_for_weeks_is_not_given_up_too_early(world: World) -> None:
    world.accept(case())
    world.double.script.set([{"do": "answer", "status": 503, "times": 99}])
    chosen = retries(days=20)
    for _ in range(9):
        world.later(2 * 86_400, retries=chosen)
    assert world.row().state == "waiting"
    for _ in range(2):
        world.later(2 * 86_400, retries=chosen)
    assert (world.row().state, world.row().reason) == ("parked", "deliver.gave-up")


def test_every_entry_of_the_answer_is_looked_at(world: World) -> None:
    world.accept(case())
    answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": [{"response": {"status": "201"}}]}
    world.double.script.set([{"do": "answer", "status": 200, "body": json.dumps(answer)}])
    world.deliver()
    assert (world.row().state, world.row().reason) == ("waiting", "deliver.answer") and world.log() == []
