"""What may grow in a source document that is checked or converted."""

from collections.abc import Callable
from typing import Any

from service.fhir import json
from service.intake import check
from tests.fuzz import convert
from tests.fuzz.growing.base import Growth, Work


def source(change: Callable[[dict[str, Any], int], None], whole: bool = False) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        files = (json.parse(text) for text in convert.seeds())
        document = next(one for one in files if one.get("kind") == "shared-plan")
        change(document, size)
        text = json.encode(document)
        if whole:
            return lambda: convert.converter().convert_text(text)
        return lambda: check(document)

    return make


def _measures(document: dict[str, Any], size: int) -> None:
    first = document["plan"]["measures"][0]
    document["plan"]["measures"] = [{**first, "id": f"m{i}"} for i in range(size)]


def _children(document: dict[str, Any], size: int) -> None:
    first = {key: value for key, value in document["family"]["children"][0].items() if key != "hetu"}
    document["family"]["children"] += [{**first, "id": f"c{i}", "temporaryId": f"t{i}"} for i in range(size)]


def _unknown(document: dict[str, Any], size: int) -> None:
    document |= {f"x{i}": 1 for i in range(size)}


def _text(text: str) -> Callable[[dict[str, Any], int], None]:
    def change(document: dict[str, Any], size: int) -> None:
        document["plan"]["measures"][0]["text"] = text * size

    return change


INTAKE = [
    Growth("intake: measures", 20, source(_measures)),
    Growth(
        "intake: the same measure", 20, source(lambda d, n: d["plan"].update(measures=d["plan"]["measures"][:1] * n))
    ),
    Growth("intake: children", 20, source(_children)),
    Growth("intake: unknown keys", 50, source(_unknown)),
    Growth(
        "intake: professionals",
        20,
        source(lambda d, n: d.update(professionals=[{**d["professionals"][0], "id": f"p{i}"} for i in range(n)])),
    ),
    *(
        Growth(f"intake: a text of {text!r}", 500, source(_text(text)))
        for text in ("a", "010199-9999 ", "0101", "\x00", "<b>", "\u202e")
    ),
    Growth("convert: measures", 10, source(_measures, whole=True)),
    Growth("convert: a text", 200, source(_text("sana "), whole=True)),
]
