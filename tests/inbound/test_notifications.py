"""A source system is called when something came back: once, signed, again when it was away, and by nobody else."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from service.clock import now
from service.deliver.notifying import HEADER, Signer, notification, subscribers
from service.deliver.shipments import Kit
from service.deliver.worker import Worker
from service.fhir.json import parse
from service.policy import Policy
from service.store import outbox
from service.store.outbox import Delivery
from service.tokens import TokenError, key_set, load_key, verify
from tests.api.backend import store_of
from tests.api.rest import bundle, entry, keys
from tests.inbound.conftest import NEUVOLA, OURS, World

ISSUER = "https://fhir.example.org"


class Called(http.server.BaseHTTPRequestHandler):
    calls: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.calls.append((self.path, dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    Called.calls.clear()
    Called.answers.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Called)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def subscription(endpoint: str, **changed: Any) -> dict[str, Any]:
    channel = {"type": "rest-hook", "endpoint": endpoint, "header": ["Authorization: Bearer abc"]}
    made = {"resourceType": "Subscription", "status": "requested", "reason": "Vastaukset", "criteria": "Appointment?"}
    return made | {"channel": channel} | changed


def answered(world: World, comment: str) -> None:
    meeting = world.of("Appointment")[0]
    done = world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", meeting | {"comment": comment})
    assert done.status_code == 202, done.data


def work(world: World, *, later: timedelta = timedelta(0)) -> None:
    """What `yhdessa deliver --once` does for subscribers."""
    store = store_of(world.app)
    signer = Signer(ISSUER, lambda: load_key(world.app.extensions["yhdessa-authority"]._file), now, allow_private=True)
    kit = Kit(Policy.load(None), makers={outbox.NOTIFICATION: notification})

    def clock() -> Any:
        return store.clock() + later

    Worker(store, [], kit, clock, found=lambda: subscribers(store, signer)).run(once=True)


def rows(world: World) -> list[Delivery]:
    with store_of(world.app).database.read() as connection:
        return [one for one in outbox.listed(connection) if one.payload == outbox.NOTIFICATION]


def test_one_call_for_all_that_came_and_it_is_signed(world: World, hook: str) -> None:
    world.give(NEUVOLA, "Appointment")
    made = world.client.post("/fhir/Subscription", json=subscription(hook), headers=world.by["ours"])
    assert made.status_code == 201, made.data
    answered(world, "Ovi A.")
    answered(world, "Ovi B.")
    answered(world, "Ovi B.")
    assert [one.state for one in rows(world)] == ["waiting", "waiting"]
    work(world)
    assert [one.state for one in rows(world)] == ["cancelled", "delivered"]
    ((path, headers, body),) = Called.calls
    assert (path, body, headers["Authorization"]) == ("/hook", b"", "Bearer abc")
    published = key_set(world.client.get("/.well-known/jwks.json").data)
    told = verify(headers[HEADER], published, now().timestamp(), issuer=ISSUER, audience=frozenset({hook}))
    assert told["sub"] == f"Subscription/{parse(made.data)['id']}"
    with pytest.raises(TokenError):
        verify(headers[HEADER][:-4] + "AAAA", published, now().timestamp(), issuer=ISSUER, audience=frozenset({hook}))
    work(world)
    assert len(Called.calls) == 1


def test_who_was_away_is_called_again(world: World, hook: str) -> None:
    world.give(NEUVOLA, "Appointment")
    world.client.post("/fhir/Subscription", json=subscription(hook), headers=world.by["ours"])
    Called.answers[:] = [503]
    answered(world, "Ovi A.")
    work(world)
    (row,) = rows(world)
    assert (row.state, row.status, row.attempts) == ("waiting", "503", 1)
    work(world, later=timedelta(hours=1))
    assert [one.state for one in rows(world)] == ["delivered"]
    first, second = (verifiable(one) for one in Called.calls)
    assert first == second


def verifiable(called: tuple[str, dict[str, str], bytes]) -> str:
    """The `jti` of a call: what a subscriber counts by."""
    from service.tokens import peek

    return str(peek(called[1][HEADER])[1]["jti"])


def test_who_wants_none_is_called_by_nobody(world: World, hook: str) -> None:
    world.give(NEUVOLA, "Appointment")
    for one in (subscription(hook, status="off"), subscription(hook, criteria="Communication")):
        assert world.client.post("/fhir/Subscription", json=one, headers=world.by["ours"]).status_code == 201
    # Somebody else's wish is about somebody else's documents.
    assert (
        world.client.post("/fhir/Subscription", json=subscription(hook), headers=world.by["others"]).status_code == 201
    )
    gone = world.client.post("/fhir/Subscription", json=subscription(hook), headers=world.by["ours"])
    answered(world, "Ovi A.")
    assert len(rows(world)) == 1
    world.client.delete(f"/fhir/Subscription/{parse(gone.data)['id']}", headers=world.by["ours"])
    work(world)
    assert Called.calls == []


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"criteria": "Patient?name=a"}, "inbound.criteria"),
        ({"criteria": "Appointment?status=booked"}, "inbound.criteria"),
        ({"channel": {"type": "websocket", "endpoint": "https://a.example"}}, "inbound.channel"),
        ({"channel": {"type": "rest-hook", "endpoint": "ftp://a.example"}}, "inbound.endpoint"),
        ({"channel": {"type": "rest-hook"}}, "inbound.endpoint"),
        (
            {"channel": {"type": "rest-hook", "endpoint": "https://a.example", "payload": "application/fhir+json"}},
            "inbound.payload",
        ),
        ({"channel": {"type": "rest-hook", "endpoint": "https://a.example", "header": ["A"]}}, "inbound.header"),
    ],
)
def test_what_could_never_be_served_is_refused(world_of_tasks: World, changed: dict[str, Any], key: str) -> None:
    world = world_of_tasks
    wanted = subscription("https://a.example/hook", **changed)
    alone = world.client.post("/fhir/Subscription", json=wanted, headers=world.by["ours"])
    assert (alone.status_code, keys(alone)) == (422, [key])
    together = bundle("transaction", entry("POST", "Subscription", wanted))
    assert keys(world.client.post("/fhir", json=together, headers=world.by["ours"])) == [key]


def test_an_address_in_the_own_network_is_not_called(world: World, hook: str) -> None:
    world.give(NEUVOLA, "Appointment")
    world.client.post("/fhir/Subscription", json=subscription(hook), headers=world.by["ours"])
    answered(world, "Ovi A.")
    store = store_of(world.app)
    signer = Signer(ISSUER, lambda: load_key(world.app.extensions["yhdessa-authority"]._file), now)
    kit = Kit(Policy.load(None), makers={outbox.NOTIFICATION: notification})
    Worker(store, [], kit, store.clock, found=lambda: subscribers(store, signer)).run(once=True)
    assert Called.calls == []
    assert [one.status for one in rows(world)] == ["auth.fetch"]
    assert OURS not in str(rows(world)[0].reason)
