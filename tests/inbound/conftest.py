"""A plan that was given to a neuvola and to early education, and who calls."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.engine import Engine
from service.fhir.json import encode, parse
from service.store.disclosures import Given, disclose
from tests.api.backend import bearer, register, store_of
from tests.api.conftest import EXAMPLES, NOON, application, closed, engine
from tests.store.conftest import postgresql, url

__all__ = ["engine", "postgresql", "url"]

OURS, NEUVOLA, DAYCARE, STRANGER = "2.999.13.10.1", "2.999.13.10.31", "2.999.13.10.32", "2.999.13.10.33"
Json = dict[str, Any]


@dataclass
class World:
    """An application with one document of ours; `bundle` is what was stored of it, `by` the headers of each caller."""

    app: Flask
    client: FlaskClient
    by: dict[str, dict[str, str]]
    document: Json
    bundle: Json

    def of(self, type_name: str) -> list[Json]:
        resources = [entry["resource"] for entry in self.bundle["entry"]]
        return [one for one in resources if one["resourceType"] == type_name]

    def give(self, organisation: str, *types: str) -> None:
        """Everything of these types has reached `organisation`."""
        self._disclose(organisation, [Given(one["resourceType"], one["id"], 1, None) for one in self._all(types)])

    def give_copies(self, organisation: str, *types: str, without: tuple[str, ...] = ()) -> None:
        """Everything of these types has reached `organisation`, less the elements `without`."""
        copies = [{name: one[name] for name in one if name not in without} for one in self._all(types)]
        self._disclose(organisation, [Given(one["resourceType"], one["id"], 1, encode(one)) for one in copies])

    def _all(self, types: tuple[str, ...]) -> list[Json]:
        return [one for name in types for one in self.of(name)]

    def _disclose(self, organisation: str, given: list[Given]) -> None:
        store_of(self.app).database.write(lambda connection: disclose(connection, organisation, given, 0))

    def send(self, who: str, method: str, path: str, resource: Json, **headers: str) -> Any:
        return self.client.open(f"/fhir/{path}", method=method, json=resource, headers=self.by[who] | headers)

    def now(self) -> Json:
        """The document as its source system gets it."""
        answer = self.client.get(f"/documents/{self.document['id']}", headers=self.by["ours"])
        assert answer.status_code == 200, answer.data
        found: Json = parse(answer.data)
        return found


@pytest.fixture
def world(engine: Engine, tmp_path: Path, url: str) -> Iterator[World]:
    yield from made(engine, tmp_path, url, "tiimi-case-twins", "detail")


@pytest.fixture
def world_of_tasks(engine: Engine, tmp_path: Path) -> Iterator[World]:
    yield from made(engine, tmp_path, None, "aika-shared-plan-measures-abc", "reference")


def made(engine: Engine, data: Path, url: str | None, example: str, style: str) -> Iterator[World]:
    ticks = itertools.count()
    app = application(
        engine, data, lambda: NOON + timedelta(milliseconds=10 * next(ticks)), database=url, activity_style=style
    )
    roles = {"ours": (OURS, "source"), "neuvola": (NEUVOLA, "recipient"), "daycare": (DAYCARE, "recipient")}
    roles |= {"stranger": (STRANGER, "recipient"), "others": ("2.999.13.10.2", "source"), "admin": (OURS, "admin")}
    for name, (organisation, role) in roles.items():
        register(app, name, organisation, role)
    document = parse(next(file for file in EXAMPLES if example in file.name).read_bytes())
    document["source"]["organisation"] = OURS
    with app.test_client() as client:
        by = {name: bearer(app, name) for name in roles}
        headers = by["ours"] | {"Accept": "application/fhir+json"}
        answer = client.post("/documents", data=encode(document), content_type="application/json", headers=headers)
        assert answer.status_code == 201, answer.data
        yield World(app, client, by, document, parse(answer.data))
    closed(app)
