"""The first documents after a start: one by one, until what all of them need is compiled."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from service.api import warming
from service.api.engine import Engine
from service.api.warming import OneByOne


def test_documents_are_taken_while_the_rest_is_compiled(engine: Engine, app: Flask, example: bytes) -> None:
    door = OneByOne(app)
    thread = door.warm(engine.converter)
    client = Client(door)
    assert client.post("/documents", data=example, content_type="application/json").status_code == 201
    assert client.get("/health").status_code == 200
    thread.join()
    assert not door.is_warming
    assert client.post("/documents", data=example, content_type="application/json").status_code == 200


def test_a_document_waits_for_another_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            inside.set()
            go_on.wait()
        start_response("200 OK", [])
        return [b""]

    monkeypatch.setattr(warming, "PATIENCE", 0.01)
    door = OneByOne(slow)
    first = threading.Thread(target=Client(door).post, args=("/slow",))
    first.start()
    inside.wait()
    assert Client(door).post("/quick").status_code == 200
    assert Client(door).get("/quick").status_code == 200
    go_on.set()
    first.join()


def test_documents_are_let_in_freely_even_where_an_example_cannot_be_read(
    engine: Engine, app: Flask, tmp_path: Path
) -> None:
    door = OneByOne(app)
    with pytest.raises(FileNotFoundError):
        door.run(engine.converter, [tmp_path / "gone.json"])
    assert not door.is_warming
