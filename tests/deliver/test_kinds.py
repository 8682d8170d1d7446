"""Documents and files through the worker: delivered, logged with the bytes that left, and taken back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.deliver.receivers import make
from service.deliver.receivers.base import Receiver
from service.deliver.settings import read
from service.deliver.shipments import Kit
from tests.deliver.shipments import TOOLS
from tests.deliver.world import NEUVOLA, World, case, revoked, settings, sha256
from tests.shared import ROOT

FORMS: dict[str, dict[str, Any]] = {
    "bundle": {"form": "bundle"},
    "reference": {"form": "reference"},
    "inline": {"form": "reference", "attachment": "inline"},
}
Run = Callable[[], None]


def _runner(world: World, receiver: Receiver) -> Run:
    def run() -> None:
        world.clock.forward(3600)
        world.worker(receiver, kit=Kit(world.policy, tools=TOOLS)).run(once=True)

    return run


def _states(world: World) -> list[str]:
    found = [(one.payload, one.state) for one in world.rows()]
    return [f"{payload} {state}" for payload, state in sorted(found)]


@pytest.mark.parametrize("form", FORMS)
def test_documents(world: World, form: str) -> None:
    receiver = make(settings(world.double.url, kind="fhir_document", options=FORMS[form]))
    run = _runner(world, receiver)
    world.accept(case())
    world.double.script.set([{"do": "lose-reply"}])
    run()
    assert (world.rows()[0].state, len(world.log())) == ("waiting", 0)
    effects = world.double.effects()
    run()
    assert world.double.effects() == effects
    (disclosed,) = world.log()
    assert disclosed.event().detail.digests == (sha256(world.sent()[-1]),)
    world.accept(revoked(case()))
    run()
    assert "withdrawal delivered" in _states(world)
    kind = "Bundle" if form == "bundle" else "DocumentReference"
    held = world.double.records.all(kind)
    heads = [one["entry"][0]["resource"] for one in held] if form == "bundle" else held
    expected = {"bundle": ["entered-in-error", "final"]}.get(form, ["entered-in-error"] * 2)
    assert sorted(one["status"] for one in heads) == expected
    assert [row.event().detail.interaction for row in world.log()] == ["disclosure", "withdrawal"]


def test_files(world: World, tmp_path: Path) -> None:
    example = read(ROOT / "receivers" / "early-education-folder.toml")
    options = {name: value for name, value in example.options.items() if name != "drop"} | {"pdf": True}
    # What neuvola may have of this plan; the labels ask for it.
    options["answers"] = [
        {"label": {"fi": "Tarpeet"}, "value": "%resources.where(resourceType='Goal').description.text"}
    ]
    folder = tmp_path / "in"
    made = replace(example, url=folder.as_uri(), organisation=NEUVOLA, sector="health", options=options, lanes=1)
    run = _runner(world, make(made))
    world.accept(case())
    run()
    # A share that is not mounted: nothing is lost, nothing is logged.
    assert (world.rows()[0].state, world.rows()[0].status, world.log()) == ("waiting", "drops.failed", [])
    folder.mkdir()
    run()
    assert world.rows()[0].state == "delivered"
    files = sorted(folder.iterdir())
    assert [one.name.rpartition("_")[2].partition(".")[2] for one in files] == ["json", "metadata.json", "pdf"]
    (disclosed,) = world.log()
    assert set(disclosed.event().detail.digests) == {sha256(one.read_bytes()) for one in files}
    run()
    assert sorted(folder.iterdir()) == files
    world.accept(revoked(case()))
    run()
    assert "withdrawal delivered" in _states(world)
    (left,) = folder.iterdir()
    assert left.name.endswith(".withdrawal.json")
