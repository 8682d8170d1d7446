"""`GET /documents`: which of a source system's documents have changed, or were answered to."""

from typing import Any

from service.fhir.json import encode, parse
from tests.api.rest import keys
from tests.inbound.conftest import NEUVOLA, World

Json = dict[str, Any]


def asked(world: World, query: str = "", who: str = "ours") -> Json:
    answer = world.client.get(f"/documents{query}", headers=world.by[who])
    assert answer.status_code == 200, answer.data
    found: Json = parse(answer.data)
    return found


def posted(world: World, **changed: Any) -> None:
    document = parse(encode(world.document)) | changed
    done = world.client.post(
        "/documents", data=encode(document), content_type="application/json", headers=world.by["ours"]
    )
    assert done.status_code == 201, done.data


def test_what_has_changed_is_told_once(world: World) -> None:
    first = asked(world)
    assert [one["id"] for one in first["documents"]] == [world.document["id"]]
    assert first["more"] is False
    since = f"?changed-since={first['next']}"
    assert asked(world, since)["documents"] == []
    world.give(NEUVOLA, "Appointment")
    meeting = world.of("Appointment")[0]
    world.send("neuvola", "PUT", f"Appointment/{meeting['id']}", meeting | {"comment": "Ovi B."})
    after = asked(world, since)
    assert [one["id"] for one in after["documents"]] == [world.document["id"]]
    assert asked(world, f"?changed-since={after['next']}")["documents"] == []
    posted(world, version=world.document["version"] + 1)
    newer = asked(world, f"?changed-since={after['next']}")
    assert [one["version"] for one in newer["documents"]] == [world.document["version"] + 1]


def test_pages_lose_and_repeat_nothing(world: World) -> None:
    for number in range(6):
        posted(world, id=f"copy-{number}")
    seen: list[str] = []
    query = "?_count=3"
    while True:
        page = asked(world, query)
        seen += [one["id"] for one in page["documents"]]
        if not page["more"]:
            break
        query = f"?_count=3&changed-since={page['next']}"
    assert sorted(seen) == sorted([world.document["id"], *(f"copy-{number}" for number in range(6))])


def test_each_sees_its_own(world: World) -> None:
    assert asked(world, who="others")["documents"] == []
    assert asked(world, who="neuvola")["documents"] == []
    assert len(asked(world, who="admin")["documents"]) == 1
    path = f"/documents/{world.document['id']}"
    absent = world.client.get("/documents/nobody", headers=world.by["others"])
    hidden = world.client.get(path, headers=world.by["others"])
    assert (hidden.status_code, hidden.data) == (404, absent.data)


def test_two_systems_may_use_one_id(world: World) -> None:
    source = world.document["source"] | {"system": "urn:oid:2.999.13.10.1.5.9"}
    posted(world, source=source)
    path = f"/documents/{world.document['id']}"
    several = world.client.get(path, headers=world.by["ours"])
    assert (several.status_code, keys(several)) == (400, ["inbound.several"])
    one = world.client.get(path, query_string={"system": source["system"]}, headers=world.by["ours"])
    assert one.status_code == 200
    assert parse(one.data)["document"]["source"] == source


def test_what_cannot_be_understood_is_refused(world: World) -> None:
    for query, key in (
        ("?changed-since=yesterday", "inbound.since"),
        ("?changed-since=2026-13-01", "inbound.since"),
        ("?_count=0", "http.parameter-value"),
        ("?since=2026-01-01", "http.parameter-unknown"),
    ):
        answer = world.client.get(f"/documents{query}", headers=world.by["ours"])
        assert (answer.status_code, keys(answer)) == (400, [key]), query
    day = asked(world, "?changed-since=2026-03-29")
    assert len(day["documents"]) == 1
    assert asked(world, "?changed-since=2026-03-29T13:00:00%2B03:00")["documents"] == []
