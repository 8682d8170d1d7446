"""What a newer version of a plan has no longer is taken back with it: receivers hold the newest content."""

import copy
from typing import Any

import pytest

from service.deliver import printout
from service.store.visibility import EVERYTHING, recipient
from tests.deliver.world import NEUVOLA, World, case

ONE_BY_ONE = {"*": {"conditionalCreate": False, "conditionalUpdate": False}, "system": ["batch"]}
SECOND = "Molemmissa kodeissa on samat nukkumaanmenoajat."


def without_second_need(document: Any, version: int) -> Any:
    made = copy.deepcopy(document) | {"version": version}
    (plan,) = made["plans"]
    plan["needs"] = [one for one in plan["needs"] if one["id"] != "n2"]
    for one in [*plan["services"], *plan["measures"]]:
        one["needs"] = [need for need in one.get("needs", ["n1"]) if need != "n2"] or ["n1"]
    return made


def goals(world: World) -> dict[str, str]:
    """The needs that the receiver holds: their texts, or their ids where they have none, and their states."""
    held = world.double.records.all("Goal")
    return {one["description"].get("text", "-"): one["lifecycleStatus"] for one in held}


@pytest.mark.parametrize("abilities", [{}, ONE_BY_ONE], ids=["whole", "one-by-one"])
def test_what_a_newer_version_has_no_longer_is_taken_back_with_it(world: World, abilities: dict[str, Any]) -> None:
    world.double.abilities.update(abilities)
    document = case()
    done = world.accept(document)
    world.deliver()
    assert goals(world)[SECOND] == "accepted" and len(goals(world)) == 2
    needs = [one.partition("/")[2] for one in done.resources if one.startswith("Goal/")]
    (gone,) = [one for one in needs if SECOND.encode() in (world.store.read("Goal", one, EVERYTHING).body or b"")]
    assert world.store.read("Goal", gone, recipient(NEUVOLA)) is not None
    world.clock.forward(60)
    world.accept(without_second_need(document, 2))
    world.deliver()
    first = next(text for text in goals(world) if text not in ("-", SECOND))
    assert goals(world) == {first: "active", "-": "entered-in-error"}
    # It was one delivery, whose record says what it took back; and it is not to be seen here either.
    given = printout.told(world.log())
    assert [one.taken_back for one in given] == [(), (f"Goal/{gone}",)]
    assert given[0].parts == given[1].parts != ()
    assert world.store.read("Goal", gone, recipient(NEUVOLA)) is None


def test_what_was_taken_back_once_is_left_alone_and_can_come_again(world: World) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    for version, made in ((2, without_second_need(document, 2)), (3, without_second_need(document, 3))):
        world.clock.forward(60)
        made["plans"][0]["title"] = f"Otsikko {version}"
        world.accept(made)
        world.deliver()
    assert [bool(one.taken_back) for one in printout.told(world.log())] == [False, True, False]
    world.clock.forward(60)
    world.accept(document | {"version": 4})
    world.deliver()
    assert goals(world)[SECOND] == "accepted" and len(goals(world)) == 2


def test_what_arrived_without_an_answer_is_taken_back_too(world: World) -> None:
    """The first version was never confirmed, and somebody has let the newer one past it."""
    document = case()
    world.accept(document)
    world.double.script.set([{"do": "lose-reply"}])
    world.deliver()
    assert world.row().doubt == 1
    world.set_aside(world.row())
    world.clock.forward(60)
    world.accept(without_second_need(document, 2))
    world.deliver()
    assert "-" in goals(world) and SECOND not in goals(world)


def test_what_a_permission_no_longer_covers_is_taken_back(world: World) -> None:
    document = case()
    world.accept(document)
    world.deliver()
    world.clock.forward(60)
    less = copy.deepcopy(document) | {"version": 2}
    less["plans"][0]["recipients"][0]["parts"].remove("needs")
    world.accept(less)
    world.deliver()
    assert set(goals(world).values()) == {"entered-in-error"}
